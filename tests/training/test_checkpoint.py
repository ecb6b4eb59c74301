from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import nn

from crosshash.errors import CrosshashError
from crosshash.models.weights.tensors import write_tensors
from crosshash.training.checkpoint import (
    STATE,
    Progress,
    cpu_copy,
    load_checkpoint,
    save_checkpoint,
)

PROGRESS = Progress(2, ({"loss": 0.1 + 0.2, "val_i2t": 1 / 3}, {"loss": 1e-17, "val_i2t": 0.5}), 2, 0.5)


def network() -> nn.Module:
    """Convolution weights as the image tower keeps them, channels last, beside others."""
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.Flatten(), nn.Linear(5 * 6 * 6, 2))
    return layers.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def optimizer_of(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=0.01, fused=True)


def test_a_state_is_on_the_disk_when_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: flushed.append(file) or fsync(file))  # type: ignore[func-returns-value]
    model = network()
    save_checkpoint(tmp_path, model.state_dict(), cpu_copy(model.state_dict()), [], PROGRESS)
    assert flushed


def steps(model: nn.Module, optimizer: torch.optim.Optimizer, seeds: range) -> None:
    for seed in seeds:
        pictures = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
        optimizer.zero_grad()
        model(pictures).square().mean().backward()
        optimizer.step()


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    model = network()
    optimizer = optimizer_of(model)
    steps(model, optimizer, range(2))
    best = {"weight": torch.ones(3)}
    save_checkpoint(tmp_path, cpu_copy(model.state_dict()), best, [optimizer], PROGRESS)
    found = load_checkpoint(tmp_path, [optimizer_of(network())])
    assert found is not None
    state, found_best, progress = found
    assert progress == PROGRESS
    assert torch.equal(found_best["weight"], best["weight"])
    for key, value in model.state_dict().items():
        assert torch.equal(state[key], value)


def test_steps_after_a_restart_are_those_without_one(tmp_path: Path) -> None:
    """Fused AdamW walks through memory: moments restored in another layout would meet other weights."""
    whole = network()
    optimizer = optimizer_of(whole)
    steps(whole, optimizer, range(4))

    first = network()
    optimizer = optimizer_of(first)
    steps(first, optimizer, range(2))
    save_checkpoint(tmp_path, cpu_copy(first.state_dict()), {}, [optimizer], PROGRESS)
    second = network()
    optimizer = optimizer_of(second)
    found = load_checkpoint(tmp_path, [optimizer])
    assert found is not None
    second.load_state_dict(found[0])
    steps(second, optimizer, range(2, 4))
    for key, value in whole.state_dict().items():
        assert torch.equal(second.state_dict()[key], value), key


def test_several_optimisers_keep_apart(tmp_path: Path) -> None:
    models = [network(), network()]
    optimizers = [optimizer_of(model) for model in models]
    steps(models[0], optimizers[0], range(1))
    steps(models[1], optimizers[1], range(3))
    save_checkpoint(tmp_path, {}, {}, optimizers, PROGRESS)
    restored = [optimizer_of(network()), optimizer_of(network())]
    load_checkpoint(tmp_path, restored)
    for before, after in zip(optimizers, restored, strict=True):
        old, new = before.state_dict()["state"], after.state_dict()["state"]
        assert old.keys() == new.keys()
        for index in old:
            assert all(torch.equal(old[index][name], new[index][name]) for name in old[index])


def test_without_a_state_there_is_nothing_to_load(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path, []) is None
    assert load_checkpoint(tmp_path / "nowhere", []) is None


def test_equal_states_give_equal_files_without_pickles(tmp_path: Path) -> None:
    for name in ("a", "b"):
        model = network()
        optimizer = optimizer_of(model)
        steps(model, optimizer, range(2))
        save_checkpoint(tmp_path / name, cpu_copy(model.state_dict()), {}, [optimizer], PROGRESS)
    assert (tmp_path / "a" / STATE).read_bytes() == (tmp_path / "b" / STATE).read_bytes()
    assert [path.name for path in (tmp_path / "a").iterdir()] == [STATE]


def test_a_damaged_state_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / STATE).write_bytes(b"half")
    with pytest.raises(
        CrosshashError, match=rf"{STATE}: is not a whole .*\. Delete it; training then starts anew\.$"
    ):
        load_checkpoint(tmp_path, [])


@pytest.mark.parametrize("note", ['{"epochs_done": 2', "[1]", "null", '{"epochs_done": 2, "history": 7}', ""])
def test_a_note_that_is_no_progress_is_named_with_the_remedy(tmp_path: Path, note: str) -> None:
    write_tensors(tmp_path / STATE, {"model/weight": torch.ones(2)}, ("progress", note))
    with pytest.raises(
        CrosshashError, match=rf"{STATE}: its note 'progress' is damaged .*Delete it; training then starts"
    ):
        load_checkpoint(tmp_path, [])


def test_one_flipped_bit_of_a_state_is_noticed(tmp_path: Path) -> None:
    model = network()
    save_checkpoint(tmp_path, cpu_copy(model.state_dict()), {}, [optimizer_of(model)], PROGRESS)
    whole = (tmp_path / STATE).read_bytes()
    (tmp_path / STATE).write_bytes(whole[:-7] + bytes([whole[-7] ^ 16]) + whole[-6:])
    with pytest.raises(CrosshashError, match=rf"{STATE}: .*checksum differs.*training then starts anew"):
        load_checkpoint(tmp_path, [optimizer_of(network())])


def test_a_copy_stays_as_it_was_when_training_goes_on() -> None:
    model = network()
    copy = cpu_copy(model.state_dict())
    before = {key: value.clone() for key, value in copy.items()}
    steps(model, optimizer_of(model), range(1))
    assert all(torch.equal(copy[key], before[key]) for key in copy)
    assert not torch.equal(copy["0.weight"], model.state_dict()["0.weight"])


def test_a_copy_leaves_out_what_only_training_needs() -> None:
    """Beside the model as it is, a checkpoint once held such buffers a second time, in the best one."""
    state = {"buffer_image": torch.ones(3), "image.weight": torch.ones(2), "words_text": torch.ones(1)}
    assert list(cpu_copy(state, ("buffer_", "words_"))) == ["image.weight"]
    assert list(cpu_copy(state)) == list(state)
