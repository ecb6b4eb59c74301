"""What every method must do, whichever it is: a new one is tested by standing in crosshash/methods."""

from __future__ import annotations

import copy
import importlib
import itertools
import pkgutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

import crosshash.methods
from crosshash.centers.center_book import write_centers
from crosshash.config.params import METHODS
from crosshash.errors import CrosshashError
from crosshash.inference.model_folder import build_method, load_model, save_model
from crosshash.models.method import TrainedMethod
from crosshash.models.towers import build_towers
from crosshash.models.weights.tensors import read_tensors
from crosshash.pairs.info import read_info, write_info
from crosshash.protocols import PairBatch
from crosshash.seeding import stream_seed
from crosshash.training.checkpoint import Epoch, cpu_copy, load_checkpoint
from crosshash.training.closed_form import solve
from crosshash.training.fabric import open_fabric
from crosshash.training.fit import Fitted, fit
from crosshash.training.optimizers import Rates
from stages import train
from tests.methods.cases import (
    BITS,
    HIDDEN,
    KINDS,
    ROOT,
    FixedBatches,
    card,
    make,
    pairs,
    plans,
    rows_of,
)
from tests.stages.vector_set import DATA, make_items, write_plans, write_set

RATES = Rates(head=0.01, backbone=0.01, weight_decay=0.2, warmup=0.1, clip_norm=1.0)
FEW_BITS = 2  # the captions of the set differ in two directions
ITEMS = 29  # the last batch of 8 holds 5; no layer is as wide

LEARNING = [
    name
    for name in METHODS
    if issubclass(importlib.import_module(f"crosshash.methods.{name}").build, TrainedMethod)
]

every_method = pytest.mark.parametrize("name", METHODS)
every_trained_method = pytest.mark.parametrize("name", LEARNING)
every_kind = pytest.mark.parametrize("kind", KINDS)


class StopError(Exception):
    """Ends a training from outside."""


def nothing(epoch: int, row: Epoch) -> None:
    """Watch nothing."""


def fitted(
    folder: Path,
    model: Any,  # noqa: ANN401
    whole: PairBatch,
    epochs: int = 2,
    on_epoch: Callable[[int, Epoch], None] = nothing,
    rates: Rates = RATES,
) -> Fitted:
    return fit(
        open_fabric("cpu", "fp32"), model, FixedBatches(whole), None,
        epochs=epochs, rates=rates, select="last", seed=0, folder=folder, on_epoch=on_epoch,
    )  # fmt: skip


def learnt(folder: Path, model: Any, whole: PairBatch, name: str) -> dict[str, Tensor]:  # noqa: ANN401
    """Train a few epochs, or solve; gives the state that is kept for encoding, which the model then has."""
    if name in LEARNING:
        result = fitted(folder, model, whole)
        lacking = model.load_state_dict(result.state, strict=False)
        assert not lacking.unexpected_keys
        assert all(key.startswith(tuple(model.training_only)) for key in lacking.missing_keys)
        return result.state
    asked = pairs("vectors" if whole.image.ndim == 2 else "pictures", 7, seed=1)
    solved = solve(
        torch.device("cpu"), model, FixedBatches(whole), FixedBatches(asked),
        supervised=plans(name)["train"].supervised, seed=0, on_penalty=nothing,
    )  # fmt: skip
    model.load_state_dict(solved.state)
    return solved.state


def started(model: Any, whole: PairBatch, epoch: int = 1) -> Any:  # noqa: ANN401
    """Bring a method to the first step of an epoch, as `fit` does."""
    source = FixedBatches(whole)
    for before in range(1, epoch):
        model.start_epoch(before, source.in_order)
        model.end_epoch(before, source.in_order)
    model.start_epoch(epoch, source.in_order)
    return model.train()


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def codes(model: Any, items: PairBatch) -> tuple[Tensor, Tensor]:  # noqa: ANN401
    with torch.no_grad():
        return model.eval().encode_image(items.image), model.encode_text(items.text)


# What belongs to a method


def test_methods_and_their_sections_have_the_same_names() -> None:
    modules = [module.name for module in pkgutil.iter_modules(crosshash.methods.__path__)]
    assert tuple(sorted(modules)) == METHODS
    assert set(METHODS) <= set(yaml.safe_load((ROOT / "params.yaml").read_text()))


