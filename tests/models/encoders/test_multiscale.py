from __future__ import annotations

import numpy as np
import pytest
import torch

from crosshash.models.encoders.multiscale import MultiscaleBag, WindowAverage

WORDS = 23


def network(words: int = WORDS, seed: int = 0) -> MultiscaleBag:
    torch.manual_seed(seed)
    return MultiscaleBag(words)


def bags(items: int, words: int = WORDS) -> torch.Tensor:
    drawn = np.random.default_rng(0).random((items, words)) < 0.3
    return torch.from_numpy(drawn.astype(np.float32))


def test_a_window_gives_each_of_its_words_their_mean() -> None:
    """Seven words in windows of three: (1 + 0 + 2) / 3 = 1, (0 + 0 + 1) / 3, and the last alone: 5."""
    found = WindowAverage(3)(torch.tensor([[[1.0, 0, 2, 0, 0, 1, 5]]]))
    assert found.flatten().tolist() == pytest.approx([1, 1, 1, 1 / 3, 1 / 3, 1 / 3, 5])


@pytest.mark.parametrize("words", [1, 4, 50, 61])
def test_windows_are_no_wider_than_the_vocabulary(words: int) -> None:
    levels = network(words).eval().levels(bags(2, words))
    assert [level.shape for level in levels] == [(2, 256)] * 4


def test_no_window_is_lost_at_the_start() -> None:
    """A negative weight in front of the ReLU would shut a window off for good: words are never negative."""
    for seed in range(5):
        built = network(seed=seed).train()
        sum(level.square().mean() for level in built.levels(bags(8))).backward()  # type: ignore[union-attr]
        assert all(average.weight.weight.grad.abs() > 0 for average in built.averages)  # type: ignore[union-attr, operator]


def test_levels_equal_a_plain_calculation() -> None:
    """In float64, by loops over scales and sums over words; BatchNorm with running statistics of its own."""
    built = network().train()
    for seed in range(3):
        built(bags(6) * (seed + 1))
    built.eval()
    given = bags(3)
    with torch.no_grad():
        found = [level.double().numpy() for level in built.levels(given)]
    state = {key: value.double().numpy() for key, value in built.state_dict().items()}
    for item, bag in enumerate(given.double().numpy()):
        inside = stacked(bag)[None]
        for number in range(4):
            inside = block(inside, state, f"blocks.{number}.")
            weight, bias = state[f"projections.{number}.weight"], state[f"projections.{number}.bias"]
            projected = np.maximum(np.einsum("oihs,ihs->o", weight, inside) + bias, 0)
            assert np.allclose(found[number][item], normalised(projected), rtol=1e-4, atol=1e-5)


def stacked(bag: np.ndarray) -> np.ndarray:
    """float[V, 6]: the words, then the means of the windows of 23, 23, 15, 10 and 5 words."""
    columns = [bag]
    for window in (50, 30, 15, 10, 5):
        width = min(window, len(bag))
        columns.append(np.array([bag[word // width * width :][:width].mean() for word in range(len(bag))]))
    return np.stack(columns, axis=1)


def block(inside: np.ndarray, state: dict[str, np.ndarray], prefix: str) -> np.ndarray:
    """A residual block: convolution over three scales, then one over all words and some scales; shortcut."""
    edged = np.pad(inside, ((0, 0), (0, 0), (1, 1)))
    first = valid(edged, state[prefix + "first.weight"])
    first = np.maximum(batch_normalised(first, state, prefix + "first_norm."), 0)
    second = batch_normalised(valid(first, state[prefix + "second.weight"]), state, prefix + "second_norm.")
    straight = valid(inside, state[prefix + "shortcut.weight"])
    return np.maximum(second + batch_normalised(straight, state, prefix + "shortcut_norm."), 0)


def valid(inside: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """A convolution of float[I, H, S] with float[O, I, h, s] where it lies inside."""
    height, span = weight.shape[2:]
    rows = inside.shape[1] - height + 1
    columns = inside.shape[2] - span + 1
    found = np.zeros((weight.shape[0], rows, columns))
    for row in range(rows):
        for column in range(columns):
            part = inside[:, row : row + height, column : column + span]
            found[:, row, column] = np.tensordot(weight, part, 3)
    return found


def batch_normalised(inside: np.ndarray, state: dict[str, np.ndarray], prefix: str) -> np.ndarray:
    shape = (-1, 1, 1)
    scale = state[prefix + "weight"] / np.sqrt(state[prefix + "running_var"] + 1e-5)
    shifted = inside - state[prefix + "running_mean"].reshape(shape)
    return shifted * scale.reshape(shape) + state[prefix + "bias"].reshape(shape)


def normalised(values: np.ndarray) -> np.ndarray:
    """Each value by (1 + 1e-4 / 2 (itself^2 + the one before^2))^0.75."""
    before = np.concatenate([[0], values[:-1]])
    return values / (1 + 1e-4 / 2 * (values**2 + before**2)) ** 0.75
