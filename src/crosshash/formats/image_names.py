"""Image names as index files give them: made relative to the folder that holds the images."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

PROBES = 1000
DRIVE = re.compile(r"[A-Za-z]:/")


def relative_names(folder: Path, names: Sequence[str]) -> tuple[list[str], str]:
    """Give names relative to the folder, and the beginning that all absolute ones lost, else an empty text.

    Backslashes count as slashes. Names that are absolute, made on somebody's machine, lose those of their
    common folders without which most of them are found; where none is found, they stay absolute.
    """
    plain = [str(PurePosixPath(name.replace("\\", "/"))) if name else "" for name in names]
    if not all(map(_is_absolute, plain)) or len(set(map(_root, plain))) != 1:
        return plain, ""
    common = os.path.commonpath([os.path.dirname(name) for name in plain])
    probes = plain[:: -(-len(plain) // PROBES)]
    found = {
        beginning: sum(os.path.isfile(folder / name[len(beginning) :]) for name in probes)
        for beginning in _beginnings(common)
    }
    best = max(found, key=lambda beginning: found[beginning])
    return ([name[len(best) :] for name in plain], best) if found[best] else (plain, "")


def leads_out(folder: Path, names: Sequence[str]) -> list[bool]:
    """Say of each name whether it leads out of the folder: absolute, by `..`, or by a link."""
    root = os.path.realpath(folder)
    inside: dict[PurePosixPath, bool] = {}
    result = []
    for name in map(PurePosixPath, names):
        place = name if os.path.islink(folder / name) else name.parent
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
