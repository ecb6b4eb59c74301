"""A split made elsewhere: a list of ids as .json or .csv, used exactly."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from crosshash.artifacts import CHECKSUM
from crosshash.errors import CrosshashError, listed
from crosshash.formats.spelling import composed
from crosshash.pairs.source import GivenSplit
from crosshash.pairs.table import PARTS

COLUMNS = ("id", "part")
LISTS = {"query": "query", "train": "train", "val_query": "val"}
IGNORED = ("pairs_sha256", CHECKSUM)
"""Keys of a split.json of the project's own, which whoever gives it as split.file may have edited."""

REMEDY = (
    "Ids are those of the column id of pairs.parquet. Mend the file, or set split.file to null in "
    "params.yaml to have a split drawn."
)


@dataclass(frozen=True, slots=True)
class Entry:
    """An id of the file, its part, and where it stands."""

    id: str
    part: str
    place: str


@dataclass(frozen=True)
class Content:
    """What a file says; `says_val`: also who the validation queries are, if only that there are none."""

    entries: list[Entry]
    says_val: bool
    problems: list[str]


def read_split_file(
    path: Path, may_be_chosen: Mapping[str, bool], left_out: Collection[str] = ()
) -> GivenSplit:
    """Read a split of the items of `may_be_chosen`, which says of each whether it can be query or trained on.

    .json: an object with the lists `query` and `train` and optionally `val_query`, as in the project's own
    split.json. .csv: columns `id` and `part`, the latter one of query, train, val, rest. Ids compare as
    text. Those in `left_out`, items dropped because of bad pictures, are passed over.

    Raises:
        CrosshashError: the file is missing, not UTF-8 or of another layout, a list is empty, or ids are
            unknown, stand twice or cannot be chosen; all of that is listed.
    """
    read = {".json": _from_json, ".csv": _from_csv}.get(path.suffix.lower())
    if read is None:
        raise CrosshashError(f"split.file: {path}: its name ends neither with .json nor with .csv. {REMEDY}")
    content = read(_text(path))
    found = [_as_known(entry, may_be_chosen, left_out) for entry in content.entries]
    entries = [entry for entry in found if entry.id not in left_out]
    ids = {part: tuple(entry.id for entry in entries if entry.part == part) for part in PARTS}
    problems = [*content.problems, *_wrong_ids(entries, may_be_chosen)]
    if not problems:
        problems = [f"no item in {part}" for part in ("query", "train") if not ids[part]]
    if problems:
        raise CrosshashError(f"split.file: {path}: {len(problems)} problem(s):\n{listed(problems)}\n{REMEDY}")
    return GivenSplit(ids["query"], ids["train"], ids["val"] if content.says_val else None)


def _as_known(entry: Entry, *known: Collection[str]) -> Entry:
    """Spell an id as the data set does: its letters may be composed there and decomposed in the file."""
    return entry if any(entry.id in ids for ids in known) else replace(entry, id=composed(entry.id))


def _wrong_ids(entries: Sequence[Entry], may_be_chosen: Mapping[str, bool]) -> Iterator[str]:
    """Say which ids stand twice, are unknown, or cannot be chosen."""
    first: dict[str, str] = {}
    for entry in entries:
        if entry.id in first:
            yield f"{entry.place}: '{entry.id}' stands in {first[entry.id]} already"
            continue
        first[entry.id] = entry.place
        if entry.id not in may_be_chosen:
            yield f"{entry.place}: '{entry.id}' is no item of the data set"
        elif entry.part != "rest" and not may_be_chosen[entry.id]:
            yield f"{entry.place}: '{entry.id}' lacks a text or a label, it can only be searched"


def _from_json(text: str) -> Content:
    """Take the lists; numbers are taken as their text."""
    try:
        value = json.loads(text)
    except ValueError as error:
        return Content([], False, [f"is no JSON: {error}"])
    except RecursionError:
        return Content([], False, ["holds lists or objects nested too deep to be read"])
    if not isinstance(value, dict):
        return Content([], False, ["is no object with the lists query and train"])
    entries = []
    problems = [
        f"unknown key '{key}'; known: {', '.join(LISTS)}" for key in value if key not in (*LISTS, *IGNORED)
    ]
    for key, part in LISTS.items():
        found = value.get(key, [])
        if not isinstance(found, list) or (key not in value and part != "val"):
            problems.append(f"{key} is no list of ids")
            continue
        for number, item in enumerate(found):
            place = f"{key}[{number}]"
            if isinstance(item, str) or type(item) is int:
                entries.append(Entry(str(item), part, place))
            else:
                problems.append(f"{place}: {item!r} is no id; ids are texts or whole numbers")
    return Content(entries, "val_query" in value, problems)


def _from_csv(text: str) -> Content:
    """Take the columns `id` and `part`; rows are counted with the header as row 1."""
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    entries, problems, number = [], [], 0
    try:
        header = [name.strip() for name in next(rows, [])]
        if not set(COLUMNS) <= set(header):
            return Content([], False, [f"row 1: must name the columns id,part; found: {','.join(header)}"])
        for number, row in enumerate(rows, 2):
            if not row:
                continue
            cells = dict(zip(header, (cell.strip() for cell in row), strict=False))
            if len(row) != len(header):
                problems.append(f"row {number}: {len(row)} cells, the header has {len(header)}")
            elif cells["part"] not in PARTS:
                problems.append(f"row {number}: part '{cells['part']}' is none of {', '.join(PARTS)}")
            else:
                entries.append(Entry(cells["id"], cells["part"], f"row {number}"))
    except csv.Error as error:
        problems.append(f"row {number + 1}: {error}; close every double quote")
    return Content(entries, any(entry.part == "val" for entry in entries), problems)


def _text(path: Path) -> str:
    """Read the file as UTF-8, a byte order mark allowed."""
    try:
        data = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        raise CrosshashError(f"split.file: {path}: cannot be read ({error.strerror}). {REMEDY}") from None
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CrosshashError(
            f"split.file: {path}: line {line} is not UTF-8 (byte {data[error.start]:#04x}). Save it as UTF-8."
        ) from None
