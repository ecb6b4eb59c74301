from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crosshash.errors import CrosshashError
from crosshash.index.code_index import CodeIndex
from crosshash.index.large import grown
from crosshash.index.large.build import build
from crosshash.index.large.grown import GrownLarge
from crosshash.index.large.large_index import Kind

ITEMS = 35  # so few that all are candidates of a real query: answers are exact
EVERY = np.arange(-1, 150)


def drawn(generator: np.random.Generator, count: int, width: int) -> np.ndarray:
    """Codes of which two bits a byte are set at most, so that many distances tie."""
    return generator.integers(0, 4, (count, width), np.uint8)


def holding(index: dict[int, np.ndarray]) -> CodeIndex:
    """The index that is written anew with what there is."""
    return CodeIndex.build(np.stack([*index.values()]), np.array([*index], np.int64))


def assert_equal_answers(index: GrownLarge, expected: CodeIndex, generator: np.random.Generator) -> None:
    assert len(index) == len(expected)
    assert np.array_equal(index.known(generator.permutation(np.append(EVERY, EVERY))), expected.rows)
    rows = generator.choice(expected.rows, (3, 5))
    assert index.codes_of(rows).dtype == np.uint8
    assert np.array_equal(index.codes_of(rows), expected.codes_of(rows))
    width = expected.packed.shape[1]
    queries = drawn(generator, 3, width)
    reals = generator.choice([-2, -1, 1], (3, 8 * width)).astype(np.float32)  # whole numbers, which tie
    for keep in (None, EVERY[::3], expected.rows[:2], EVERY[:0]):
        kept = expected.rows if keep is None else keep  # with rows to keep a small index is exact
        for top in (1, 4, len(expected), 100):
            pairs = zip(
                (*index.search(queries, top, keep), *index.search_real(reals, top, keep)),
                (*expected.search(queries, top, kept), *expected.search_real(reals, top, kept)),
                strict=True,
            )
            for own, other in pairs:
                assert own.dtype == other.dtype
                assert np.array_equal(own, other)
    assert index.search(queries[:0], 2)[0].shape == (0, 2)


@pytest.mark.parametrize(("kind", "width"), [("flat", 2), ("equal", 1)])
@pytest.mark.parametrize("seed", [0, 1])
def test_it_answers_as_an_index_written_with_the_changes(
    kind: Kind, width: int, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows go, change, come and come again; often more of the nearest are gone than were found to spare."""
    monkeypatch.setattr(grown, "SPARE", 1)
    generator = np.random.default_rng(seed)
    codes, rows = drawn(generator, ITEMS, width), np.sort(generator.permutation(100)[:ITEMS]).astype(np.int64)
    index = GrownLarge.over(build(tmp_path / "index", [(codes, rows)], kind))
    there = dict(zip(rows.tolist(), codes, strict=True))
    assert_equal_answers(index, holding(there), generator)
    for count, come in ((1, 0), (30, 5), (40, 40), (60, 0), (20, 9)):
        changed = generator.permutation(120)[:count].astype(np.int64)
        before, new = len(index), drawn(generator, come, width)
        later = index.changed(new, changed[:come], changed)
        assert len(index) == before  # a search that goes on meanwhile sees what was
        there = {row: code for row, code in there.items() if row not in changed}
        there |= dict(zip(changed[:come].tolist(), new, strict=True))
        index = later
        assert_equal_answers(index, holding(there), generator)


def test_all_of_the_files_may_be_gone(tmp_path: Path) -> None:
    codes, rows = np.array([[1, 0], [2, 0]], np.uint8), np.arange(2)
    index = GrownLarge.over(build(tmp_path / "index", [(codes, rows)], "flat"))
    nothing = index.changed(codes[:0], rows[:0], rows)
    with pytest.raises(CrosshashError, match="the index is empty"):
        nothing.search(codes, 1)
    with pytest.raises(CrosshashError, match="the index is empty"):
        nothing.search_real(np.ones((1, 16), np.float32), 1, rows)
    other = nothing.changed(codes[1:], np.array([7]), np.array([7]))
    for keep in (None, np.array([0, 7])):
        assert other.search(codes[:1], 3, keep)[0].tolist() == [[7]]
        assert other.search(codes[:1], 3, keep)[1].tolist() == [[2]]
    assert other.search(codes[:1], 3, rows)[0].shape == (1, 0)
