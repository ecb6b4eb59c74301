from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
import pytest

from crosshash.errors import CrosshashError
from crosshash.index.code_index import CodeIndex
from tests.retrieval.cases import random_codes


def by_loops(
    query: np.ndarray, codes: np.ndarray, rows: np.ndarray, top: int
) -> tuple[list[list[int]], list[list[int]]]:
    """All pairs, sorted by distance, then row."""
    found, distances = [], []
    for q in query:
        pairs = sorted(
            (int(np.unpackbits(q ^ code).sum()), int(row)) for code, row in zip(codes, rows, strict=True)
        )
        distances.append([d for d, _ in pairs[:top]])
        found.append([row for _, row in pairs[:top]])
    return found, distances


@pytest.mark.parametrize("bits", [4, 12, 64, 100])
def test_equals_a_full_sort_with_ties_everywhere(bits: int) -> None:
    """Few distinct codes and shuffled rows: most places are contested."""
    generator = np.random.default_rng(bits)
    codes = random_codes(generator, 6, bits)[generator.integers(6, size=80)]
    rows = generator.permutation(200)[:80]
    query = random_codes(generator, 5, bits)
    index = CodeIndex.build(codes, rows)
    for top in (1, 7, 79, 80):
        found, distances = index.search(query, top)
        expected, expected_distances = by_loops(query, codes, rows, top)
        assert found.tolist() == expected
        assert distances.tolist() == expected_distances


def test_flipping_the_same_bits_everywhere_changes_nothing() -> None:
    """Distances do not change under a mask, so neither may the answers, ties included."""
    generator = np.random.default_rng(0)
    codes = random_codes(generator, 8, 16)[generator.integers(8, size=300)]
    query, rows = random_codes(generator, 4, 16), np.arange(300)
    plain = CodeIndex.build(codes, rows).search(query, 20)
    for mask in random_codes(generator, 5, 16):
        masked = CodeIndex.build(codes ^ mask, rows).search(query ^ mask, 20)
        assert np.array_equal(plain[0], masked[0])
        assert np.array_equal(plain[1], masked[1])


def test_order_of_insertion_changes_nothing() -> None:
    generator = np.random.default_rng(1)
    codes, rows = random_codes(generator, 60, 4), np.arange(60)
    order = generator.permutation(60)
    plain = CodeIndex.build(codes, rows).search(codes[:3], 10)
    other = CodeIndex.build(codes[order], rows[order]).search(codes[:3], 10)
    assert np.array_equal(plain[0], other[0])


def test_more_than_there_are_gives_all() -> None:
    index = CodeIndex.build(np.array([[1], [0]], np.uint8), np.array([4, 9]))
    rows, distances = index.search(np.array([[0]], np.uint8), 1000)
    assert rows.tolist() == [[9, 4]]
    assert distances.tolist() == [[0, 1]]


def test_a_saved_index_is_the_same(tmp_path: Path) -> None:
    codes = random_codes(np.random.default_rng(2), 30, 24)
    path = tmp_path / "new" / "image.faiss"
    index = CodeIndex.build(codes, np.arange(30))
    index.save(path)
    loaded = CodeIndex.load(path)
    assert len(loaded) == 30
    assert np.array_equal(loaded.search(codes, 5)[0], index.search(codes, 5)[0])
    first = path.read_bytes()
    CodeIndex.build(codes, np.arange(30)).save(path)
    assert path.read_bytes() == first


def test_no_query_gives_no_row() -> None:
    index = CodeIndex.build(np.zeros((3, 1), np.uint8), np.arange(3))
    rows, distances = index.search(np.zeros((0, 1), np.uint8), 2)
    assert rows.shape == distances.shape == (0, 2)


def test_a_wrong_search_is_refused() -> None:
    index = CodeIndex.build(np.zeros((3, 2), np.uint8), np.arange(3))
    with pytest.raises(CrosshashError, match=r"uint8\[1, 4\], the index holds codes of 2 bytes"):
        index.search(np.zeros((1, 4), np.uint8), 1)
    with pytest.raises(CrosshashError, match="float64"):
        index.search(np.zeros((1, 2)), 1)  # type: ignore[arg-type]
    with pytest.raises(CrosshashError, match="top is 0"):
        index.search(np.zeros((1, 2), np.uint8), 0)


def test_an_empty_index_says_so(tmp_path: Path) -> None:
    CodeIndex.build(np.zeros((0, 2), np.uint8), np.arange(0)).save(tmp_path / "text.faiss")
    with pytest.raises(CrosshashError, match="empty"):
        CodeIndex.load(tmp_path / "text.faiss").search(np.zeros((1, 2), np.uint8), 1)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "image.faiss"
    with pytest.raises(CrosshashError, match="not found"):
        CodeIndex.load(path)
    CodeIndex.build(random_codes(np.random.default_rng(0), 50, 32), np.arange(50)).save(path)
    whole = path.read_bytes()
    for size in (0, 3, 20, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(CrosshashError, match=r"image\.faiss: is cut or no FAISS binary index"):
            CodeIndex.load(path)
    path.write_bytes(b"certainly no index, but long enough to be read as one" * 3)
    with pytest.raises(CrosshashError, match="run `dvc repro index`"):
        CodeIndex.load(path)
    faiss.serialize_index_binary(faiss.IndexBinaryFlat(16)).tofile(path)
    with pytest.raises(CrosshashError, match="not an index of this project"):
        CodeIndex.load(path)
