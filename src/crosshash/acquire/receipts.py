"""Receipts: what each source of a published data set was, and which files came out of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from crosshash.artifacts import read_json, write_json
from crosshash.disk import flush_files
from crosshash.errors import CrosshashError, full_disk_named
from crosshash.pairs.source import RawFile

RECEIVED = ".received"
"""Folder of the receipts, and of what is on its way, in a data set's folder."""


@dataclass(frozen=True)
class Receipt:
    """A source that was received.

    size in bytes and sha256 of the file as its publisher gives it out; origin: the address or path it came
    from; files: what it was unpacked to, names relative to the data set's folder.
    """

    origin: str
    size: int
    sha256: str
    files: tuple[RawFile, ...]


def receipt_path(received: Path, source: str) -> Path:
    """Say where the receipt of a source lies."""
    return received / f"{source}.json"


def write_receipt(received: Path, source: str, receipt: Receipt) -> None:
    """Write it, once its files are on the disk; from then on the source counts as received."""
    with full_disk_named(received):
        flush_files([received.parent / file.name for file in receipt.files])
    write_json(receipt_path(received, source), asdict(receipt), durable=True)


def read_receipt(received: Path, source: str) -> Receipt | None:
    """Read it; None if the source was never received.

    Raises:
        CrosshashError: it is damaged or of another version.
    """
    path = receipt_path(received, source)
    if not path.is_file():
        return None
    value = read_json(path)
    try:
        return Receipt(**{**value, "files": tuple(RawFile(**file) for file in value["files"])})
    except (TypeError, KeyError) as error:
        raise CrosshashError(
            f"{path}: does not fit this version ({error}). Delete it; {source} is then fetched again."
        ) from None


def received_files(received: Path, sources: Iterable[str]) -> list[RawFile]:
    """List the files of several sources, sorted by name."""
    receipts = (read_receipt(received, source) for source in sources)
    files = {file.name: file for receipt in receipts if receipt is not None for file in receipt.files}
    return [files[name] for name in sorted(files)]


def is_whole(receipt: Receipt, folder: Path) -> bool:
    """Say whether all its files are there with their size."""
    return all(_has_size(folder / file.name, file.size) for file in receipt.files)


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size
