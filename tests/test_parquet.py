from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crosshash.errors import CrosshashError
from crosshash.parquet import notes_of, parse_parquet, read_parquet, write_parquet

TABLE = pa.table({"id": ["a", "ä"], "number": [1.5, None], "labels": [["x"], []]})


def test_what_is_written_is_read_all_of_it_or_some_columns(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    write_parquet(path, TABLE.schema, [TABLE, TABLE], compression="zstd", notes={"b": "2", "a": "1"})
    assert read_parquet(path).to_pylist() == 2 * TABLE.to_pylist()
    assert read_parquet(path, ["number", "id"]).column_names == ["number", "id"]
    notes = notes_of(path.read_bytes())
    assert (notes["a"], notes["b"]) == ("1", "2")


def test_other_programs_see_the_table_alone(tmp_path: Path) -> None:
    frame = pd.DataFrame({"task": ["i2t", "t2i"], "AP": [0.5, 0.25]})
    table = pa.Table.from_pandas(frame, preserve_index=False)
    write_parquet(tmp_path / "x.parquet", table.schema, [table])
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "x.parquet"), frame)
    assert pq.read_table(tmp_path / "x.parquet") == table


def test_equal_tables_give_equal_bytes_and_others_do_not(tmp_path: Path) -> None:
    for name, tables in (("a", [TABLE]), ("b", [TABLE]), ("c", [TABLE, TABLE])):
        write_parquet(tmp_path / name, TABLE.schema, tables)
    first, second, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert first == second != other


def test_many_columns_leave_the_checksum_where_it_is_looked_for(tmp_path: Path) -> None:
    """pandas and pyarrow each describe every column behind it."""
    frame = pd.DataFrame({f"a measure of a long name, number {number}": [0.5] for number in range(100)})
    table = pa.Table.from_pandas(frame, preserve_index=False)
    path = tmp_path / "x.parquet"
    write_parquet(path, table.schema, [table])
    whole = path.read_bytes()
    path.write_bytes(whole[:10] + bytes([whole[10] ^ 1]) + whole[11:])
    with pytest.raises(CrosshashError, match="its checksum differs"):
        read_parquet(path)


def test_files_of_others_are_read_and_what_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    with pytest.raises(CrosshashError, match=r"x\.parquet: not found"):
        read_parquet(path)
    pq.write_table(TABLE, path)
    assert read_parquet(path) == TABLE
    with pytest.raises(CrosshashError, match=r"x\.parquet: no column other, more\. Mend it\."):
        read_parquet(path, ["id", "other", "more"], "Mend it.")
    for content in (b"", path.read_bytes()[:-3], path.read_bytes()[:50], b"no table" * 20):
        with pytest.raises(CrosshashError, match=r"run: x: cannot be read as parquet .*Mend it\."):
            parse_parquet(content, "run: x", None, "Mend it.")
    with pytest.raises(CrosshashError, match="cannot be read"):
        read_parquet(tmp_path)
