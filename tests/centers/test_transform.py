from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crosshash.artifacts import read_npz, write_npz
from crosshash.centers import transform
from crosshash.centers.center_book import CenterBook
from crosshash.centers.construction import make_centers
from crosshash.centers.losslessness import bits_kept, label_sets_kept
from crosshash.centers.transform import (
    apply_transform,
    identity_transform,
    read_transform,
    ridge_transform,
    spread,
    write_transform,
)
from crosshash.errors import CrosshashError


def books(count: int, long: int, short: int, seed: int = 0) -> tuple[CenterBook, CenterBook]:
    names = [f"class {i}" for i in range(count)]
    return make_centers(names, long, seed, "long")[0], make_centers(names, short, seed, "short")[0]


def plain_apply(soft: np.ndarray, matrix: np.ndarray) -> list[list[int]]:
    """Make the pairs, multiply, compare the two halves: one number at a time."""
    bits, short = soft.shape[1], matrix.shape[1] // 2
    result = []
    for row in soft.tolist():
        pairs = [(1 - v) / 2 for v in row] + [(1 + v) / 2 for v in row]
        mapped = [sum(pairs[i] * float(matrix[i, j]) for i in range(2 * bits)) for j in range(2 * short)]
        result.append([1 if mapped[short + j] >= mapped[j] else -1 for j in range(short)])
    return result


def test_layout_by_hand() -> None:
    """One long bit, one short bit, T = [[0, 3], [1, 0]]: rows and columns are negative half, positive half.

    v = +1 is the pair (0, 1), p T = (1, 0): minus. v = -1 is (1, 0), p T = (0, 3): plus.
    v = 0.5 is (1/4, 3/4), p T = (3/4, 3/4): a tie, plus. v = 0.6: (1/5, 4/5), p T = (4/5, 3/5): minus.
    """
    matrix = np.array([[0, 3], [1, 0]], dtype=np.float32)
    assert apply_transform(np.array([[1.0], [-1.0], [0.5], [0.6]]), matrix).tolist() == [[-1], [1], [1], [-1]]


def test_apply_equals_plain_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    soft = generator.uniform(-1, 1, (13, 7)).astype(np.float32)
    matrix = generator.standard_normal((14, 6)).astype(np.float32)
    expected = plain_apply(soft, matrix)
    assert apply_transform(soft, matrix).tolist() == expected
    monkeypatch.setattr(transform, "BLOCK", 4)
    assert apply_transform(soft, matrix).tolist() == expected
    assert apply_transform(soft, matrix).dtype == np.int8


def test_spread_by_hand() -> None:
    """W = [[2, -4]]: T[neg, neg] = T[pos, pos] = (1, -2), T[neg, pos] = T[pos, neg] = (-1, 2)."""
    expected = [[1, -2, -1, 2], [-1, 2, 1, -2]]
    assert spread(np.array([[2.0, -4.0]])).tolist() == expected


def test_ridge_equals_the_published_formula() -> None:
    """Rows: the centres and the tie bits; (A'A + c I) W = A'S, in whichever dimension it is solved."""
    for count, long in ((3, 8), (7, 3)):
        one, other = books(count, long, 3)
        rows = np.vstack([one.centers, one.tie_bits]).astype(float)
        images = np.vstack([other.centers, other.tie_bits]).astype(float)
        weights = np.linalg.inv(rows.T @ rows + 0.5 * np.eye(long)) @ rows.T @ images
        matrix = transform.spread(transform._ridge(rows, images, 0.5))
        assert matrix[:long, :3] == pytest.approx(weights / 2, abs=1e-6)
        assert matrix[:long, 3:] == pytest.approx(-weights / 2, abs=1e-6)
        assert np.array_equal(matrix[long:, 3:], matrix[:long, :3])
        assert np.array_equal(matrix[long:, :3], matrix[:long, 3:])


@pytest.mark.parametrize("count", [8, 18, 21, 24, 80])
@pytest.mark.parametrize("tie_row", [False, True])
def test_every_center_is_mapped_exactly(count: int, tie_row: bool) -> None:
    shorts = [books(count, 128, short)[1] for short in (16, 32, 64)]
    for bits in (128, 256, 512, 1024, 2048):
        long = books(count, bits, bits)[0]
        for short in shorts:
            matrix = ridge_transform(long, short, 1.0, tie_row)
            assert matrix.dtype == np.float32
            assert matrix.shape == (2 * bits, 2 * short.bits)
            assert np.array_equal(apply_transform(long.centers, matrix), short.centers)


