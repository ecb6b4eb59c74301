from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from crosshash.errors import CrosshashError
from crosshash.methods.cca import build
from crosshash.models import closed_form
from crosshash.models.closed_form import ClosedFormMethod, Known
from crosshash.models.frozen import feature_width
from crosshash.models.tower_specs import TowerSpec
from crosshash.models.towers import build_towers
from crosshash.projections.covariance import Matrix
from tests.methods.cases import CLIP, HIDDEN, IMAGE, TEXT, WORDS, pairs


class Sums(ClosedFormMethod):
    """Projects both sides to what it is told."""

    needs = (("image", "image"), ("text", "text"))
    what_limits = "this test"

    def projections(self, known: Known, penalty: float) -> tuple[Matrix, Matrix]:
        return penalty * np.eye(len(known["image", "image"]))[:, :1], np.eye(len(known["text", "text"]))[
            :, :1
        ]


def made(quantiser: Any = "sign", bits: int = 1, image: TowerSpec = IMAGE) -> Sums:  # noqa: ANN401
    return Sums(*build_towers(image, TEXT), bits, None, quantiser, "auto")


def test_vectors_are_projected_from_columns_of_deviation_one_and_words_as_they_are() -> None:
    """Both from rows of length 1; the projection takes the first column."""
    whole = pairs("vectors", 12)
    model = made()
    model.solve(model.look_at([whole]), 3.0, np.random.default_rng(0))
    for soft, rows, factor in (
        (model.encode_image(whole.image), whole.image, 3.0),
        (model.encode_text(whole.text), whole.text, 1.0),
    ):
        unit = torch.nn.functional.normalize(rows.double())[:, :1]
        expected = factor * (unit - unit.mean())
        if rows is whole.image:
            expected /= unit.std(correction=0)
        assert torch.allclose(soft.double(), expected, atol=1e-5)


def test_what_the_sign_costs_by_hand() -> None:
    """Values 1 and -1 (both sides) cost nothing; brought to mean square 1, 3 and -1 are 3 and -1 over sqrt 5.

    (1 - 1.3416)^2 = 0.1167 and (-1 + 0.4472)^2 = 0.3056, half their sum 0.2111.
    """
    cost = closed_form._cost_of_the_sign
    assert cost(np.array([[2.0], [-2]])) == pytest.approx(0)
    assert cost(np.array([[3.0, -1]])) == pytest.approx(0.2111, abs=1e-4)


def test_memory_does_not_grow_with_the_training_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """All pairs count in the sums; features are kept of the first ones alone."""
    monkeypatch.setattr(closed_form, "SAMPLE", 20)
    monkeypatch.setattr(closed_form, "ROWS", 8)
    whole = pairs("vectors", 50)
    parts = [replace(whole, image=whole.image[rows], text=whole.text[rows], labels=whole.labels[rows])
             for rows in torch.split(torch.arange(50), 5)]  # fmt: skip
    seen = made().look_at(parts)
    assert [covariance.items for covariance in seen.sums.values()] == [50, 50]
    assert len(seen.sample["image"]) == 20
    rows = torch.nn.functional.normalize(whole.image.double()).numpy()
    assert np.abs(seen.sums["image", "image"].matrix() - np.cov(rows.T, bias=True)).max() < 1e-7


def test_features_that_are_no_numbers_are_refused() -> None:
    whole = pairs("vectors", 12)
    whole.text[3, 2] = torch.inf
    with pytest.raises(CrosshashError, match="turn some training pairs into values that are no numbers"):
        made().look_at([whole])


def test_constant_columns_of_vectors_are_left_out() -> None:
    """The first column: by its deviation of nothing but rounding the projection would be infinite."""
    whole = pairs("vectors", 12)
    image = torch.full_like(whole.image, 0.1)
    image[:, 1:] *= torch.tensor([-1.0, 1]).repeat(6)[:, None]  # rows of one length
    model = made()
    model.solve(model.look_at([replace(whole, image=image)]), 1.0, np.random.default_rng(0))
    assert model.encode_image(image).isfinite().all()
    assert not model.encode_image(image).any()


@pytest.mark.parametrize(
    ("spec", "width"), [(IMAGE, 9), (TEXT, len(WORDS)), (replace(TEXT, name="bow-multiscale"), len(WORDS))]
)
def test_vectors_and_words_are_projected_themselves(spec: TowerSpec, width: int) -> None:
    tower, _ = build_towers(spec, spec)
    assert feature_width(tower.network, tower.dim) == width != HIDDEN


def test_networks_stay_as_they_are_and_are_in_the_model() -> None:
    image, text = build_towers(CLIP, CLIP)
    model = build(image, text, 3, None, "itq", 1.0)
    before = {key: value.clone() for key, value in image.network.state_dict().items()}
    whole = pairs("pictures", 12)
    model.train().solve(model.look_at([whole]), 1.0, np.random.default_rng(0))
    kept = model.state_dict()
    assert all(torch.equal(value, kept[f"image.network.{key}"]) for key, value in before.items())
    assert not [one for one in model.parameters() if one.requires_grad]
    assert feature_width(image.network, image.dim) == 24
