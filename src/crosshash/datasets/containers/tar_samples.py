"""Tar files in which the members of an item follow one another under one name: what each item is made of."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from crosshash.config.user_files import refuse_pointer
from crosshash.errors import CrosshashError
from crosshash.formats.image_names import PICTURES
from crosshash.formats.pieces import Piece

TEXT, FACTS = "txt", "json"
GZIP = b"\x1f\x8b"
PIECE = 1 << 20
LONGEST = 1 << 26  # bytes of one text; more is no caption


@dataclass
class Sample:
    """An item of a tar file: where its pictures lie, its text, what its .json says, its other endings."""

    pictures: list[Piece] = field(default_factory=list)
    text: str | None = None
    facts: dict[str, Any] | None = None
    others: set[str] = field(default_factory=set)


def read_samples(path: Path) -> dict[str, Sample]:
    """Read the samples of a tar file by their key, in its order; pictures are not read.

    A key is the name up to the first dot of its last part, the ending what follows, as webdataset has it
    (webdataset 1.0.2, tariterators.base_plus_ext). Members of a key need not follow one another.

    Raises:
        CrosshashError: the file is no tar, is cut, or goes on after its end; a text is not UTF-8, a .json no
            object.
    """
    refuse_pointer(path)
    samples: dict[str, Sample] = {}
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            for member in _files(tar):
                key, ending = _key(member.name)
                if not key:
                    continue
                _take(samples.setdefault(key, Sample()), ending, member, file, path)
            _check_end(path, file, tar.offset)
    except tarfile.TarError as error:
        raise _unreadable(path, str(error)) from None
    except OSError as error:
        raise CrosshashError(f"{path}: cannot be read ({error.strerror}).") from None
    return samples


def _files(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the files, and forget them, of which there may be many."""
    for member in tar:
        if member.isfile():
            yield member
        tar.members = []  # type: ignore[attr-defined]


def _key(name: str) -> tuple[str, str]:
    """Part a name into key and ending; hidden files, as macOS adds them, have none."""
    folder, slash, last = name.removeprefix("./").rpartition("/")
    key, _, ending = last.partition(".")
    return (folder + slash + key, ending.lower()) if key and ending else ("", "")


def _take(sample: Sample, ending: str, member: tarfile.TarInfo, file: BinaryIO, path: Path) -> None:
    """Note what a member adds to its sample."""
    if f".{ending}" in PICTURES:
        sample.pictures.append(Piece(str(path), member.offset_data, member.size))
    elif ending == TEXT:
        sample.text = _text(file, member, path)
    elif ending == FACTS:
        sample.facts = _facts(_text(file, member, path), member.name, path)
    else:
        sample.others.add(ending)


def _text(file: BinaryIO, member: tarfile.TarInfo, path: Path) -> str:
    if member.size > LONGEST:
        raise CrosshashError(f"{path}: {member.name}: {member.size:,} bytes are no text. Take it out.")
    file.seek(member.offset_data)
    data = file.read(member.size)
    if len(data) < member.size:
        raise _unreadable(path, f"{member.name} is cut")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CrosshashError(
            f"{path}: {member.name}: byte {error.start + 1} (0x{data[error.start]:02x}) is not UTF-8. Write "
            "the shard again with texts in UTF-8."
        ) from None


def _facts(text: str, name: str, path: Path) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CrosshashError(f"{path}: {name}: is no JSON ({error}). Write the shard again.") from None
    if not isinstance(value, dict):
        raise CrosshashError(f"{path}: {name}: holds no object with keys and values. Write the shard again.")
    return value


def _check_end(path: Path, file: BinaryIO, end: int) -> None:
    """See that the archive ends as archives do: a cut one ends early without a word from tarfile."""
    file.seek(end)
    first = file.read(tarfile.BLOCKSIZE)
    if len(first) < tarfile.BLOCKSIZE:
        raise _unreadable(path, "it has no end mark")
    while first:
        if first.strip(b"\0"):
            raise CrosshashError(
                f"{path}: goes on after the end of the archive, as if several had been joined. Give each a "
                "file of its own."
            )
        first = file.read(PIECE)


def _unreadable(path: Path, finding: str) -> CrosshashError:
    try:
        with path.open("rb") as file:
            packed = file.read(len(GZIP)) == GZIP
    except OSError:
        packed = False
    if packed:
        return CrosshashError(
            f"{path}: is packed by gzip. Unpack it: pictures are read by their place in it."
        )
    return CrosshashError(
        f"{path}: cannot be read as a tar file to its end ({finding}); it is cut or damaged. Delete it and "
        "fetch or write it again: img2dataset does so with --incremental_mode incremental."
    )
