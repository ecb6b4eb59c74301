from __future__ import annotations

from pathlib import Path

import pytest

from crosshash.data.pairs import Pair, read_pairs, write_pairs
from crosshash.errors import CrosshashError

PAIRS = [
    Pair("im/ä.jpg", "im/ä.jpg", ("one", 'with "quotes"\nand lines'), ("hot dog", "fish, raw"), "train"),
    Pair("b", "b", (), (), "rest"),
]


def test_round_trip(tmp_path: Path) -> None:
    write_pairs(tmp_path, PAIRS)
    assert read_pairs(tmp_path) == PAIRS


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
