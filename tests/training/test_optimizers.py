from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.optim import SGD, AdamW

from crosshash.training.optimizers import Rates, make_optimizer, set_rates
from tests.training.cases import learner

RATES = Rates(head=0.01, backbone=0.001, weight_decay=0.2, warmup=0.0, clip_norm=1.0)


def peaks(rates: Rates) -> dict[str, set[float]]:
    """Peak rates by the name of the network or head that a parameter belongs to."""
    model = learner()
    names = {id(parameter): name.split(".")[0] for name, parameter in model.named_parameters()}
    found: dict[str, set[float]] = {}
    for group in make_optimizer(model, "all", rates).param_groups:
        for parameter in group["params"]:
            found.setdefault(names[id(parameter)], set()).add(group["peak"])
    return found


def test_the_text_network_has_a_rate_of_its_own() -> None:
    assert peaks(replace(RATES, text=10.0)) == {
        "image": {0.001},
        "image_head": {0.01},
        "text": {0.01},
        "text_head": {0.1},
    }


def test_the_text_encoder_has_a_rate_of_its_own() -> None:
    """The image head stays at 0.01, the text encoder gets 0.1 x 2, its head 0.01 x 2."""
    assert peaks(replace(RATES, backbone_text=0.1, text=2.0)) == {
        "image": {0.001},
        "image_head": {0.01},
        "text": {0.2},
        "text_head": {0.02},
    }


def test_the_optimizer_is_the_one_asked_for() -> None:
    assert isinstance(make_optimizer(learner(), "all", RATES), AdamW)
    plain = make_optimizer(learner(), "all", replace(RATES, optimizer="sgd", momentum=0.2))
    assert isinstance(plain, SGD)
    assert {group["momentum"] for group in plain.param_groups} == {0.2}


def test_two_steps_of_adamw_by_hand() -> None:
    """Betas 0.9 and 0.98, eps 1e-6, decay 0.2 (docs/twdh.md); a weight of 1, rate 0.01, gradients 1e-6, 3e-6.

    First: 1 x (1 - 0.01 x 0.2) = 0.998; the moments, corrected, are the gradient and its square, so the step
    is 0.01 x 1e-6 / (1e-6 + 1e-6) = 0.005, which leaves 0.993. Second: 0.993 x 0.998 = 0.991014. First moment
    (0.9 x 1e-7 + 0.1 x 3e-6) / (1 - 0.81) = 2.052632e-6, second (0.98 x 2e-14 + 0.02 x 9e-12) / (1 - 0.9604)
    = 5.040404e-12, its root 2.245084e-6: step 0.01 x 2.052632 / 3.245084 = 0.0063254, which leaves 0.9846886.
    """
    model = learner()
    weight = model.image_head.pairs.weight
    torch.nn.init.ones_(weight)
    optimizer = make_optimizer(model, "all", RATES)
    for gradient, left in ((1e-6, 0.993), (3e-6, 0.9846886)):
        set_rates(optimizer, 0, 1, RATES)
        weight.grad = torch.full_like(weight, gradient)
        optimizer.step()
        assert torch.allclose(weight, torch.full_like(weight, left), rtol=0, atol=1e-6)


def test_a_step_of_sgd_by_hand() -> None:
    """Peak 0.01, exponential to 0.0001: at half of the steps the rate is 0.01 x sqrt(0.01) = 0.001."""
    rates = replace(RATES, optimizer="sgd", momentum=0.0, weight_decay=0.0, schedule="exponential", end=0.01)
    model = learner()
    optimizer = make_optimizer(model, "all", rates)
    set_rates(optimizer, 5, 10, rates)
    weight = model.image_head.pairs.weight
    before = weight.detach().clone()
    weight.grad = torch.ones_like(weight)
    optimizer.step()
    assert torch.allclose(before - weight, torch.full_like(weight, 0.001), atol=1e-6)


@pytest.mark.parametrize("schedule", ["cosine", "exponential"])
def test_the_last_rate_nears_the_end_asked_for(schedule: str) -> None:
    rates = replace(RATES, schedule=schedule, end=0.25)
    optimizer = make_optimizer(learner(), "all", rates)
    set_rates(optimizer, 999, 1000, rates)
    assert all(
        group["lr"] == pytest.approx(group["peak"] * 0.25, rel=0.01) for group in optimizer.param_groups
    )
