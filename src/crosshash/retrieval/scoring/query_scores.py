"""The file of what every query scores, which also holds the checksums of the tables written beside it.

A .csv has no place for a checksum of its own that other programs would not take for a row.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from crosshash.checksums import file_sha256
from crosshash.errors import CrosshashError
from crosshash.parquet import notes_of, parse_parquet, write_parquet

TABLES = "tables"
"""Key of the note: sha256 of each table, by its path from the project's folder."""
REMEDY = "Run `dvc repro evaluate`."


def write_query_scores(path: Path, scores: pd.DataFrame, tables: Sequence[str]) -> None:
    """Write `per_query.parquet`: task, id and a column per measure.

    tables: files that were written before it, below the working folder.
    """
    found = pa.Table.from_pandas(scores, preserve_index=False)
    note = json.dumps({name: file_sha256(Path(name)) for name in tables})
    write_parquet(path, found.schema, [found], notes={TABLES: note})


def read_query_scores(path: Path, root: Path) -> pd.DataFrame:
    """Read it, and see that the tables below `root` are those that were written with it.

    Raises:
        CrosshashError: it is cut or damaged, or a table is, or is of another run (all are named).
    """
    content = path.read_bytes()
    scores: pd.DataFrame = parse_parquet(content, str(path), None, REMEDY).to_pandas()
    tables = json.loads(notes_of(content).get(TABLES, "{}"))
    others = [str(root / name) for name, sha256 in tables.items() if file_sha256(root / name) != sha256]
    if others:
        raise CrosshashError(
            f"{', '.join(others)}: not as written with {path}: damaged, changed, or of another run. Delete "
            f"{'them' if len(others) > 1 else 'it'} and run `dvc repro evaluate`."
        )
    return scores
