"""`bundle.json`: what a bundle is and which files belong to it, checked before any of them is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from crosshash.artifacts import read_json
from crosshash.checksums import file_sha256
from crosshash.errors import CrosshashError, listed
from crosshash.workers.threads import in_threads

NAME = "bundle.json"
VERSION = 1
PICTURES = "pictures"
REMEDY = "Copy the bundle again, or make it anew: `crosshash export bundle` in its project."


class StoredFile(BaseModel):
    """Bytes and sha256, in hex, of a file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    size: int
    sha256: str


class Manifest(BaseModel):
    """What `bundle.json` says.

    digest: of the model; dims, readers: by modality, the width of vectors that are read, and what makes the
    networks' inputs (`crosshash.readers.described`), long values being names of files; vectors: how items are
    stored where it is not by signs; rerank: candidates of methods that quantise; warning: beside the scores;
    pictures: how many there are; card: for people.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    version: int
    crosshash: str
    method: str
    dataset: str
    bits: int
    train_bits: int
    digest: str
    max_side: int
    dims: dict[Literal["image", "text"], int | None]
    readers: dict[Literal["image", "text"], dict[str, Any]]
    quantises: bool
    vectors: Literal["none", "pq", "rabitq"] | None
    rerank: int | None
    warning: str | None
    pictures: int
    card: dict[str, Any]
    files: dict[str, StoredFile]


def read_manifest(folder: Path) -> Manifest:
    """Read what a bundle is, once all of its files are what they were.

    Raises:
        CrosshashError: no bundle, one of another version, or files that are missing, cut or changed, which
            are all named.
    """
    path = folder / NAME
    if not path.is_file():
        raise CrosshashError(f"{folder}: is no bundle, for {NAME} is missing. {REMEDY}")
    try:
        raw = read_json(path)
    except CrosshashError as error:
        told = str(error).partition(" Delete it")[0]
        raise CrosshashError(f"{told} {REMEDY}") from None
    version = raw.get("version") if isinstance(raw, dict) else None
    if version != VERSION:
        raise CrosshashError(
            f"{path}: is a bundle of version {version}, this crosshash reads version {VERSION}. Install the "
            "crosshash that wrote it, or make the bundle anew: `crosshash export bundle` in its project."
        )
    try:
        manifest = Manifest.model_validate(raw)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise CrosshashError(f"{path}: does not describe a bundle:\n{listed(problems)}\n{REMEDY}") from None
    _check(folder, manifest)
    return manifest


def described_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Describe all files of a new bundle, but for the pictures, whose names say what they hold."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {
        name: {"size": (folder / name).stat().st_size, "sha256": file_sha256(folder / name)}
        for name in names
        if name != NAME and not name.startswith(f"{PICTURES}/")
    }


def count_pictures(folder: Path) -> int:
    """Count the pictures of a bundle."""
    return sum(path.suffix == ".jpg" for path in (folder / PICTURES).glob("*/*"))


def read_part(folder: Path, name: str) -> str:
    """Read a text file of a bundle that was checked."""
    return (folder / name).read_text(encoding="utf-8")


def _check(folder: Path, manifest: Manifest) -> None:
    files = sorted(manifest.files.items(), key=lambda item: -item[1].size)
    problems = [one for one in in_threads(lambda item: _problem(folder, *item), files) if one]
    found = count_pictures(folder)
    if found != manifest.pictures:
        problems.append(f"{PICTURES}: {found} files, there were {manifest.pictures}")
    if problems:
        raise CrosshashError(f"{folder}: the bundle is not whole:\n{listed(problems)}\n{REMEDY}")


def _problem(folder: Path, name: str, stored: StoredFile) -> str:
    """Say what is wrong with a file; nothing where it is as it was written."""
    path = folder / name
    try:
        size = path.stat().st_size
        if size != stored.size:
            return f"{name}: {size} bytes, there were {stored.size}"
        return "" if file_sha256(path) == stored.sha256 else f"{name}: its checksum differs"
    except FileNotFoundError:
        return f"{name}: missing"
    except OSError as error:
        return f"{name}: cannot be read ({error.strerror})"
