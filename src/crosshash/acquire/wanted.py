"""What a published data set consists of, what of it is there, and where the rest comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from crosshash.acquire.tree import first_there
from crosshash.errors import CrosshashError, listed


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


def find_wanted(folder: Path, wanted: Wanted) -> Path:
    """Give the first of the paths that is there.

    Raises:
        CrosshashError: none is.
    """
    path = first_there(folder, wanted.paths)
    if path is None:
        raise CrosshashError(
            f"{folder}: {_or(wanted.paths)} is not there; {wanted.source} should hold it. "
            "Run `dvc repro --force download`; if that does not bring it, give a folder that has it with "
            "`download.local` in params.yaml."
        )
    return folder / path


def local_copy(local: str | None, dataset: str, wanted: Sequence[Wanted]) -> Path | None:
    """Give the local folder, or its subfolder named as the data set if more of what is wanted is in there.

    Raises:
        CrosshashError: it is no folder.
    """
    if local is None:
        return None
    folder = Path(local)
    if not folder.is_dir():
        finding = "is a file" if folder.is_file() else "is not there"
        raise CrosshashError(f"params.yaml: download.local: '{local}' {finding}. Give a folder.")
    return max(
        (folder, folder / dataset),
        key=lambda place: sum(first_there(place, one.paths) is not None for one in wanted),
    )


def held_sources(copy: Path | None, wanted: Sequence[Wanted]) -> set[str]:
    """Name the sources of which all that is wanted lies unpacked in the local copy."""
    if copy is None:
        return set()
    lacking = {one.source for one in wanted if first_there(copy, one.paths) is None}
    return {one.source for one in wanted} - lacking


def packed_sources(sources: Sequence[Source], dataset: str, local: str | None) -> dict[str, Path]:
    """Find the sources that lie in the local folder, or in its subfolder, as they are given out."""
    if local is None:
        return {}
    places = (Path(local).absolute(), Path(local).absolute() / dataset)
    return {
        source.name: place / source.name
        for source in sources
        for place in places
        if (place / source.name).is_file()
    }


def address_of(source: Source, mirror: str | None) -> str | None:
    """Give the address to fetch it from; None where it cannot be downloaded."""
    return source.url if mirror is None else f"{mirror.rstrip('/')}/{quote(source.name)}"


def inventory(
    sources: Sequence[Source],
    wanted: Sequence[Wanted],
    places: Sequence[Path | None],
    packed: Mapping[str, Path],
    mirror: str | None,
) -> str:
    """List all that is wanted, whether it is there, and where it comes from, with what to do about it."""
    by_name = {source.name: source for source in sources}
    lines = []
    for one in wanted:
        there = [place / path for place in places if place and (path := first_there(place, one.paths))]
        source = by_name[one.source]
        where = address_of(source, mirror) or "cannot be downloaded"
        if there:
            lines.append(f"there: {there[0]}")
        elif one.source in packed:
            lines.append(f"there, packed: {_or(one.paths)} in {packed[one.source]}")
        else:
            lines.append(f"missing: {_or(one.paths)}, from {source.name} ({where}; {source.origin})")
    looked = " and ".join(str(place) for place in places if place)
    return (
        f"Looked for in {looked}:\n{listed(lines, len(lines))}\n"
        "Put the missing ones into a folder, packed or unpacked, and give it with `download.local: PATH` in "
        "params.yaml. Of an archive unpack all or nothing: what is there of it in part is not used."
    )


def _or(paths: Sequence[str]) -> str:
    return " or ".join(f"'{path}'" for path in paths)
