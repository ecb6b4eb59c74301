"""What lies behind paths in params.yaml, as digests: a changed file of the same name is another setting."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from crosshash.artifacts import read_json, state_folder, write_json
from crosshash.errors import CrosshashError

MEMORY = "digests.json"
POINTER = b"version https://git-lfs.github.com/spec/"
Mark = list[int]


def content_digest(path: Path) -> str:
    """Give the sha256 of a file in hex.

    A file with the size, times and inode that it had when it was read is not read again: weights are large,
    and the plan is made anew by every `dvc repro`. What is remembered lies among the user's state files.

    Raises:
        CrosshashError: it cannot be read, or is no file.
    """
    place, memory = str(path.resolve()), state_folder() / MEMORY
    known = _remembered(memory)
    try:
        mark = _mark(place)
        if place in known and known[place][:-1] == mark:
            return str(known[place][-1])
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        unchanged = _mark(place) == mark
    except OSError as error:
        raise CrosshashError(f"{path}: cannot be read ({error.strerror}).") from None
    if unchanged:
        with suppress(CrosshashError):  # it is there to save time alone
            write_json(memory, _still_there(_remembered(memory)) | {place: [*mark, digest]})
    return digest


def check_content(path: str | None, sha256: str | None) -> None:
    """See that a file is still the one that the plan was made for; None: there is nothing to look at.

    Raises:
        CrosshashError: it has changed since, or cannot be read.
    """
    if path is not None and sha256 is not None and content_digest(Path(path)) != sha256:
        raise CrosshashError(f"{path}: has changed since the plan was made. Run `dvc repro` again.")


def refuse_pointer(path: Path) -> None:
    """Refuse a file that only points to where Git LFS keeps the real one.

    Raises:
        CrosshashError: it is one, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(len(POINTER))
    except OSError as error:
        raise CrosshashError(f"{path}: cannot be read ({error.strerror}).") from None
    if start == POINTER:
        raise CrosshashError(
            f"{path}: is a pointer of Git LFS, not the file itself. Run `git lfs pull` where it is from, or "
            "download the file."
        )


def listing_digest(folder: Path) -> str:
    """Give a digest of names, sizes and times of all files below a folder; links to folders are not followed.

    Raises:
        CrosshashError: it cannot be listed.
    """
    digest = hashlib.sha256()
    try:
        for place, folders, names in os.walk(folder, onerror=_raise):
            folders.sort()
            digest.update(os.fsencode(f"{os.path.relpath(place, folder)}\n"))
            for name in sorted(names):
                with suppress(FileNotFoundError):  # a link to nothing: the download stage judges it
                    found = os.stat(os.path.join(place, name))
                    digest.update(os.fsencode(f"{name}\0{found.st_size}\0{found.st_mtime_ns}\n"))
    except OSError as error:
        raise CrosshashError(f"{error.filename}: cannot be read ({error.strerror}).") from None
    return digest.hexdigest()


def _mark(place: str) -> Mark:
    found = os.stat(place)
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _remembered(memory: Path) -> dict[str, list[Any]]:
    """Read sizes, times, inodes and digests by path; nothing where that cannot be had."""
    try:
        found = read_json(memory)
    except CrosshashError:
        return {}
    entries = found.items() if isinstance(found, dict) else ()
    return {place: entry for place, entry in entries if isinstance(entry, list) and len(entry) == 5}


def _still_there(known: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {place: entry for place, entry in known.items() if os.path.isfile(place)}


def _raise(error: OSError) -> None:
    raise error
