"""The record of a data set's raw files, data/raw/<dataset>.json, and whether they are still the same."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from crosshash.artifacts import read_json, write_json
from crosshash.errors import CrosshashError, listed
from crosshash.pairs.source import RawFile
from crosshash.workers.progress import tracked

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recorded:
    """What a record says of its files: their sha256, by path."""

    record: Path
    sha256: Mapping[str, str]

    @classmethod
    def of(cls, record: Path, folder: Path) -> Recorded:
        """Read the record of the files in a folder.

        Raises:
            CrosshashError: as `read_raw`.
        """
        return cls(record, {str(folder / file.name): file.sha256 for file in read_raw(record)})


def describe_files(folder: Path, names: Iterable[str]) -> list[RawFile]:
    """Take size and sha256 of the named files, sorted by name."""
    ordered = sorted(set(names))
    return [describe_file(folder, name) for name in tracked(ordered, len(ordered), "checksums", "files")]


def describe_file(folder: Path, name: str) -> RawFile:
    """Take size and sha256 of one file.

    Raises:
        CrosshashError: it cannot be read.
    """
    path = folder / name
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return RawFile(name, file.tell(), digest)
    except OSError as error:
        raise CrosshashError(f"{path}: cannot be read ({error.strerror}).") from None


def write_raw(path: Path, dataset: str, files: Sequence[RawFile]) -> None:
    """Write the record, files sorted by name."""
    listing = [vars(file) for file in sorted(files, key=lambda file: file.name)]
    write_json(path, {"dataset": dataset, "files": listing})


def read_raw(path: Path) -> list[RawFile]:
    """Read the record.

    Raises:
        CrosshashError: the file is missing, cut or of another version.
    """
    value = read_json(path)
    try:
        return [RawFile(**file) for file in value["files"]]
    except (TypeError, KeyError) as error:
        raise CrosshashError(
            f"{path}: does not fit this version ({error}). Delete it and run `dvc repro`."
        ) from None


def check_raw(record: Path, folder: Path, fetch: Callable[[], list[RawFile]]) -> None:
    """See that the recorded files are still there; if not, fetch them again and compare.

    Looking takes names and sizes alone; contents are compared after a second fetch, and by who reads them.

    Raises:
        CrosshashError: files are gone or changed, and fetching did not bring them back (all are listed).
    """
    recorded = read_raw(record)
    if all_there(folder, tracked(recorded, len(recorded), "raw files", "files")):
        return
    logger.info("raw files are gone from %s or changed: getting them again", folder)
    found = {file.name: file for file in fetch()}
    refuse_changed(
        record,
        [
            f"{folder / file.name}: {'changed' if file.name in found else 'vanished'}"
            for file in recorded
            if found.get(file.name) != file
        ],
    )


def check_contents(record: Path, folder: Path, left_out: Collection[str] = ()) -> None:
    """Compare the recorded files with their sha256; not those whose name has an ending of `left_out`.

    Raises:
        CrosshashError: some have another content; all are listed.
    """
    files = [file for file in read_raw(record) if PurePosixPath(file.name).suffix.lower() not in left_out]
    changed = [
        f"{folder / file.name}: changed"
        for file in tracked(files, len(files), "checksums", "files")
        if describe_file(folder, file.name) != file
    ]
    refuse_changed(record, changed)


def refuse_changed(record: Path, problems: Sequence[str]) -> None:
    """Refuse raw files that are not those of the record: a line for each.

    Raises:
        CrosshashError: there are some.
    """
    if problems:
        raise CrosshashError(
            f"{len(problems)} raw file(s) are no longer those that {record} lists:\n{listed(problems)}\n"
            "Put them back (what was drawn or downloaded comes again once it is deleted), or take them as "
            "they are now with `dvc repro --force download`, then `dvc repro`."
        )


def all_there(folder: Path, files: Iterable[RawFile]) -> bool:
    """Say whether all files are there with their sizes; contents are not looked at."""
    return all(_has_size(os.path.join(folder, file.name), file.size) for file in files)


def _has_size(path: str, size: int) -> bool:
    """Ask the system once: a data set may have a hundred thousand files."""
    try:
        found = os.stat(path)
    except OSError:  # not there, or links that go round in circles
        return False
    return found.st_size == size and stat.S_ISREG(found.st_mode)