@every_method
def test_a_method_has_a_page_that_names_its_source(name: str) -> None:
    page = (ROOT / "docs" / f"{name}.md").read_text()
    assert "doi" in page or "arXiv" in page or "ICCV" in page
    assert f"methods/{name}.py" in page


@every_method
def test_an_unsupervised_method_keeps_the_last_epoch(name: str) -> None:
    """The best one would be chosen by labels."""
    plan = plans(name)["train"]
    assert plan.select == ("best" if plan.supervised else "last")


# Codes


@every_kind
@every_method
@pytest.mark.parametrize("items", [1, 2, 5])
def test_codes_have_a_row_per_item_and_a_column_per_bit(name: str, kind: str, items: int) -> None:
    model = make(name, kind)
    assert model.train_bits == BITS
    for soft in codes(model, pairs(kind, items)):
        assert soft.shape == (items, BITS)
        assert soft.dtype == torch.float32
        assert soft.isfinite().all()


@every_kind
@every_method
def test_codes_do_not_depend_on_the_neighbours_in_a_batch(name: str, kind: str, tmp_path: Path) -> None:
    """BatchNorm in training mode would mix them.

    What pictures differ by in a random network is a hundredth of its outputs; a solved projection stretches
    that to labels of length 1, and the network's rounding with it.
    """
    rounding = 1e-5 if name in LEARNING else 1e-3
    model, whole = make(name, kind, ITEMS), pairs(kind, ITEMS)
    learnt(tmp_path, model, whole, name)
    some = rows_of(whole, torch.arange(7))
    together = codes(model, some)
    backwards = [soft.flip(0) for soft in codes(model, rows_of(some, torch.arange(7).flip(0)))]
    single = [codes(model, rows_of(some, torch.tensor([row]))) for row in range(7)]
    alone = [torch.cat([one[side] for one in single]) for side in (0, 1)]
    for a, b, c in zip(together, alone, backwards, strict=True):
        assert torch.allclose(a, b, atol=rounding)
        assert torch.allclose(a, c, atol=rounding)


@every_kind
@every_method
def test_one_modality_is_encoded_without_the_other(name: str, kind: str) -> None:
    """With every parameter of one modality broken, the other's codes stay as they were."""
    items = pairs(kind, 4)
    for broken, whole in (("image", 1), ("text", 0)):
        model = make(name, kind)
        before = codes(model, items)
        for parameter in of_modality(model, broken, name):
            parameter.data.fill_(torch.nan)
        after = codes(model, items)
        assert torch.equal(after[whole], before[whole])
        assert after[1 - whole].isnan().any()


def of_modality(model: Any, modality: str, name: str) -> list[Tensor]:  # noqa: ANN401
    if name not in LEARNING:
        return [
            values
            for key, values in model.state_dict(keep_vars=True).items()
            if key.startswith(modality) and values.is_floating_point()
        ]
    groups = [group for phase in model.phases for group in model.parameter_groups(phase)]
    return [parameter for group in groups if group.modality == modality for parameter in group.parameters]


# Learning


@every_kind
@every_trained_method
@pytest.mark.parametrize("items", [2, 3, 8])
def test_a_step_has_a_finite_loss_and_parts_without_gradient(name: str, kind: str, items: int) -> None:
    """Two items are the smallest batch that a training gives."""
    whole = pairs(kind, ITEMS)
    model = started(make(name, kind, ITEMS), whole)
    for phase in model.phases:
        step = model.training_step(rows_of(whole, torch.arange(items) + 3), phase)
        assert step.total.shape == ()
        assert step.total.isfinite()
        assert step.total.requires_grad
        assert step.parts
        for part in step.parts.values():
            assert part.shape == ()
            assert not part.requires_grad


@every_kind
@every_trained_method
def test_gradient_reaches_every_parameter_of_a_phase_and_no_other(name: str, kind: str) -> None:
    """Some weights start as zero, and what stands before them has no gradient yet: all are moved a little."""
    whole = pairs(kind, ITEMS)
    model = make(name, kind, ITEMS)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.full_like(parameter, 0.02))
    started(model, whole, epoch=2)
    trained: set[int] = set()
    for phase in model.phases:
        model.zero_grad()
        model.training_step(whole, phase).total.backward()
        wanted = [p for group in model.parameter_groups(phase) for p in group.parameters if p.requires_grad]
        assert len({id(p) for p in wanted}) == len(wanted)
        for key, parameter in model.named_parameters():
            reached = parameter.grad is not None and bool(parameter.grad.any())
            assert reached == any(parameter is p for p in wanted), f"{phase}: {key}"
        trained |= {id(p) for p in wanted}
    assert trained == {id(p) for p in model.parameters() if p.requires_grad}


