"""Data sets that others publish: which files they consist of, and getting hold of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypedDict
from urllib.parse import quote

from crosshash.data.download import WAITS, Order, bytes_there, download_token, fetch_files, file_sizes
from crosshash.data.lock import locked
from crosshash.data.raw import describe_files
from crosshash.data.receipts import is_whole, read_receipt, received_files
from crosshash.data.receive import RECEIVED, check_room, clear_remains, put_in_place
from crosshash.data.source import RawFile
from crosshash.data.tree import files_below, first_there, join
from crosshash.errors import CrosshashError, listed

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

    Where the local copy holds only some of the sources unpacked, it is a folder of links to both.

    Raises:
        CrosshashError: the local copy is no folder.
    """
    copy = _local_copy(local, dataset, wanted)
    held = _held(copy, wanted)
    if copy is None or not held:
        return raw / dataset
    return copy if held == {one.source for one in wanted} else raw / dataset / JOINED


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


def obtain(
    raw: Path,
    dataset: str,
    sources: Sequence[Source],
    wanted: Sequence[Wanted],
    local: str | None,
    mirror: str | None,
    checksums: Literal["known", "first"],
    parallel: int,
    waits: Sequence[float] = WAITS,
) -> list[RawFile]:
    """See that all wanted files are there, downloaded and unpacked if need be, and list them.

    Names are relative to `published_folder`. What is there and right is not fetched again. waits: seconds
    before each new try of a transfer that broke off.

    Raises:
        CrosshashError: files are missing and cannot be downloaded (all of them are listed, with those that
            are there, and where each comes from), a checksum is wrong, an archive is damaged or unsafe, the
            disk is full.
    """
    copy = _local_copy(local, dataset, wanted)
    held = _held(copy, wanted)
    names = {one.source for one in wanted} - held
    needed = [_expected(raw / dataset, source, checksums) for source in sources if source.name in names]
    if not all(_is_received(raw / dataset, source) for source in needed):
        with locked(raw / f".{dataset}.lock", f"{dataset}: another process is fetching it; waiting for that"):
            todo = [source for source in needed if not _is_received(raw / dataset, source)]
            packed = _packed(todo, dataset, local)
            if any(source.name not in packed and _address(source, mirror) is None for source in todo):
                raise _missing(dataset, sources, wanted, (copy, raw / dataset), packed, mirror)
            _receive(raw / dataset, todo, packed, mirror, parallel, waits)
    folder = published_folder(raw, dataset, local, wanted)
    places = {one: copy if copy is not None and one.source in held else raw / dataset for one in wanted}
    paths = {one: find_wanted(place, one).relative_to(place).as_posix() for one, place in places.items()}
    if not held:
        return received_files(raw / dataset / RECEIVED, [source.name for source in needed])
    if folder != copy:
        join(folder, {paths[one]: places[one] / paths[one] for one in wanted})
    return describe_files(folder, files_below(folder, paths.values()))


def _local_copy(local: str | None, dataset: str, wanted: Sequence[Wanted]) -> Path | None:
    """Give the local folder, or its subfolder named as the data set if more of what is wanted is in there."""
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


def _held(copy: Path | None, wanted: Sequence[Wanted]) -> set[str]:
    """Name the sources of which all that is wanted lies unpacked in the local copy."""
    if copy is None:
        return set()
    lacking = {one.source for one in wanted if first_there(copy, one.paths) is None}
    return {one.source for one in wanted} - lacking


def _expected(here: Path, source: Source, checksums: Literal["known", "first"]) -> Source:
    """Give the source with the size and sha256 that it must have: those known, else of its first download."""
    receipt = read_receipt(here / RECEIVED, source.name)
    known = source if checksums == "known" else replace(source, size=None, sha256=None)
    if receipt is None or known.sha256 is not None:
        return known
    return replace(known, size=known.size or receipt.size, sha256=receipt.sha256)


def _is_received(here: Path, source: Source) -> bool:
    """Say whether it was received with the size and sha256 expected, and all its files are there."""
    receipt = read_receipt(here / RECEIVED, source.name)
    return (
        receipt is not None
        and source.sha256 in (None, receipt.sha256)
        and source.size in (None, receipt.size)
        and is_whole(receipt, here)
    )


def _packed(sources: Sequence[Source], dataset: str, local: str | None) -> dict[str, Path]:
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


def _address(source: Source, mirror: str | None) -> str | None:
    return source.url if mirror is None else f"{mirror.rstrip('/')}/{quote(source.name)}"


def _receive(
    here: Path,
    sources: Sequence[Source],
    packed: Mapping[str, Path],
    mirror: str | None,
    parallel: int,
    waits: Sequence[float],
) -> None:
    """Download what is not in the local copy, and put all in its place."""
    received = here / RECEIVED
    clear_remains(received)
    token = download_token() if mirror is not None else None
    orders = [
        Order(source.name, address, source.origin, source.size, source.sha256)
        for source in sources
        if source.name not in packed and (address := _address(source, mirror)) is not None
    ]
    sizes = file_sizes(received, orders, token, parallel)
    coming = sum(max(0, size - bytes_there(received, name)) for name, size in sizes.items())
    sizes |= {name: path.stat().st_size for name, path in packed.items()}
    check_room(here, coming, sum(sizes[one.name] for one in sources if one.folder is not None))
    fetch_files(received, orders, token, parallel, waits)
    for one in sources:
        path = packed.get(one.name, received / one.name)
        origin = str(path) if one.name in packed else str(_address(one, mirror))
        put_in_place(here, one.name, one.folder, path, origin, one.size, one.sha256)


def _missing(
    dataset: str,
    sources: Sequence[Source],
    wanted: Sequence[Wanted],
    places: Sequence[Path | None],
    packed: Mapping[str, Path],
    mirror: str | None,
) -> CrosshashError:
    """List all that is wanted, whether it is there, and where it comes from."""
    by_name = {source.name: source for source in sources}
    lines = []
    for one in wanted:
        there = [place / path for place in places if place and (path := first_there(place, one.paths))]
        source = by_name[one.source]
        url = _address(source, mirror)
        where = "cannot be downloaded" if url is None else url
        if there:
            lines.append(f"there: {there[0]}")
        elif one.source in packed:
            lines.append(f"there, packed: {_or(one.paths)} in {packed[one.source]}")
        else:
            lines.append(f"missing: {_or(one.paths)}, from {source.name} ({where}; {source.origin})")
    return CrosshashError(
        f"{dataset}: files are missing that cannot be downloaded. What is wanted:\n"
        f"{listed(lines, len(lines))}\n"
        "Put the missing ones into a folder, packed or unpacked, and give it with `download.local: PATH` in "
        "params.yaml. Of an archive unpack all or nothing: what is there of it in part is not used."
    )


def _or(paths: Sequence[str]) -> str:
    return " or ".join(f"'{path}'" for path in paths)
