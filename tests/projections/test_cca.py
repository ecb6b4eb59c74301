from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from sklearn.cross_decomposition import CCA

from crosshash.projections.cca import canonical_projections


def pairs(items: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two views of three hidden causes of falling strength, among noise."""
    generator = np.random.default_rng(seed)
    causes = generator.normal(size=(items, 3)) * [3, 2, 1]
    first = causes @ generator.normal(size=(3, 5)) + generator.normal(size=(items, 5))
    second = causes @ generator.normal(size=(3, 4)) + generator.normal(size=(items, 4))
    return first - first.mean(axis=0), second - second.mean(axis=0)


def covariances(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    items = len(first)
    return first.T @ first / items, second.T @ second / items, first.T @ second / items


@pytest.mark.parametrize("penalty", [1e-3, 0.7])
@pytest.mark.parametrize("swapped", [False, True])
def test_against_the_generalised_eigenproblem(penalty: float, swapped: bool) -> None:
    """[[0, S_pq], [S_qp, 0]] w = s [[S_pp + r, 0], [0, S_qq + r]] w, solved as one by scipy."""
    first, second = pairs()[::-1] if swapped else pairs()
    one, other, cross = covariances(first, second)
    found = canonical_projections(one, other, cross, 3, penalty)
    size, width = len(one), len(one) + len(other)
    left = np.zeros((width, width))
    left[:size, size:], left[size:, :size] = cross, cross.T
    right = np.zeros((width, width))
    right[:size, :size] = one + penalty * np.diag(one).mean() * np.eye(size)
    right[size:, size:] = other + penalty * np.diag(other).mean() * np.eye(len(other))
    values, vectors = scipy.linalg.eigh(left, right)
    for place in range(3):
        vector = vectors[:, -1 - place] * np.sqrt(2)  # both halves of length 1 together, here each
        expected = vector[:size], vector[size:]
        sign = np.sign(expected[0] @ right[:size, :size] @ found[0][:, place])
        assert found[2][place] == pytest.approx(values[-1 - place], abs=1e-9)
        for whole, half in zip(found[:2], expected, strict=True):
            assert np.abs(whole[:, place] - sign * half).max() < 1e-9


def test_against_scikit_learn_without_a_penalty() -> None:
    """Its own is iterative and has none; correlations of what both project are compared."""
    first, second = pairs()
    of_first, of_second, correlations = canonical_projections(*covariances(first, second), 3, 1e-12)
    theirs = CCA(3, scale=False, max_iter=5000, tol=1e-12).fit_transform(first, second)
    ours = first @ of_first, second @ of_second
    for place in range(3):
        one, other = (np.corrcoef(*(side[:, place] for side in sides))[0, 1] for sides in (ours, theirs))
        assert one == pytest.approx(other, abs=1e-6)
        assert one == pytest.approx(correlations[place], abs=1e-6)


def test_by_hand() -> None:
    """Texts repeat the first of two columns: one direction, with r = 0.1 of correlation 1 / 1.1."""
    first = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    found = canonical_projections(*covariances(first, first[:, :1]), 2, 0.1)
    assert found[2] == pytest.approx([1 / 1.1])
    assert found[0] == pytest.approx(np.array([[1.1**-0.5], [0]]))
    assert found[1] == pytest.approx(np.array([[1.1**-0.5]]))


def test_fewer_pairs_than_dimensions_give_directions_of_no_great_size() -> None:
    """Nine pairs in 40 dimensions correlate perfectly without a penalty; with one they cannot."""
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=(9, 40)), generator.normal(size=(9, 30))
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    of_first, of_second, correlations = canonical_projections(*covariances(first, second), 20, 1.0)
    assert len(correlations) == 8  # the rank of nine rows around their mean
    assert np.abs(of_first).max() < 3
    assert np.abs(of_second).max() < 3
    assert correlations[0] < 0.95
