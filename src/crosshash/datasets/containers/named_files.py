"""Files of a folder that a pattern names: shell patterns, and braces that count or list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from braceexpand import braceexpand

from crosshash.errors import CrosshashError, listed
from crosshash.formats.image_names import leads_out

WILD = frozenset("*?[")
NUMBER = re.compile(r"\d+")


def named_files(folder: Path, key: str, pattern: str) -> list[str]:
    """Give the names of the files below a folder that a pattern of params.yaml means; key: of which setting.

    `{00000..00099}.tar` counts, `{a,b}.tar` lists, as the shell and webdataset have it: each such file must
    be there, and they come in that order. `*`, `?`, `[...]` and `**` match what is there, in the order of
    the numbers in the names.

    Raises:
        CrosshashError: files are not there (all are listed), none fits, or the pattern leads out.
    """
    try:
        parts = list(dict.fromkeys(braceexpand(pattern)))
    except ValueError:
        raise CrosshashError(f"params.yaml: {key}: '{pattern}': a brace is not closed.") from None
    out = [part for part, leads in zip(parts, leads_out(folder, parts), strict=True) if leads]
    if out:
        raise CrosshashError(f"params.yaml: {key}: '{out[0]}' leads out of {folder}. Name files below it.")
    names, absent = [], []
    for part in parts:
        found = sorted(_matching(folder, part), key=_by_numbers)
        names += found
        if not found:
            absent.append(part)
    if absent:
        raise CrosshashError(
            f"params.yaml: {key}: {len(absent)} of {len(parts)} name(s) or pattern(s) fit no file in "
            f"{folder}:\n{listed(absent)}\nPut the files there, or name those that are."
        )
    return list(dict.fromkeys(names))


def _matching(folder: Path, part: str) -> Iterator[str]:
    found = folder.glob(part) if WILD & set(part) else [folder / part]
    return (path.relative_to(folder).as_posix() for path in found if path.is_file())


def _by_numbers(name: str) -> tuple[list[str], list[int]]:
    """Order names by their texts, then by the numbers in them: `part-10` comes after `part-9`."""
    return NUMBER.split(name), [int(number) for number in NUMBER.findall(name)]
