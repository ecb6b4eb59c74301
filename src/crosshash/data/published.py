"""Data sets that others publish: which files they consist of, and getting hold of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

from crosshash.data.raw import describe_files
from crosshash.data.source import RawFile
from crosshash.data.tree import files_below, first_there
from crosshash.errors import CrosshashError


JOINED = ".joined"


@dataclass(frozen=True)
class Source:
    """A file as its publisher gives it out.

    name: file name, also below a mirror's address. origin: the page it comes from and what it asks for (a
    form, an account), for messages. url: None where it cannot be downloaded (any more). size in bytes and
    sha256 as far as they are known. folder: where its members go, relative to the data set's folder; None:
    it is no archive.
    """

    name: str
    origin: str
    url: str | None = None
    size: int | None = None
    sha256: str | None = None
    folder: str | None = ""


@dataclass(frozen=True)
class Wanted:
    """Something that reading the data set needs.

    paths: where it may lie, relative to the data set's folder, the first that is there counts; one that ends
    with a slash is a folder that is not empty. source: name of the Source that holds it.
    """

    paths: tuple[str, ...]
    source: str


class Transfer(TypedDict):
    """The section `download` of params.yaml, as keyword arguments of a published data set's `fetch`."""

    local: str | None
    mirror: str | None
    checksums: Literal["known", "first"]
    parallel: int


def published_folder(raw: Path, dataset: str, local: str | None, wanted: Sequence[Wanted]) -> Path:
    """Say where a data set lies unpacked: in the local copy if all is there, else in `raw/<dataset>`.

    Where a part is in the local copy alone, it is a folder in `raw/<dataset>` with links to all parts.

    Raises:
        CrosshashError: the local copy is no folder.
    """
    copy = _local_copy(local, dataset, wanted)
    held = 0 if copy is None else sum(first_there(copy, one.paths) is not None for one in wanted)
    if copy is None or not held:
        return raw / dataset
    return copy if held == len(wanted) else raw / dataset / JOINED


def find_wanted(folder: Path, wanted: Wanted) -> Path:
    """Give the first of the paths that is there.

    Raises:
        CrosshashError: none is.
    """
    path = first_there(folder, wanted.paths)
    if path is None:
        raise CrosshashError(
            f"{folder}: {_or(wanted.paths)} is not there, it comes from {wanted.source}. Run `dvc repro "
            "--force download`."
        )
    return folder / path


def obtain(
    raw: Path,
    dataset: str,
    sources: Sequence[Source],
    wanted: Sequence[Wanted],
    local: str | None,
    mirror: str | None,
    checksums: Literal["known", "first"],
    parallel: int,
) -> list[RawFile]:
    """See that all wanted files are there, downloaded and unpacked if need be, and list them.

    Names are relative to `published_folder`. What is there and right is not fetched again.

    Raises:
        CrosshashError: files are missing and cannot be downloaded (all of them are listed, with those that
            are there, and where each comes from), a checksum is wrong, an archive is damaged or unsafe, the
            disk is full.
    """
    copy = _local_copy(local, dataset, wanted)
    if copy is not None and all(first_there(copy, one.paths) is not None for one in wanted):
        return describe_files(copy, files_below(copy, [_path(copy, one) for one in wanted]))
    raise NotImplementedError


def _path(folder: Path, wanted: Wanted) -> str:
    return str(find_wanted(folder, wanted).relative_to(folder))


def _local_copy(local: str | None, dataset: str, wanted: Sequence[Wanted]) -> Path | None:
    """Give the local folder, or its subfolder named as the data set where more of what is wanted is in it."""
    if local is None:
        return None
    folder = Path(local)
    if not folder.is_dir():
        finding = "is a file" if folder.is_file() else "is not there"
        raise CrosshashError(f"params.yaml: download.local: '{local}' {finding}. Give a folder.")
    held = {
        place: sum(first_there(place, one.paths) is not None for one in wanted)
        for place in (folder, folder / dataset)
    }
    return max(held, key=lambda place: held[place])


def _or(paths: Sequence[str]) -> str:
    return " or ".join(f"'{path}'" for path in paths)
