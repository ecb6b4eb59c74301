from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from crosshash.errors import CrosshashError
from crosshash.methods.ridge import Ridge, build
from crosshash.models.tower_specs import TowerSpec
from crosshash.models.towers import build_towers
from crosshash.protocols import PairBatch

IMAGE, TEXT = TowerSpec("mlp", "mlp", 4, 6), TowerSpec("mlp", "mlp", 4, 5)
CLASSES = 3


def made(bits: int, quantiser: Any = "itq", penalty: Any = 0.5) -> Ridge:  # noqa: ANN401
    return build(*build_towers(IMAGE, TEXT), bits, None, quantiser, penalty)


def items(count: int = 60, classes: int = CLASSES) -> PairBatch:
    """Vectors that show labels a little; every item has one or two."""
    generator = np.random.default_rng(0)
    labels = (generator.random((count, classes)) < 0.4).astype(np.float32)
    labels[labels.sum(axis=1) == 0, 0] = 1
    image = labels @ generator.normal(size=(classes, 6)) + generator.normal(size=(count, 6))
    text = labels @ generator.normal(size=(classes, 5)) + generator.normal(size=(count, 5))
    image, text = (torch.from_numpy(rows).float() for rows in (image, text))
    return PairBatch(image, text, torch.from_numpy(labels), torch.arange(count))


def solved(model: Ridge, whole: PairBatch) -> Ridge:
    model.solve(model.look_at([whole]), model.tried[0], np.random.default_rng(0))
    return model


def scores(rows: torch.Tensor, labels: torch.Tensor, penalty: float) -> np.ndarray:
    """Class scores by least squares with rows for the penalty, from rows of length 1 and unit deviation."""
    values = torch.nn.functional.normalize(rows.double()).numpy()
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    wanted = torch.nn.functional.normalize(labels.double()).numpy()
    wanted = wanted - wanted.mean(axis=0)
    dims = values.shape[1]
    taller = np.concatenate([values, np.sqrt(len(values) * penalty) * np.eye(dims)])
    map_DC = np.linalg.lstsq(taller, np.concatenate([wanted, np.zeros((dims, wanted.shape[1]))]), rcond=None)[
        0
    ]
    return np.asarray(values @ map_DC)


@pytest.mark.parametrize(("bits", "quantiser"), [(3, "sign"), (3, "itq"), (8, "rotation"), (8, "itq")])
def test_inner_products_are_those_of_the_class_scores(bits: int, quantiser: str) -> None:
    """Axes and rotations, to as many dimensions and to more, change none of them."""
    whole = items()
    model = solved(made(bits, quantiser), whole)
    found = model.encode_image(whole.image) @ model.encode_text(whole.text).T
    expected = scores(whole.image, whole.labels, 0.5) @ scores(whole.text, whole.labels, 0.5).T
    assert np.abs(found.numpy() - expected).max() < 1e-4


def test_fewer_bits_than_classes_keep_the_directions_of_most_variance() -> None:
    """Of both modalities' scores together, against numpy's singular value decomposition."""
    whole = items()
    model = solved(made(2, "sign"), whole)
    both = np.concatenate([scores(rows, whole.labels, 0.5) for rows in (whole.image, whole.text)])
    axes = np.linalg.svd(both)[2][:2].T
    found = model.encode_image(whole.image).numpy()
    for bit in range(2):
        expected = both[: len(found)] @ axes[:, bit]
        assert np.abs(found[:, bit] - np.sign(expected @ found[:, bit]) * expected).max() < 1e-4


def test_signs_alone_give_no_more_bits_than_classes() -> None:
    with pytest.raises(
        CrosshashError, match=r"bits: 4, but the space of class scores .* only 3 .*rotation, itq"
    ):
        solved(made(4, "sign"), items())


def test_one_class_is_refused() -> None:
    with pytest.raises(CrosshashError, match=r"all training items have the same labels.*cca"):
        solved(made(4), items(classes=1))


def test_floats_give_no_more_dimensions_than_classes_and_quantisers_that_turn_give_more() -> None:
    with pytest.raises(
        CrosshashError,
        match=r"bits: 64 \(4 dimensions\), .* only 3 dimensions: bits can be 48 at most.*pq, rabitq",
    ):
        solved(made(4, "none"), items())
    for quantiser in ("pq", "rabitq"):
        found = solved(made(8, quantiser), items()).encode_image(items().image)
        assert found.shape == (60, 8)
        assert np.linalg.matrix_rank(found.numpy(), tol=1e-4) == 3


def test_fewer_pairs_than_dimensions_do_not_explode() -> None:
    """Five pairs in six dimensions; values of other items are of the size of theirs."""
    whole = items()
    few = PairBatch(*(part[:5] for part in (whole.image, whole.text, whole.labels, whole.index)))
    model = solved(made(2), few)
    known, found = (model.encode_image(one.image).abs().max() for one in (few, whole))
    assert found.isfinite()
    assert found < 4 * known


def test_equal_images_are_not_called_equal_labels() -> None:
    whole = items()
    equal = PairBatch(torch.ones_like(whole.image), whole.text, whole.labels, whole.index)
    with pytest.raises(CrosshashError, match="features are equal for all training pairs"):
        solved(made(3), equal)


def test_constant_columns_do_no_harm() -> None:
    whole = items()
    text = whole.text.clone()
    text[:, 3:] = 0
    model = solved(made(3), PairBatch(whole.image, text, whole.labels, whole.index))
    assert model.encode_text(text).isfinite().all()
    assert not model.text_weight[3:].any()
