from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from crosshash.centers import code_search
from crosshash.centers.code_search import bch_code, greedy_code, linear_code, quasi_cyclic_code
from crosshash.centers.linear_codes import weights


@pytest.mark.parametrize(
    ("dimension", "bits", "distance"),
    [(7, 12, 4), (7, 16, 6), (7, 24, 10), (7, 32, 14), (8, 32, 12), (8, 64, 28), (10, 64, 28), (3, 3, 1)],
)
def test_distances_found(dimension: int, bits: int, distance: int) -> None:
    generator, name = linear_code(dimension, bits)
    assert generator.shape == (dimension, bits)
    assert weights(generator).min() == distance
    assert f"[{bits},{dimension}]" in name


@pytest.mark.parametrize(("dimension", "bits", "distance"), [(4, 15, 8), (5, 31, 16), (6, 32, 16)])
def test_of_several_codes_the_best_is_taken_whatever_is_tried_last(
    dimension: int, bits: int, distance: int
) -> None:
    """Simplex codes [15,4,8] and [31,5,16], all columns once, and the Reed-Muller code [32,6,16]."""
    generator, _ = linear_code(dimension, bits)
    assert weights(generator).min() == distance
    assert len({column.tobytes() for column in generator.T}) == bits


def test_two_codes_side_by_side() -> None:
    """[16,4,8] and [8,4,4]: the distances add up."""
    generator, name = linear_code(4, 24)
    assert name == "extended BCH code beside a shorter code [24,4]"
    assert weights(generator).min() == 12


def test_search_depends_on_nothing_but_its_numbers() -> None:
    assert np.array_equal(linear_code(5, 11)[0], linear_code(5, 11)[0])


def test_no_column_is_constant_or_repeated() -> None:
    for dimension, bits in ((7, 32), (13, 1024), (9, 20)):
        columns = {column.tobytes() for column in linear_code(dimension, bits)[0].T}
        assert len(columns) == bits
        assert bytes(dimension) not in columns


def test_two_codes_side_by_side_even_when_the_second_one_is_all_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """[32,5,16] and [5,5,1]; 8 quasi-cyclic codes do not reach 17. With one dimension there is one code."""
    monkeypatch.setattr(code_search, "TRIALS", 8)
    generator, name = linear_code(5, 37)
    assert name == "extended BCH code beside a shorter code [37,5]"
    assert weights(generator).min() == 17
    assert linear_code(1, 5)[1] == "extended BCH code [5,1]"


@pytest.mark.parametrize(
    ("dimension", "bits", "distance"), [(3, 11, 6), (4, 8, 4), (5, 11, 4), (5, 24, 12), (8, 37, 14)]
)
def test_quasi_cyclic_codes_of_both_kinds_are_among_the_best(
    dimension: int, bits: int, distance: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far apart as any linear code; in [24,5,12] circulants of six columns have even weight."""
    monkeypatch.setattr(code_search, "WORK", 120 * 2**dimension)
    generator = quasi_cyclic_code(dimension, bits, np.random.default_rng(0))
    assert generator.shape == (dimension, bits)
    assert generator.dtype == np.uint8
    assert weights(generator).min() == distance


def test_quality_by_hand() -> None:
    """110, 011 and 101: three columns, all at distance 2; 1111, 0011 and 1100: two columns, all-one word."""
    assert code_search._quality(np.array([[1, 1, 0], [0, 1, 1]], dtype=np.uint8)) == (3, 2, 0, -3)
    assert code_search._quality(np.array([[1, 1, 1, 1], [0, 0, 1, 1]], dtype=np.uint8)) == (2, 2, -1, -2)


@pytest.mark.parametrize(("dimension", "bits", "distance"), [(2, 8, 5), (5, 11, 4)])
def test_quasi_cyclic_codes_up_to_the_dimension_that_is_weighed(
    dimension: int, bits: int, distance: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two words and their sum weigh 2/3 of their length, 5 of 8; BCH codes [8,2] are only 4 apart."""
    monkeypatch.setattr(code_search, "TRIALS", 300)
    monkeypatch.setattr(code_search, "WEIGHED", dimension)
    generator, name = linear_code(dimension, bits)
    assert name == f"quasi-cyclic code [{bits},{dimension}]"
    assert weights(generator).min() == distance


def test_a_code_of_full_length_leaves_out_the_all_one_word() -> None:
    """[16,7,6] less a dimension: no antipodes, and the parity column is not constant without them."""
    counts = weights(bch_code(6, 16, np.random.default_rng(0)))
    assert counts.min() == 6
    assert counts.max() < 16
    assert bch_code(6, 16, np.random.default_rng(0)).any(axis=0).all()


@pytest.mark.parametrize(
    ("dimension", "bits", "distance"), [(7, 12, 4), (11, 28, 8), (6, 31, 15), (4, 4, 1), (6, 17, 6)]
)
def test_bch_codes_cut_to_size(dimension: int, bits: int, distance: int) -> None:
    """From [16,11,4] shortened by 4, [32,16,8] by 4, [32,6,16] without one column, [32,21,6] by 15."""
    generator = bch_code(dimension, bits, np.random.default_rng(0))
    assert generator.shape == (dimension, bits)
    assert weights(generator).min() >= distance


def test_greedy_code_keeps_its_distance() -> None:
    found = greedy_code(6, 9, 5, np.random.default_rng(0))
    assert found is not None
    assert found.dtype == np.uint8
    assert min((one != other).sum() for one, other in combinations(found, 2)) >= 5


def test_greedy_code_gives_up_where_nothing_is() -> None:
    assert greedy_code(3, 4, 4, np.random.default_rng(0)) is None
