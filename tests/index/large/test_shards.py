from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crosshash.errors import CrosshashError
from crosshash.index.large import shards
from crosshash.index.large.shards import Blocks, Chosen, CodeShards, counted, drawn, exact
from tests.index.codes import by_loops, clustered

CODES, ROWS = clustered(0, 100, 16), np.arange(100) * 3
BLOCKS: Blocks = [(CODES[at : at + 30], ROWS[at : at + 30]) for at in range(0, 100, 30)]


def test_blocks_are_counted() -> None:
    empty = CODES[:0], ROWS[:0]
    assert counted([empty, *BLOCKS, empty]) == (100, 2, 297)
    assert counted([]) == (0, 0, -1)
    assert counted([empty]) == (0, 2, -1)


@pytest.mark.parametrize(
    ("codes", "rows", "told"),
    [
        (CODES[:3], np.arange(400, 404), "block at item 100: 4 rows for 3 codes"),
        (CODES[:3], np.arange(400.0, 403.0), "block at item 100: 3 rows for 3 codes"),
        (CODES[:3], np.arange(400, 403)[:, None], "block at item 100: 3 rows for 3 codes"),
        (CODES[:3], np.array([297, 298, 299]), "block at item 100: rows do not rise"),
        (CODES[:3], np.array([400, 402, 402]), "block at item 100: rows do not rise"),
        (CODES[:3, :1], np.arange(400, 403), r"item 100: codes are uint8\[3, 1\], not uint8\[N, 2\]"),
        (CODES[0], np.arange(400, 402), r"codes are uint8\[2\], not uint8\[N, 2\]"),
        (CODES[:3].astype(np.int8), np.arange(400, 403), r"codes are int8\[3, 2\], not uint8\[N, 2\]"),
    ],
)  # fmt: skip
def test_blocks_that_do_not_fit_are_refused(codes: np.ndarray, rows: np.ndarray, told: str) -> None:
    with pytest.raises(CrosshashError, match=told):
        counted([*BLOCKS, (codes, rows)])


def test_codes_are_drawn_and_searched_block_by_block() -> None:
    places = np.array([0, 29, 30, 31, 89, 99])
    assert np.array_equal(drawn(BLOCKS, places), CODES[places])
    queries = clustered(1, 5, 16)
    for top in (1, 20, 45):
        rows, distances = exact(BLOCKS, queries, top)
        assert (rows.dtype, distances.dtype) == (np.int64, np.int32)
        assert (rows.tolist(), distances.tolist()) == by_loops(queries, CODES, ROWS, top)


def test_chosen_codes_and_those_of_files_come_in_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "BLOCK", 7)
    rows = np.arange(1, 100, 2)
    parts = list(Chosen(CODES, rows))
    assert [len(packed) for packed, _ in parts] == [7] * 7 + [1]
    assert np.array_equal(np.concatenate([packed for packed, _ in parts]), CODES[rows])
    assert np.array_equal(np.concatenate([own for _, own in parts]), rows)
    np.save(tmp_path / "a.npy", CODES[:10])
    np.save(tmp_path / "b.npy", CODES[10:])
    parts = list(CodeShards([tmp_path / "a.npy", tmp_path / "b.npy"]))
    assert [len(packed) for packed, _ in parts] == [7, 3] + [7] * 12 + [6]
    assert np.array_equal(np.concatenate([packed for packed, _ in parts]), CODES)
    assert np.array_equal(np.concatenate([own for _, own in parts]), np.arange(100))


def test_files_that_hold_no_codes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "codes.npy"
    with pytest.raises(CrosshashError, match=r"codes\.npy: not found"):
        list(CodeShards([path]))
    for wrong in (np.zeros((2, 2)), np.zeros(3, np.uint8)):
        np.save(path, wrong)
        with pytest.raises(CrosshashError, match=r"codes\.npy: is .*, not packed codes uint8\[N, W\]"):
            list(CodeShards([path]))
    path.write_bytes(b"no array")
    with pytest.raises(CrosshashError, match=r"codes\.npy: cannot be read as \.npy"):
        list(CodeShards([path]))
