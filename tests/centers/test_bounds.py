from __future__ import annotations

import pytest

from crosshash.centers import bounds
from crosshash.centers.bounds import best_known_distance, delsarte, plotkin


@pytest.mark.parametrize(
    ("bits", "distance", "most"), [(8, 4, 16), (16, 8, 32), (12, 6, 24), (7, 4, 8), (65, 34, 22), (10, 8, 2)]
)
def test_plotkin_values_that_codes_reach(bits: int, distance: int, most: int) -> None:
    """For example 2 floor(34 / (2 34 - 65)) = 22 words of 65 bits at distance 34."""
    assert plotkin(bits, distance) == most


@pytest.mark.parametrize(
    ("bits", "distance", "most"),
    [(16, 6, 256), (24, 8, 4096), (16, 8, 32), (24, 12, 48), (13, 6, 40), (9, 2, 256), (13, 2, 4096)],
)
def test_delsarte_values_of_the_literature(bits: int, distance: int, most: int) -> None:
    """At distance 2 it is the number of words of even weight."""
    assert delsarte(bits, distance) == pytest.approx(most, rel=1e-5)


def test_a_program_without_solution_forbids_nothing() -> None:
    """The 2^59 even words of 60 bits: with coefficients of this size the solver may give up."""
    assert delsarte(60, 2) >= 2**59


def test_krawtchouk_by_hand() -> None:
    """(1 - z)(1 + z)^2 = 1 + z - z^2 - z^3 and (1 - z)^3 (1 + z) = 1 - 2 z + 2 z^3 - z^4."""
    assert bounds._krawtchouk(3, 1) == [1, 1, -1, -1]
    assert bounds._krawtchouk(4, 3) == [1, -2, 0, 2, -1]


def test_the_linear_program_is_solved_up_to_its_length_and_a_parity_bit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """80 words of 24 bits: Plotkin excludes distance 12, the program with a parity bit, so 25 bits, 11."""
    monkeypatch.setattr(bounds, "LINEAR_PROGRAM_BITS", 24)
    assert best_known_distance(80, 24) == (10, "Delsarte")
    monkeypatch.setattr(bounds, "LINEAR_PROGRAM_BITS", 23)
    assert best_known_distance(80, 24) == (11, "Plotkin")


@pytest.mark.parametrize(
    ("count", "bits", "distance"),
    [
        (80, 12, 4),
        (80, 16, 6),
        (80, 24, 10),
        (80, 64, 32),
        (24, 16, 8),
        (21, 64, 33),
        (255, 16, 6),
        (2, 9, 9),
        (8, 3, 1),
        (2, 1, 1),
    ],
)
def test_best_known_distances_that_codes_reach(count: int, bits: int, distance: int) -> None:
    assert best_known_distance(count, bits)[0] == distance


def test_bounds_are_named() -> None:
    assert best_known_distance(2, 5) == (5, "length")
    assert best_known_distance(80, 64)[1] == "Plotkin"
    assert best_known_distance(80, 24)[1] == "Delsarte"


def test_more_words_than_there_are() -> None:
    with pytest.raises(ValueError, match="only"):
        best_known_distance(9, 3)
