"""Image names as index files give them: made relative to the folder that holds the images."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from crosshash.errors import CrosshashError
from crosshash.formats.spelling import composed

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".heic", ".heif")
"""Endings of picture files, in small letters."""
PROBES = 1000
DRIVE = re.compile(r"[A-Za-z]:/")


def relative_names(folder: Path, names: Sequence[str]) -> tuple[list[str], str]:
    """Give names relative to the folder, and the beginning that all absolute ones lost, else an empty text.

    Letters are composed; backslashes count as slashes. Names that are absolute, made on somebody's machine,
    lose those of their common folders without which most of them are found; where none is found, they stay
    absolute.
    """
    plain = [str(PurePosixPath(composed(name).replace("\\", "/"))) if name else "" for name in names]
    if not all(map(_is_absolute, plain)) or len(set(map(_root, plain))) != 1:
        return plain, ""
    common = os.path.commonpath([os.path.dirname(name) for name in plain])
    probes = plain[:: -(-len(plain) // PROBES)]
    found = {
        beginning: _count_files(folder, [name[len(beginning) :] for name in probes])
        for beginning in _beginnings(common)
    }
    best = max(found, key=lambda beginning: found[beginning])
    return ([name[len(best) :] for name in plain], best) if found[best] else (plain, "")


def names_on_disk(folder: Path, names: Sequence[str]) -> list[str]:
    """Give names of files as the disk spells them, whose letters may be composed or not; others stay.

    Raises:
        CrosshashError: a folder holds two such names that differ in nothing else.
    """
    listings: dict[PurePosixPath, dict[str, list[str]]] = {}
    return [name if name.isascii() else str(_on_disk(folder, name, listings)) for name in names]


def _on_disk(folder: Path, name: str, listings: dict[PurePosixPath, dict[str, list[str]]]) -> PurePosixPath:
    """Look for each step of a path in its folder; `listings` are those of folders looked into before."""
    place = PurePosixPath()
    for part in PurePosixPath(name).parts:
        if not part.isascii():
            if place not in listings:
                listings[place] = _listing(folder / place)
            found = listings[place].get(composed(part), [part])
            if len(found) > 1:
                raise CrosshashError(
                    f"{folder / place}: holds two names that look the same, '{found[0]}': {found[0]!a} and "
                    f"{found[1]!a}. Rename one of them."
                )
            part = found[0]
        place /= part
    return place


def _listing(folder: Path) -> dict[str, list[str]]:
    """Give what lies in a folder, by its name with composed letters."""
    found: dict[str, list[str]] = {}
    with suppress(OSError, ValueError):  # ValueError: a null byte in the name
        for entry in sorted(os.listdir(folder)):
            found.setdefault(composed(entry), []).append(entry)
    return found


def _count_files(folder: Path, names: Sequence[str]) -> int:
    return sum(os.path.isfile(folder / name) for name in names_on_disk(folder, names))


def leads_out(folder: Path, names: Sequence[str], by_links: bool = False) -> list[bool]:
    """Say of each name whether it leads out of the folder: absolute, by `..`, or by a link.

    One with a null byte leads nowhere, and counts as leading out. by_links: a link to a file may lead
    anywhere, one to a folder may not.
    """
    root = os.path.realpath(folder)
    inside: dict[PurePosixPath, bool] = {}
    result = []
    for name in map(PurePosixPath, names):
        if "\0" in str(name):
            result.append(True)
            continue
        place = name if os.path.islink(folder / name) and not by_links else name.parent
        if place not in inside:
            inside[place] = _is_inside(root, place)
        result.append(_is_absolute(str(name)) or not inside[place])
    return result


def _is_inside(root: str, place: PurePosixPath) -> bool:
    if ".." in place.parts:
        return False
    real = os.path.realpath(os.path.join(root, place))
    return real == root or real.startswith(root.rstrip(os.sep) + os.sep)


def _is_absolute(name: str) -> bool:
    return name.startswith("/") or bool(DRIVE.match(name))


def _root(name: str) -> str:
    return name[:1] if name.startswith("/") else name[:2]


def _beginnings(common: str) -> list[str]:
    """List what may be left out, from the root alone to the whole common folder, each with its last slash."""
    parts = f"{common.rstrip('/')}/".split("/")[:-1]
    return ["/".join(parts[: count + 1]) + "/" for count in range(len(parts))]
