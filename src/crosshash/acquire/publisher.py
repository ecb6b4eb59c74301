"""Data sets that others publish: which files they consist of, and getting hold of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, TypedDict

from crosshash.acquire.download import (
    WAITS,
    NotFetched,
    Order,
    bytes_there,
    download_token,
    fetch_files,
    file_sizes,
)
from crosshash.acquire.receipts import RECEIVED, is_whole, read_receipt, received_files
from crosshash.acquire.receive import check_room, clear_remains, put_in_place
from crosshash.acquire.tree import files_below, first_there, join, joined_name
from crosshash.acquire.wanted import (
    Source,
    Wanted,
    address_of,
    find_wanted,
    held_sources,
    inventory,
    local_copy,
    packed_sources,
)
from crosshash.errors import CrosshashError
from crosshash.pairs.raw_record import describe_files
from crosshash.pairs.source import RawFile
from crosshash.workers.lock import locked

__all__ = ["Source", "Transfer", "Wanted", "find_wanted", "obtain", "published_folder"]


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
    copy = local_copy(local, dataset, wanted)
    held = held_sources(copy, wanted)
    if copy is None or not held:
        return raw / dataset
    if held == {one.source for one in wanted}:
        return copy
    return raw / dataset / joined_name(_links(_places(raw / dataset, copy, held, wanted)))


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
    here, copy = raw / dataset, local_copy(local, dataset, wanted)
    held = held_sources(copy, wanted)
    turn = partial(
        locked, raw / f".{dataset}.lock", f"{dataset}: another process is fetching it; waiting for that"
    )
    names = {one.source for one in wanted} - held
    needed = [_expected(here, source, checksums) for source in sources if source.name in names]
    if not all(_is_received(here, source) for source in needed):
        with turn():
            todo = [source for source in needed if not _is_received(here, source)]
            packed = packed_sources(todo, dataset, local)
            rest = partial(inventory, sources, wanted, (copy, here), mirror=mirror)
            _fetch(here, todo, packed, mirror, parallel, waits, rest)
            _put_in_place(here, todo, packed, mirror)
    places = _places(here, copy, held, wanted)
    for one, place in places.items():
        find_wanted(place, one)
    if not held:
        return received_files(here / RECEIVED, [source.name for source in needed])
    folder, links = published_folder(raw, dataset, local, wanted), _links(places)
    if folder != copy:
        with turn():
            join(folder, links)
    return describe_files(folder, files_below(folder, links))


def _places(
    here: Path, copy: Path | None, held: AbstractSet[str], wanted: Sequence[Wanted]
) -> dict[Wanted, Path]:
    """Say in which folder each wanted thing is to lie: the local copy or the one of downloads."""
    return {one: copy if copy is not None and one.source in held else here for one in wanted}


def _links(places: Mapping[Wanted, Path]) -> dict[str, Path]:
    """Give name and place of all that is there."""
    found = ((first_there(place, one.paths), place) for one, place in places.items())
    return {path: place / path for path, place in found if path is not None}


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


def _fetch(
    here: Path,
    sources: Sequence[Source],
    packed: Mapping[str, Path],
    mirror: str | None,
    parallel: int,
    waits: Sequence[float],
    rest: Callable[..., str],
) -> None:
    """Download what is not in the local copy; `rest(packed=...)` ends the message where that cannot be."""
    if any(source.name not in packed and address_of(source, mirror) is None for source in sources):
        raise CrosshashError(
            f"{here.name}: files are missing that cannot be downloaded. {rest(packed=packed)}"
        )
    received = here / RECEIVED
    clear_remains(received)
    token = download_token() if mirror is not None else None
    orders = [
        Order(source.name, address, source.origin, source.size, source.sha256)
        for source in sources
        if source.name not in packed and (address := address_of(source, mirror)) is not None
    ]
    sizes = file_sizes(received, orders, token, parallel)
    coming = sum(max(0, size - bytes_there(received, name)) for name, size in sizes.items())
    sizes |= {name: path.stat().st_size for name, path in packed.items()}
    archives = sum(sizes[one.name] for one in sources if one.folder is not None)
    copied = sum(sizes[one.name] for one in sources if one.folder is None and one.name in packed)
    check_room(here, coming, archives, copied)
    try:
        fetch_files(received, orders, token, parallel, waits)
    except NotFetched as error:
        came = {one.name: received / one.name for one in orders if (received / one.name).is_file()}
        raise CrosshashError(f"{error}\n{rest(packed={**packed, **came})}") from None


def _put_in_place(
    here: Path, sources: Sequence[Source], packed: Mapping[str, Path], mirror: str | None
) -> None:
    """Unpack or move all that has come or lies in the local copy."""
    for one in sources:
        path = packed.get(one.name, here / RECEIVED / one.name)
        origin = str(path) if one.name in packed else str(address_of(one, mirror))
        put_in_place(here, one.name, one.folder, path, origin, one.size, one.sha256)
