from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from crosshash.models.method import TwoTowerMethod, encoding
from crosshash.models.towers import build_towers
from crosshash.protocols import PairBatch, StepLoss
from tests.methods.cases import IMAGE, TEXT, batch

BITS = 3


class Half(TwoTowerMethod):
    """Halves what its heads give; the loss is no matter here."""

    def training_step(self, batch: PairBatch, phase: str) -> StepLoss:
        raise NotImplementedError

    def soft_code(self, output: Tensor) -> Tensor:
        return output / 2


class Lossless(TwoTowerMethod):
    """Has forgotten its loss."""

    def soft_code(self, output: Tensor) -> Tensor:
        return output


def made(kind: type[TwoTowerMethod]) -> TwoTowerMethod:
    torch.manual_seed(0)
    image, text = build_towers(IMAGE, TEXT)
    heads = nn.Sequential(nn.Dropout(0.5), nn.Linear(image.dim, BITS)), nn.Linear(text.dim, BITS)
    return kind(image, text, BITS, heads)


def test_a_method_that_lacks_a_part_is_refused_when_it_is_made() -> None:
    with pytest.raises(TypeError, match="training_step"):
        made(Lossless)


def test_networks_and_heads_are_groups_of_their_own_in_a_fixed_order() -> None:
    """The order is that of the optimiser's state in checkpoints."""
    method = made(Half)
    groups = method.parameter_groups("all")
    assert [(group.modality, group.part) for group in groups] == [
        ("image", "backbone"),
        ("image", "head"),
        ("text", "backbone"),
        ("text", "head"),
    ]
    parts = (method.image, method.image_head, method.text, method.text_head)
    for group, part in zip(groups, parts, strict=True):
        assert [id(one) for one in group.parameters] == [id(one) for one in part.parameters()]
    assert sum(len(group.parameters) for group in groups) == len(list(method.parameters()))


def test_codes_are_made_of_what_the_heads_give() -> None:
    method, items = made(Half).eval(), batch(4)
    image, text = method.outputs(items)
    assert torch.equal(image, method.image_head(method.image(items.image)))
    assert torch.equal(method.encode_image(items.image), image / 2)
    assert torch.equal(method.encode_text(items.text), text / 2)
    assert not torch.equal(image, text)


@pytest.mark.parametrize("learning", [True, False])
def test_encoding_lends_the_network_out_and_gives_it_back(learning: bool) -> None:
    method, items = made(Half).train(learning), batch(4)
    with encoding(method):
        first, again = method.encode_image(items.image), method.encode_image(items.image)
    assert torch.equal(first, again)
    assert not first.requires_grad
    assert method.encode_image(items.image).requires_grad
    assert [module.training for module in method.modules()] == [learning] * len(list(method.modules()))


def test_encoding_gives_it_back_after_an_error_too() -> None:
    method = made(Half)
    with pytest.raises(KeyError), encoding(method):
        raise KeyError
    assert method.training
    assert torch.is_grad_enabled()
