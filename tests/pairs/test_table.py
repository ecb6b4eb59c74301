from __future__ import annotations

from pathlib import Path

import pytest

from crosshash.errors import CrosshashError
from crosshash.pairs.table import BLOCK, Pair, write_pairs
from tests.pairs.pair_rows import read_pairs

PAIRS = [
    Pair("im/ä.jpg", "im/ä.jpg", ("one", 'with "quotes"\nand lines'), ("hot dog", "fish, raw"), "train"),
    Pair("b", "b", (), (), "rest"),
]


def test_round_trip(tmp_path: Path) -> None:
    write_pairs(tmp_path, PAIRS)
    assert read_pairs(tmp_path) == PAIRS


def test_more_rows_than_are_laid_out_at_once(tmp_path: Path) -> None:
    pairs = [Pair(str(row), str(row), (), ("a",) * (row % 3), "rest") for row in range(BLOCK + 1)]
    write_pairs(tmp_path, pairs)
    found = read_pairs(tmp_path)
    assert [pair.id for pair in found] == [pair.id for pair in pairs]
    assert found[BLOCK - 2 :] == pairs[BLOCK - 2 :]


def test_no_rows(tmp_path: Path) -> None:
    write_pairs(tmp_path, [])
    assert read_pairs(tmp_path) == []


def test_equal_pairs_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_pairs(tmp_path / name, PAIRS * 3000)
    assert (tmp_path / "one/pairs.parquet").read_bytes() == (tmp_path / "two/pairs.parquet").read_bytes()


def test_missing_and_cut_files(tmp_path: Path) -> None:
    with pytest.raises(CrosshashError, match=r"pairs\.parquet: not found\. Run `dvc repro`"):
        read_pairs(tmp_path)
    write_pairs(tmp_path, PAIRS)
    path = tmp_path / "pairs.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CrosshashError, match=r"pairs\.parquet: cannot be read"):
        read_pairs(tmp_path)