@every_kind
@every_trained_method
def test_frozen_parameters_stay_and_all_others_move(name: str, kind: str, tmp_path: Path) -> None:
    model = make(name, kind, ITEMS)
    before = copy.deepcopy(dict(model.named_parameters()))
    fitted(tmp_path, model, pairs(kind, ITEMS), epochs=2)
    for key, parameter in model.named_parameters():
        assert torch.equal(parameter, before[key]) != parameter.requires_grad, key


@every_trained_method
def test_a_few_items_are_learnt(name: str, tmp_path: Path) -> None:
    """The loss of all phases, measured the same way before and after; 8 items, 40 steps."""
    whole = rows_of(pairs("vectors", ITEMS), torch.arange(8))
    model = make(name, items=8)

    def loss() -> float:
        started(model, whole, epoch=2).eval()
        with torch.no_grad():
            return float(sum(model.training_step(whole, phase).total for phase in model.phases))

    before = loss()
    fitted(tmp_path, model, whole, epochs=40)
    assert loss() < 0.8 * before


@every_trained_method
def test_two_trainings_are_equal_and_another_seed_is_not(name: str, tmp_path: Path) -> None:
    whole = pairs("vectors", ITEMS)
    states = [
        fitted(tmp_path / str(number), make(name, items=ITEMS, seed=seed), whole).state
        for number, seed in enumerate((0, 0, 1))
    ]
    assert same(states[0], states[1])
    assert not same(states[0], states[2])


@every_kind
@every_trained_method
def test_a_stopped_training_goes_on_to_the_same_end(name: str, kind: str, tmp_path: Path) -> None:
    """The second half starts from other weights: buffers, codebook, frozen copies are in the checkpoint."""
    whole, history = pairs(kind, ITEMS), list[Epoch]()
    through = make(name, kind, ITEMS)
    straight = fitted(tmp_path / "a", through, whole, on_epoch=lambda _, row: history.append(row))

    def stop(epoch: int, row: Epoch) -> None:
        if epoch == 1:
            raise StopError

    with pytest.raises(StopError):
        fitted(tmp_path / "b", make(name, kind, ITEMS), whole, on_epoch=stop)
    other = make(name, kind, ITEMS, seed=5)
    resumed = fitted(tmp_path / "b", other, whole)
    assert same(resumed.state, straight.state)
    assert same(other.state_dict(), through.state_dict())
    assert list(resumed.history) == history


@every_trained_method
def test_the_loss_of_an_epoch_is_the_sum_over_its_phases(name: str, tmp_path: Path) -> None:
    """At a learning rate of nearly nothing every step's loss can be had from an equal model beside it."""
    whole, still = pairs("vectors", ITEMS), replace(RATES, head=1e-12, backbone=1e-12, weight_decay=0.0)
    shown = fitted(tmp_path, make(name, items=ITEMS), whole, epochs=1, rates=still).history[0]
    model = make(name, items=ITEMS)
    torch.manual_seed(stream_seed(0, "epoch", 1))
    started(model, whole)
    batches = FixedBatches(whole)
    losses = [model.training_step(b, phase).total.item() for phase in model.phases for b in batches.epoch(1)]
    assert shown["loss"] == pytest.approx(sum(losses) / len(batches), rel=1e-5)


@every_trained_method
def test_a_loss_that_is_no_number_ends_the_training_with_epoch_step_and_part(
    name: str, tmp_path: Path
) -> None:
    whole, states = pairs("vectors", ITEMS), list[dict[str, Tensor]]()
    model = make(name, items=ITEMS)

    def spoil(epoch: int, row: Epoch) -> None:
        states.append(cpu_copy(model.state_dict()))
        for values in (whole.image, whole.text):
            values[:] = torch.nan

    with pytest.raises(CrosshashError, match=r"epoch 2, step 1: \w+") as ended:
        fitted(tmp_path, model, whole, on_epoch=spoil)
    assert "state after the epoch before is kept" in str(ended.value)
    assert any(part in str(ended.value) for part in read_parts(name))
    assert same(saved(tmp_path), states[0])


