from __future__ import annotations

from pathlib import Path

import numpy as np

from crosshash.pairs.info import DatasetInfo, write_info
from crosshash.pairs.labelled_items import read_labelled_items
from crosshash.pairs.table import Pair, write_pairs


def test_rows_are_those_of_the_pair_table(tmp_path: Path) -> None:
    counts = {"query": 1, "train": 2, "val": 0, "rest": 0}
    write_info(tmp_path, DatasetInfo("set", "vector", "caption", 5, None, ("a", "b"), counts, None))
    rows = [("x", ("b",), "train"), ("longer", (), "query"), ("z", ("a", "b"), "train")]
    write_pairs(tmp_path, [Pair(name, name, (), labels, part) for name, labels, part in rows])
    found = read_labelled_items(tmp_path)
    assert found.ids.tolist() == ["x", "longer", "z"]
    assert found.labels.tolist() == [[0, 1], [0, 0], [1, 1]]
    assert found.labels.dtype == np.uint8
    assert found.rows("train").tolist() == [0, 2]
    assert found.rows("query", "val").tolist() == [1]
    assert len(found) == 3


def test_a_set_without_labels(tmp_path: Path) -> None:
    counts = {"query": 1, "train": 0, "val": 0, "rest": 0}
    write_info(tmp_path, DatasetInfo("set", "vector", "caption", 5, None, (), counts, None))
    write_pairs(tmp_path, [Pair("x", "x", (), (), "query")])
    assert read_labelled_items(tmp_path).labels.shape == (1, 0)
