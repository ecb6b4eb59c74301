from __future__ import annotations

import torch
from torch import nn

from crosshash.models.encoders.multiscale import MultiscaleBag
from crosshash.models.encoders.vectors import VectorEncoder
from crosshash.models.frozen import Frozen


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3), nn.Dropout(0.5))


def test_features_are_those_of_the_start_whatever_the_network_learns() -> None:
    learner = network()
    frozen, rows = Frozen(learner), torch.randn(6, 4)
    before = frozen(rows)
    with torch.no_grad():
        for parameter in learner.parameters():
            parameter.add_(1)
    assert torch.equal(frozen(rows), before)


def test_it_stays_as_at_evaluation_within_a_network_in_training() -> None:
    """Neither do running statistics move, nor do features depend on the batch or on dropout."""
    whole = nn.ModuleDict({"learner": network(), "frozen": Frozen(network())}).train()
    rows = torch.randn(6, 4) + 5
    before = {key: value.clone() for key, value in whole["frozen"].state_dict().items()}
    together = whole["frozen"](rows)
    assert torch.allclose(together[:2], whole["frozen"](rows[:2]), atol=1e-6)
    assert all(torch.equal(before[key], value) for key, value in whole["frozen"].state_dict().items())


def test_features_have_length_one_and_no_gradient() -> None:
    frozen = Frozen(network())
    features = frozen(torch.randn(5, 4, requires_grad=True))
    assert torch.allclose(features.norm(dim=1), torch.ones(5), atol=1e-6)
    assert not features.requires_grad
    assert not any(parameter.requires_grad for parameter in frozen.parameters())


def test_vectors_and_bags_of_words_are_their_own_features() -> None:
    """Rows (3, 4) and (0, 2): by their length (0.6, 0.8) and (0, 1); a row of zeros stays one."""
    rows = torch.tensor([[3.0, 4], [0, 2], [0, 0]])
    for encoder in (VectorEncoder(2, 7, scaled=True), MultiscaleBag(2)):
        frozen = Frozen(encoder)
        assert torch.allclose(frozen(rows), torch.tensor([[0.6, 0.8], [0, 1], [0, 0]]))
        assert not frozen.state_dict()