@every_trained_method
def test_a_gradient_that_overflows_in_the_very_last_step_leaves_the_epoch_before(
    name: str, tmp_path: Path
) -> None:
    """The loss is still a number then, and no step follows that would show what the weights have become."""
    whole, states = pairs("vectors", ITEMS), list[dict[str, Tensor]]()
    model, steps = make(name, items=ITEMS), itertools.count(1)
    last = 2 * len(FixedBatches(whole))

    def spoil(gradient: Tensor) -> Tensor:
        return gradient + torch.inf if next(steps) == last else gradient

    model.parameter_groups(model.phases[-1])[-1].parameters[-1].register_hook(spoil)
    with pytest.raises(CrosshashError, match=rf"epoch 2, step 4: phase {model.phases[-1]}\. Lower"):
        fitted(tmp_path, model, whole, on_epoch=lambda *_: states.append(cpu_copy(model.state_dict())))
    assert next(steps) == last + 1
    assert same(saved(tmp_path), states[0])


def saved(folder: Path) -> dict[str, Tensor]:
    """Read the checkpoint of a training without scores, in which the last epoch is the best."""
    found = load_checkpoint(folder, [])
    assert found is not None
    state, best, progress = found
    assert set(best) <= set(state)
    assert same({key: state[key] for key in best}, best)
    assert (progress.epochs_done, len(progress.history)) == (1, 1)
    return state


def read_parts(name: str) -> list[str]:
    whole = pairs("vectors", ITEMS)
    model = started(make(name, items=ITEMS), whole)
    return [part for phase in model.phases for part in model.training_step(whole, phase).parts]


# Labels


@pytest.fixture
def _stage_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSHASH_STATE", str(tmp_path / "state"))


