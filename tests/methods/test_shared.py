from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from crosshash.errors import CrosshashError
from crosshash.methods.shared import Shared, build
from crosshash.models.tower_specs import TowerSpec
from crosshash.models.towers import build_towers
from crosshash.protocols import PairBatch
from tests.methods.cases import CLIP

VECTORS = TowerSpec("mlp", "mlp", 4, 6)
BAG = TowerSpec("bow", "bow", 4, vocabulary=tuple("abcdef"))


def made(bits: int, quantiser: Any = "itq") -> Shared:  # noqa: ANN401
    return build(*build_towers(VECTORS, VECTORS), bits, None, quantiser)


def items(count: int = 80) -> PairBatch:
    """Vectors of one space, with a constant of its own for each modality, as CLIP's have."""
    generator = np.random.default_rng(0)
    common = generator.normal(size=(count, 6)) * [5, 4, 3, 2, 1, 0.5]
    image, text = (common + generator.normal(size=(count, 6)) * 0.1 for _ in range(2))
    image[:, 0] += 20
    text[:, 1] -= 20
    both = (torch.from_numpy(rows).float() for rows in (image, text))
    return PairBatch(*both, torch.zeros(count, 0), torch.arange(count))


def solved(model: Shared, whole: PairBatch) -> Shared:
    model.solve(model.look_at([whole]), model.tried[0], np.random.default_rng(0))
    return model


def test_values_are_those_on_the_principal_axes_of_both_sides() -> None:
    """Each side around its own mean; axes by numpy's singular value decomposition of the rows."""
    whole = items()
    model = solved(made(3, "sign"), whole)
    sides = [torch.nn.functional.normalize(rows.double()).numpy() for rows in (whole.image, whole.text)]
    sides = [rows - rows.mean(axis=0) for rows in sides]
    axes = np.linalg.svd(np.concatenate(sides))[2][:3].T
    found = model.encode_image(whole.image).numpy(), model.encode_text(whole.text).numpy()
    for one, rows in zip(found, sides, strict=True):
        signs = np.sign((one * (rows @ axes)).sum(axis=0))
        assert np.abs(one - signs * (rows @ axes)).max() < 1e-5
    assert torch.equal(model.image_weight, model.text_weight)


def test_the_modalities_are_balanced_where_they_stand_apart() -> None:
    """Uncentred, all images would have one sign in the first column and all texts one in the second."""
    whole = items()
    model = solved(made(4), whole)
    for soft in (model.encode_image(whole.image), model.encode_text(whole.text)):
        share = (soft >= 0).float().mean(dim=0)
        assert ((share > 0.3) & (share < 0.7)).all()


@pytest.mark.parametrize(
    ("image", "text", "told"),
    [
        (VECTORS, BAG, "vectors of 6 numbers and bags of words"),
        (VECTORS, TowerSpec("mlp", "mlp", 4, 5), "vectors of 6 numbers and vectors of 5 numbers"),
        (CLIP, BAG, "small and bags of words"),
        (BAG, VECTORS, "a network for images alone and vectors of 6 numbers"),
    ],
)
def test_networks_that_share_no_space_are_refused(image: TowerSpec, text: TowerSpec, told: str) -> None:
    with pytest.raises(CrosshashError, match=rf"here they are of {told}\. Give model\.image"):
        build(*build_towers(image, text), 4, None, "itq")


def test_there_is_no_penalty_to_try() -> None:
    assert made(4).tried == (0.0,)


def test_both_networks_of_one_model_share_a_space() -> None:
    assert build(*build_towers(CLIP, CLIP), 4, None, "itq").train_bits == 4
    other = TowerSpec("clip", "other", config=CLIP.config)
    with pytest.raises(CrosshashError, match="of small and other"):
        build(*build_towers(CLIP, other), 4, None, "itq")


def test_more_bits_than_the_space_has_dimensions_are_refused() -> None:
    with pytest.raises(CrosshashError, match=r"bits: 7, but the shared space .* only 6 dimensions"):
        solved(made(7), items())
