from __future__ import annotations

import pytest
import torch
from torch import nn

from crosshash.models.weights.unset import UnsetWeights


def layers() -> nn.Module:
    made = nn.Sequential(nn.Linear(3, 4), nn.Embedding(5, 3), nn.Conv2d(3, 2, 3), nn.LayerNorm(4))
    nn.init.trunc_normal_(made[0].weight, std=0.02)  # type: ignore[arg-type]
    nn.init.orthogonal_(made[1].weight)  # type: ignore[arg-type]
    return made


def test_nothing_is_drawn_within_and_all_is_drawn_afterwards() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    with UnsetWeights():
        unset = layers()
    assert torch.equal(torch.get_rng_state(), before)
    drawn = layers()
    assert not torch.equal(torch.get_rng_state(), before)
    unset.load_state_dict(drawn.state_dict())
    assert all(torch.equal(one, two) for one, two in zip(unset.parameters(), drawn.parameters(), strict=True))


def test_what_is_no_random_value_is_set_as_ever() -> None:
    with UnsetWeights():
        norm = nn.LayerNorm(4)
        assert torch.equal(norm.weight, torch.ones(4))
        assert torch.equal(torch.zeros(2).add_(1), torch.ones(2))


def test_a_failure_within_ends_it() -> None:
    with pytest.raises(ZeroDivisionError), UnsetWeights():
        raise ZeroDivisionError
    torch.manual_seed(0)
    assert torch.empty(3).normal_().tolist() == torch.randn(3, generator=torch.manual_seed(0)).tolist()