def staged(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, shift: int, labelled: bool, **more: object
) -> bytes:
    """Train through the stage; with `shift`, items have the labels of others: other pairs share one."""
    folder.mkdir()
    monkeypatch.chdir(folder)
    parts = make_items()
    for part, items in parts.items():
        names = [item.labels if labelled else () for item in items]
        parts[part] = [
            replace(item, labels=names[(place + shift * (place // 5)) % len(names)])
            for place, item in enumerate(items)
        ]
    if name == "shared":  # captions and vectors share no space
        parts = {part: [replace(item, text=item.image) for item in items] for part, items in parts.items()}
    write_set(parts, labelled)
    if name == "shared":
        write_info(DATA, replace(read_info(DATA), text_kind="vector", text_dim=5))
    plan = plans(name)
    if not plan["centers"].used:
        write_centers(train.CENTERS, None)
    settled = plan["train"].model_dump(exclude={"epochs", "batch"})
    settled["model"] |= {"hidden": HIDDEN}
    bits = 16 if plan["centers"].used else BITS if name in LEARNING else FEW_BITS
    write_plans(**settled | {"train_bits": bits} | more)
    Path("plan/evaluate.yaml").write_text("rerank: 50\n")
    train.main("set")
    return (train.MODEL / "model.safetensors").read_bytes()


@every_method
@pytest.mark.usefixtures("_stage_alone")
def test_labels_change_the_model_only_of_a_supervised_method(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = staged(name, tmp_path / "first", monkeypatch, 0, labelled=True)
    second = staged(name, tmp_path / "second", monkeypatch, 1, labelled=True)
    assert (first != second) == plans(name)["train"].supervised


@pytest.mark.parametrize("name", [name for name in METHODS if name not in LEARNING])
@pytest.mark.usefixtures("_stage_alone")
def test_what_is_solved_takes_any_batch(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The set has 36 training items."""
    few = staged(name, tmp_path / "few", monkeypatch, 0, labelled=True, batch=8)
    assert few == staged(name, tmp_path / "many", monkeypatch, 0, labelled=True, batch=64)


@every_method
@pytest.mark.usefixtures("_stage_alone")
def test_a_set_without_labels_is_for_unsupervised_methods(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if plans(name)["train"].supervised:
        with pytest.raises(CrosshashError, match="no training item has a label"):
            staged(name, tmp_path / "bare", monkeypatch, 0, labelled=False)
        return
    bare = staged(name, tmp_path / "bare", monkeypatch, 0, labelled=False)
    assert bare == staged(name, tmp_path / "labelled", monkeypatch, 0, labelled=True)


# The saved model


@every_kind
@every_method
def test_a_saved_model_encodes_the_same_codes_and_holds_nothing_of_the_training_set(
    name: str, kind: str, tmp_path: Path
) -> None:
    model, whole = make(name, kind, ITEMS), pairs(kind, ITEMS)
    state = learnt(tmp_path / "state", model, whole, name)
    save_model(tmp_path / "model", card(name, kind), state)
    loaded = load_model(tmp_path / "model").method
    for before, after in zip(codes(model, whole), codes(loaded, whole), strict=True):
        assert torch.equal(before, after)
    written = read_tensors(tmp_path / "model" / "model.safetensors", "")
    assert not [key for key in written if key.startswith(tuple(model.training_only))]
    assert not [key for key, value in written.items() if ITEMS in value.shape]


@every_kind
@every_method
def test_what_only_training_needs_is_named(name: str, kind: str) -> None:
    """State that a model for encoding lacks is exactly the state of those names."""
    model = make(name, kind, ITEMS)
    small = card(name, kind)
    for_encoding: Any = build_method(small, build_towers(small.image, small.text), None)
    kept = for_encoding.state_dict().keys()
    named = {key for key in model.state_dict() if key.startswith(tuple(model.training_only))}
    assert kept == model.state_dict().keys() - named


# Precision


@every_kind
@every_trained_method
def test_float32_and_float64_agree(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same step in double precision, the methods' own casts to single ones included."""
    whole = pairs(kind, ITEMS)
    single = started(make(name, kind, ITEMS), whole, epoch=2)
    double = copy.deepcopy(single).double()
    found = step_of(single, whole)
    monkeypatch.setattr(Tensor, "float", Tensor.double)
    torch.set_default_dtype(torch.float64)
    try:
        exact = step_of(double, whole)
    finally:
        torch.set_default_dtype(torch.float32)
    assert exact.keys() == found.keys()
    for key, value in found.items():
        assert value.dtype == torch.float32
        assert exact[key].dtype == torch.float64
        # A bias in front of a BatchNorm has no gradient but rounding: the others' size counts there.
        scale = max(float(exact[key].abs().max()), 0.01)
        assert float((value - exact[key]).abs().max()) < 3e-4 * scale, key


def step_of(model: Any, whole: PairBatch) -> dict[str, Tensor]:  # noqa: ANN401
    """Losses, gradients and codes of one step of every phase."""
    found: dict[str, Tensor] = {}
    for phase in model.phases:
        torch.manual_seed(0)
        model.zero_grad()
        step = model.training_step(whole, phase)
        step.total.backward()
        found |= {f"{phase}/loss": step.total.detach()}
        found |= {f"{phase}/{key}": p.grad for key, p in model.named_parameters() if p.grad is not None}
    found["image"], found["text"] = codes(model, whole)
    return found


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@every_kind
@every_trained_method
def test_cuda_in_bfloat16_agrees_with_the_cpu(name: str, kind: str) -> None:
    """bfloat16 keeps 8 bits of each factor: losses agree to a few hundredths, clear bits all."""
    whole, device = pairs(kind, ITEMS), torch.device("cuda")
    on_cpu = started(make(name, kind, ITEMS), whole)
    on_gpu = copy.deepcopy(on_cpu).to(device)
    there = whole.to(device)
    for phase in on_cpu.phases:
        torch.manual_seed(0)
        expected = on_cpu.training_step(whole, phase).total
        torch.manual_seed(0)
        with torch.autocast("cuda", torch.bfloat16):
            found = on_gpu.training_step(there, phase).total
        assert found.item() == pytest.approx(expected.item(), rel=0.05)
    soft = codes(on_cpu, whole)
    with torch.autocast("cuda", torch.bfloat16):
        rough = codes(on_gpu, there)
    for a, b in zip(soft, rough, strict=True):
        clear = a.abs() > 0.1 * a.abs().max()
        assert torch.equal(b.cpu().sign()[clear], a.sign()[clear])
