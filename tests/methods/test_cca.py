from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.linalg
import torch

from crosshash.errors import CrosshashError
from crosshash.methods.cca import Cca, build
from crosshash.models.tower_specs import TowerSpec
from crosshash.models.towers import build_towers
from crosshash.protocols import PairBatch

BITS = 3
IMAGE, TEXT = TowerSpec("mlp", "mlp", 4, 6), TowerSpec("mlp", "mlp", 4, 5)


def made(bits: int = BITS, quantiser: Any = "itq", penalty: Any = 0.5) -> Cca:  # noqa: ANN401
    return build(*build_towers(IMAGE, TEXT), bits, None, quantiser, penalty)


def items(count: int = 60, seed: int = 0) -> PairBatch:
    """Vectors with three causes in common, in units of a thousandth to thousands."""
    generator = np.random.default_rng(seed)
    causes = generator.normal(size=(count, 3)) * [3, 2, 1]
    mixing = np.random.default_rng(9)
    image = causes @ mixing.normal(size=(3, 6)) + generator.normal(size=(count, 6))
    text = causes @ mixing.normal(size=(3, 5)) + generator.normal(size=(count, 5))
    return PairBatch(
        torch.from_numpy(image + 1).float(),
        torch.from_numpy(text - 2).float(),
        torch.zeros(count, 0),
        torch.arange(count),
    )


def solved(model: Cca, whole: PairBatch, seed: int = 0) -> Cca:
    model.solve(model.look_at([whole]), model.tried[0], np.random.default_rng(seed))
    return model


def columns(rows: torch.Tensor) -> np.ndarray:
    """Rows of length 1, then every column around 0 with deviation 1."""
    values = rows.double().numpy()
    values = values / np.linalg.norm(values, axis=1, keepdims=True)
    return np.asarray((values - values.mean(axis=0)) / values.std(axis=0))


def test_values_before_the_rotation_against_the_generalised_eigenproblem() -> None:
    """Columns x W s of both sides, from the features themselves."""
    whole = items()
    model = solved(made(quantiser="sign"), whole)
    image, text = columns(whole.image), columns(whole.text)
    left = np.zeros((11, 11))
    left[:6, 6:] = image.T @ text / 60
    left += left.T
    right = np.zeros((11, 11))
    right[:6, :6] = image.T @ image / 60 + 0.5 * np.eye(6)
    right[6:, 6:] = text.T @ text / 60 + 0.5 * np.eye(5)
    values, vectors = scipy.linalg.eigh(left, right)
    found = model.encode_image(whole.image).numpy(), model.encode_text(whole.text).numpy()
    for bit in range(BITS):
        vector = vectors[:, -1 - bit] * np.sqrt(2) * values[-1 - bit]
        expected = image @ vector[:6], text @ vector[6:]
        sign = np.sign(expected[0] @ found[0][:, bit])
        for one, other in zip(found, expected, strict=True):
            assert np.abs(one[:, bit] - sign * other).max() < 1e-5


@pytest.mark.parametrize("quantiser", ["rotation", "itq"])
def test_a_rotation_keeps_all_inner_products(quantiser: str) -> None:
    whole = items()
    plain, turned = (solved(made(quantiser=one), whole) for one in ("sign", quantiser))
    before, after = (one.encode_image(whole.image) @ one.encode_text(whole.text).T for one in (plain, turned))
    assert torch.allclose(before, after, atol=1e-4)
    assert not torch.allclose(plain.encode_image(whole.image), turned.encode_image(whole.image), atol=0.1)


def test_itq_costs_less_than_a_random_rotation() -> None:
    whole = items()
    costs = []
    for quantiser in ("rotation", "itq"):
        model = made(quantiser=quantiser)
        costs.append(model.solve(model.look_at([whole]), 0.5, np.random.default_rng(0)))
    assert costs[1] < costs[0]


def test_the_unit_of_a_column_does_not_matter() -> None:
    """Of vectors of one length: the features are rows of length 1."""
    whole = items()
    unit = torch.nn.functional.normalize(whole.image)
    other = PairBatch(unit[:, [5, 0, 1, 2, 3, 4]], whole.text, whole.labels, whole.index)
    first, second = solved(made(), whole), solved(made(), other)
    assert torch.allclose(first.encode_image(whole.image), second.encode_image(other.image), atol=1e-4)


def test_it_does_not_matter_how_pairs_come_in_batches() -> None:
    whole = items()
    model = made()
    parts = [
        PairBatch(whole.image[rows], whole.text[rows], whole.labels[rows], rows)
        for rows in torch.split(torch.arange(60), 7)
    ]
    model.solve(model.look_at(parts), 0.5, np.random.default_rng(0))
    assert torch.allclose(
        solved(made(), whole).encode_text(whole.text), model.encode_text(whole.text), atol=1e-5
    )


def test_more_bits_than_the_narrower_side_has_dimensions_are_refused() -> None:
    with pytest.raises(CrosshashError, match=r"bits: 6, but canonical correlation .* only 5 dim.* at most"):
        solved(made(bits=6), items())


def test_constant_columns_give_no_dimension_and_do_no_harm() -> None:
    """Two of five text columns are constant before rows are brought to length 1, all but one zero after."""
    whole = items()
    text = whole.text.clone()
    text[:, 3:] = 0
    bare = PairBatch(whole.image, text, whole.labels, whole.index)
    with pytest.raises(CrosshashError, match=r"bits: 4, .* only 3 dimensions: bits can be 3 at most"):
        solved(made(bits=4), bare)
    model = solved(made(bits=3), bare)
    assert model.encode_text(text).isfinite().all()
    assert not model.text_weight[3:].any()


def test_features_that_are_all_equal_are_refused() -> None:
    whole = items()
    same = PairBatch(whole.image, torch.ones_like(whole.text), whole.labels, whole.index)
    with pytest.raises(CrosshashError, match="equal for all training pairs"):
        solved(made(), same)


def test_fewer_pairs_than_dimensions_do_not_explode() -> None:
    """Five pairs in six dimensions; values of new items stay of the size of the known ones."""
    few, new = items(5), items(50, seed=1)
    model = solved(made(bits=2), few)
    known, found = (model.encode_image(one.image).abs().max() for one in (few, new))
    assert found < 4 * known
    with pytest.raises(CrosshashError, match="only 4 dimensions"):
        solved(made(bits=5), few)


def test_floats_are_the_projections_themselves_and_codes_of_vectors_are_turned() -> None:
    whole = items()
    plain, floats = (solved(made(quantiser=one), whole) for one in ("sign", "none"))
    assert torch.equal(plain.image_weight, floats.image_weight)
    turned, factor = (solved(made(quantiser=one), whole) for one in ("itq", "rabitq"))
    assert torch.equal(turned.image_weight, factor.image_weight)
    found = [model.vector_code() for model in (plain, turned, floats, factor)]
    assert [code and (code.kind, code.dims) for code in found] == [None, None, ("none", 3), ("rabitq", 3)]


def test_more_dimensions_than_there_are_are_told_with_the_bits_that_they_take() -> None:
    with pytest.raises(
        CrosshashError,
        match=r"bits: 96 \(6 dimensions\), but canonical .* only 5 dimensions: bits can be 80 at most",
    ):
        solved(made(6, "none"), items())


def test_of_fewer_pairs_than_words_there_is_no_product_quantiser() -> None:
    model = solved(made(4, "pq"), items(7))
    with pytest.raises(CrosshashError, match=r"pq needs 16 vectors .* only 14 images and texts"):
        model.fit_vector_code(model.look_at([items(7)]).sample, 0)