def test_a_penalty_that_is_too_strong_gives_way() -> None:
    """Close long centres under a penalty of 1e4 come out wrong, so that the penalty has to fall."""
    generator = np.random.default_rng(1)
    rows = np.tile(generator.choice(np.array([-1, 1], dtype=np.int8), 40), (6, 1))
    rows[np.arange(6), np.arange(6)] *= -1
    names = np.array([f"class {i}" for i in range(6)])
    ties = np.ones(40, dtype=np.int8)
    long, short = CenterBook(rows, names, ties), books(6, 40, 16)[1]
    stubborn = spread(transform._ridge(rows.astype(float), short.centers.astype(float), 1e4))
    assert not np.array_equal(apply_transform(rows, stubborn), short.centers)
    matrix = ridge_transform(long, short, 1e4, False)
    assert np.array_equal(apply_transform(rows, matrix), short.centers)


def test_more_classes_than_long_bits_end() -> None:
    long, short = books(24, 16, 8)
    matrix = ridge_transform(long, short, 1.0, True)
    right = (apply_transform(long.centers, matrix) == short.centers).mean()
    assert 0.6 < right <= 1


@pytest.mark.parametrize(("seed", "penalty", "right"), [(1, 1.0, 4), (3, 10.0, 8)])
def test_of_penalties_that_do_equally_well_the_strongest_stays(seed: int, penalty: float, right: int) -> None:
    """20 classes on 8 bits: as the penalty falls from 100, 2, 3, 4, 4, ... are exact, or 7, 8, 8, ..."""
    long, short = books(20, 8, 6, seed)
    matrix = ridge_transform(long, short, 100.0, False)
    expected = spread(transform._ridge(long.centers.astype(float), short.centers.astype(float), penalty))
    assert matrix.dtype == np.float32
    assert np.array_equal(matrix, expected)
    assert (apply_transform(long.centers, matrix) == short.centers).all(axis=1).sum() == right


def test_a_single_class_is_mapped() -> None:
    long, short = books(1, 8, 4)
    matrix = ridge_transform(long, short, 1.0, False)
    assert np.array_equal(apply_transform(long.centers, matrix), short.centers)
    assert transform.transformed(long.centers, matrix).dtype == np.float32


@pytest.mark.parametrize("seed", range(3))
def test_a_fifth_of_the_long_bits_may_be_wrong(seed: int) -> None:
    long, short = books(24, 512, 16, seed)
    matrix = ridge_transform(long, short, 1.0, True)
    assert bits_kept(matrix, long, short, 0.2, np.random.default_rng(seed)) >= 0.99


def test_the_tie_row_keeps_items_with_several_labels() -> None:
    """Items with 1 to 6 of 24 labels: with the tie row nearly every bit, without it about nine of ten."""
    generator = np.random.default_rng(0)
    labels = np.zeros((600, 24), dtype=np.uint8)
    for row in labels:
        row[generator.choice(24, generator.integers(1, 7), replace=False)] = 1
    long, short = books(24, 512, 32)
    with_row = label_sets_kept(ridge_transform(long, short, 1.0, True), long, short, labels)
    without = label_sets_kept(ridge_transform(long, short, 1.0, False), long, short, labels)
    assert with_row >= 0.99
    assert without < 0.95


def test_identity() -> None:
    soft = np.array([[0.3, -0.2, 0.0, -0.0, 1.0, -1.0]])
    assert identity_transform(6).dtype == np.float32
    assert apply_transform(soft, identity_transform(6)).tolist() == [[1, -1, 1, 1, 1, -1]]


def test_codes_of_another_length_are_refused() -> None:
    with pytest.raises(CrosshashError, match="transform for 6 bits"):
        apply_transform(np.zeros((2, 5)), identity_transform(6))


def test_file_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "transform.npz"
    matrix = np.arange(8, dtype=np.float32).reshape(4, 2)
    write_transform(path, matrix)
    found = read_transform(path)
    assert found is not None
    assert found.dtype == np.float32
    assert np.array_equal(found, matrix)
    assert read_npz(path).keys() == {"used", "matrix"}
    write_transform(path, None)
    assert read_transform(path) is None
    assert read_npz(path).keys() == {"used"}


@pytest.mark.parametrize("matrix", [np.zeros((3, 2), np.float32), np.zeros((4, 2)), np.zeros(4, np.float32)])
def test_files_with_something_else(tmp_path: Path, matrix: np.ndarray) -> None:
    write_npz(tmp_path / "transform.npz", {"used": np.array(True), "matrix": matrix})
    with pytest.raises(CrosshashError, match=r"transform\.npz: holds no transform"):
        read_transform(tmp_path / "transform.npz")
