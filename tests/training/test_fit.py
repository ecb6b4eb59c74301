from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from crosshash.errors import CrosshashError
from crosshash.methods.twdh import Twdh
from crosshash.models.method import TrainedMethod
from crosshash.protocols import Batches, PairBatch, ParameterGroup, StepLoss, TrainingPairs
from crosshash.training import fit as fit_module
from crosshash.training.checkpoint import STATE, Epoch, cpu_copy, load_checkpoint
from crosshash.training.fabric import open_fabric
from crosshash.training.fit import Fitted, fit
from crosshash.training.optimizers import Rates, make_optimizer
from tests.training.cases import batches, equal, learner
from tests.training.test_step_bar import everything

RATES = Rates(head=0.01, backbone=0.005, weight_decay=0.2, warmup=0.1, clip_norm=1.0)
NO_DECAY = replace(RATES, weight_decay=0.0)


class StopError(Exception):
    """Ends a training as a signal would: nowhere near a place that expects it."""


def nothing(epoch: int, row: Epoch) -> None:
    """Watch nothing."""


def run(
    folder: Path,
    model: TrainedMethod | None = None,
    pairs: Batches | None = None,
    score: Callable[[], dict[str, float]] | None = None,
    epochs: int = 4,
    rates: Rates = RATES,
    select: Literal["best", "last"] = "best",
    on_epoch: Callable[[int, Epoch], None] = nothing,
) -> Fitted:
    return fit(
        open_fabric("cpu", "fp32"),
        model or learner(),
        pairs or batches(),
        score,
        epochs=epochs,
        rates=rates,
        select=select,
        seed=0,
        folder=folder,
        on_epoch=on_epoch,
    )


def scripted(*values: float) -> Callable[[], dict[str, float]]:
    """Scores that come one after the other; both tasks move, their mean is the value."""
    remaining = iter(values)

    def score() -> dict[str, float]:
        value = next(remaining)
        return {"i2t": value + 0.125, "t2i": value - 0.125}

    return score


def watched(model: Twdh) -> tuple[Callable[[int, Epoch], None], dict[int, dict[str, Tensor]]]:
    """The weights after each epoch."""
    states: dict[int, dict[str, Tensor]] = {}

    def note(epoch: int, row: Epoch) -> None:
        states[epoch] = cpu_copy(model.state_dict())

    return note, states


# Going on


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_stopped_training_ends_where_an_uninterrupted_one_does(tmp_path: Path, after: int) -> None:
    """The loop is left in the middle of things, another model is built, and the rest is trained."""
    scores = (0.3, 0.6, 0.4, 0.5)
    whole = run(tmp_path / "whole", score=scripted(*scores))

    def stop(epoch: int, row: Epoch) -> None:
        if epoch == after:
            raise StopError

    with pytest.raises(StopError):
        run(tmp_path / "parts", score=scripted(*scores), on_epoch=stop)
    seen: list[tuple[int, Epoch]] = []
    rest = run(
        tmp_path / "parts",
        model=learner(seed=7),
        score=scripted(*scores[after:]),
        on_epoch=lambda epoch, row: seen.append((epoch, row)),
    )
    assert equal(rest.state, whole.state)
    assert rest.history == whole.history
    assert rest.best_epoch == whole.best_epoch == 2
    assert seen == list(enumerate(whole.history, start=1))
    assert (tmp_path / "parts" / STATE).read_bytes() == (tmp_path / "whole" / STATE).read_bytes()


class Stopping:
    """Batches that end with an error at one step of one epoch."""

    def __init__(self, epoch: int, step: int) -> None:
        self.inner = batches()
        self.place = (epoch, step)

    def __len__(self) -> int:
        return len(self.inner)

    def in_order(self) -> Iterator[PairBatch]:
        return self.inner.in_order()

    def epoch(self, epoch: int) -> Iterator[PairBatch]:
        for step, batch in enumerate(self.inner.epoch(epoch)):
            if (epoch, step) == self.place:
                raise StopError
            yield batch


def test_a_training_stopped_within_an_epoch_repeats_that_epoch(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    with pytest.raises(StopError):
        run(tmp_path / "parts", pairs=Stopping(3, 2))
    rest = run(tmp_path / "parts", model=learner(seed=7))
    assert equal(rest.state, whole.state)
    assert rest.history == whole.history


def test_a_training_stopped_in_its_first_epoch_starts_anew(tmp_path: Path) -> None:
    with pytest.raises(StopError):
        run(tmp_path / "parts", pairs=Stopping(1, 2))
    assert equal(run(tmp_path / "parts").state, run(tmp_path / "whole").state)


def test_a_training_stopped_after_its_last_epoch_only_ends(tmp_path: Path) -> None:
    whole = run(tmp_path, score=scripted(0.1, 0.4, 0.2, 0.3))
    again = run(tmp_path, model=learner(seed=7), pairs=Stopping(1, 0), score=scripted())
    assert equal(again.state, whole.state)
    assert (again.best_epoch, again.history) == (2, whole.history)


def test_the_log_says_where_training_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(StopError):
        run(tmp_path, pairs=Stopping(4, 0))
    with caplog.at_level("INFO"):
        run(tmp_path)
    assert "training goes on at epoch 4 of 4" in caplog.text
    assert re.search(r"epoch 4/4  loss \d\.\d{4}  entropy \d\.\d{4}  quantisation", caplog.text)
    assert "epoch 3/4" not in caplog.text


def test_the_log_says_how_long_the_rest_takes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Much less than the clock has counted: it started with the machine."""
    with caplog.at_level("INFO"):
        run(tmp_path, epochs=3)
    left = [int(seconds) for seconds in re.findall(r"about (\d+) s left", caplog.text)]
    assert len(left) == 3
    assert max(left) < 1000
    assert left[-1] == 0


def test_two_trainings_of_one_seed_are_equal_and_of_another_differ(tmp_path: Path) -> None:
    first, second = run(tmp_path / "a"), run(tmp_path / "b")
    assert equal(first.state, second.state)
    assert not equal(first.state, run(tmp_path / "c", pairs=batches(seed=1)).state)


# Which epoch is kept


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ((0.2, 0.5, 0.5, 0.4), 2),
        ((0.5, 0.4, 0.3, 0.2), 1),
        ((0.1, 0.2, 0.3, 0.4), 4),
        ((0.0, 0.0, 0.0, 0.0), 1),
    ],
)
def test_the_best_epoch_is_kept_the_earliest_of_equals(
    tmp_path: Path, scores: tuple[float, ...], best: int
) -> None:
    model = learner()
    note, states = watched(model)
    found = run(tmp_path, model, score=scripted(*scores), on_epoch=note)
    assert found.best_epoch == best
    assert equal(found.state, states[best])


def test_the_mean_of_both_directions_chooses(tmp_path: Path) -> None:
    """The best i2t alone is in epoch 1, the best t2i in epoch 2: one network is kept, that of epoch 3."""
    rows = iter([(0.9, 0.1), (0.1, 0.9), (0.6, 0.6)])

    def score() -> dict[str, float]:
        i2t, t2i = next(rows)
        return {"i2t": i2t, "t2i": t2i}

    found = run(tmp_path, score=score, epochs=3)
    assert found.best_epoch == 3
    assert found.history[0]["val_i2t"] == 0.9
    assert found.history[1]["val_t2i"] == 0.9


def test_the_last_epoch_is_kept_on_demand_or_without_scores(tmp_path: Path) -> None:
    for name, score in (("scored", scripted(0.9, 0.1, 0.2, 0.3)), ("plain", None)):
        model = learner()
        note, states = watched(model)
        found = run(tmp_path / name, model, score=score, select="last", on_epoch=note)
        assert found.best_epoch == 4
        assert equal(found.state, states[4])
        assert ("val_i2t" in found.history[0]) == (score is not None)


# A loss that is no number


class Poisoned(Stopping):
    """One step of one epoch holds a value that is no number."""

    def __init__(self, epoch: int, step: int, value: float) -> None:
        super().__init__(epoch, step)
        self.value = value

    def epoch(self, epoch: int) -> Iterator[PairBatch]:
        for step, batch in enumerate(self.inner.epoch(epoch)):
            poison = (epoch, step) == self.place
            yield replace(batch, image=batch.image * self.value) if poison else batch


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_names_epoch_step_and_part(tmp_path: Path, value: float) -> None:
    message = r"no longer a number in epoch 2, step 3: entropy, quantisation\. Lower train\.lr_head"
    with pytest.raises(CrosshashError, match=message):
        run(tmp_path, pairs=Poisoned(2, 2, value))
    rest = run(tmp_path, model=learner(seed=7))
    assert equal(rest.state, run(tmp_path / "whole").state)


def test_a_buffer_that_is_no_number_after_the_last_step_leaves_the_epoch_before(tmp_path: Path) -> None:
    """Vectors of 1e22 have a variance beyond float32; BatchNorm gives zeros, loss and gradient are finite."""
    model = learner()
    note, states = watched(model)
    message = r"no longer a number in epoch 4, step 4: image\S*running_var\. Lower train\.lr_head"
    with pytest.raises(CrosshashError, match=message):
        run(tmp_path, model, pairs=Poisoned(4, 3, 1e22), on_epoch=note)
    found = load_checkpoint(tmp_path, [])
    assert found is not None
    assert equal(found[0], states[3])
    assert found[2].epochs_done == 3


def test_scores_alone_never_keep_a_network_that_was_not_trained(tmp_path: Path) -> None:
    """A validation that cannot be scored is an error; as NaN it would make every epoch worse than none."""

    def score() -> dict[str, float]:
        raise CrosshashError("no query has a relevant item")

    with pytest.raises(CrosshashError, match="no query has a relevant item"):
        run(tmp_path, score=score)


# Steps


def changed(model: Twdh, before: dict[str, Tensor], prefix: str) -> float:
    """The largest change of a parameter whose name starts so."""
    return max(
        float((value.detach() - before[name]).abs().max())
        for name, value in model.named_parameters()
        if name.startswith(prefix)
    )


def test_encoders_and_heads_have_learning_rates_of_their_own(tmp_path: Path) -> None:
    for head, backbone, moved, still in (
        (0.01, 0.0, "image_head", "image."),
        (0.0, 0.01, "image.", "image_head"),
    ):
        model = learner()
        before = cpu_copy(model.state_dict())
        rates = Rates(head, backbone, 0.0, 0.1, 1.0)
        run(tmp_path / moved, model, epochs=1, rates=rates)
        assert changed(model, before, moved) > 1e-3
        assert changed(model, before, still) == 0


class Sloped(TrainedMethod):
    """One number, and a loss that falls by 1 where it rises by 1: plain SGD moves it by the rate."""

    def __init__(self) -> None:
        super().__init__(train_bits=1)
        self.number = nn.Parameter(torch.zeros(1))
        self.seen: list[float] = []

    def parameter_groups(self, phase: str) -> list[ParameterGroup]:
        return [ParameterGroup("image", "head", [self.number])]

    def training_step(self, batch: PairBatch, phase: str) -> StepLoss:
        self.seen.append(self.number.item())
        return StepLoss(-self.number.sum(), {})

    def encode_image(self, image: Tensor) -> Tensor:
        return self.number.expand(len(image), 1)

    encode_text = encode_image


@pytest.mark.parametrize("stopped", [False, True])
def test_the_learning_rate_goes_over_the_whole_training_not_over_an_epoch(
    tmp_path: Path, stopped: bool
) -> None:
    """2 epochs of 4 steps, warm-up 1/4: 1/3 and 2/3 of the peak, then 0.5 (1 + cos(pi s / 8)), s = 2 .. 7.

    The same where the second epoch is taken by another process.
    """
    rates = Rates(1.0, 0.0, 0.0, warmup=0.25, clip_norm=10.0, optimizer="sgd", momentum=0.0)
    model = Sloped()
    if stopped:
        with pytest.raises(StopError):
            run(tmp_path, model, pairs=Stopping(2, 0), epochs=2, rates=rates)
        first, model = model.seen, Sloped()
        run(tmp_path, model, epochs=2, rates=rates)
        model.seen[:0] = first
    else:
        run(tmp_path, model, epochs=2, rates=rates)
    numbers = torch.tensor([*model.seen, model.number.item()])
    expected = [1 / 3, 2 / 3, 0.853553, 0.691342, 0.5, 0.308658, 0.146447, 0.038060]
    assert numbers.diff().tolist() == pytest.approx(expected, abs=1e-5)


class Noting(Sloped):
    """Notes what it is told and given."""

    training_only = ("kept",)

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kept", torch.ones(3))
        self.told: list[tuple[str, int, list[int]]] = []
        self.rows: list[list[int]] = []
        self.draws: list[float] = []

    def start_epoch(self, epoch: int, pairs: TrainingPairs) -> None:
        self.told.append(("start", epoch, [row for batch in pairs() for row in batch.index.tolist()]))

    def end_epoch(self, epoch: int, pairs: TrainingPairs) -> None:
        self.told.append(("end", epoch, [row for batch in pairs() for row in batch.index.tolist()]))

    def training_step(self, batch: PairBatch, phase: str) -> StepLoss:
        self.rows.append(batch.index.tolist())
        self.draws.append(torch.rand(()).item())
        return super().training_step(batch, phase)


def test_a_method_is_told_of_epochs_and_rows_and_draws_anew_in_each(tmp_path: Path) -> None:
    model, every = Noting(), list(range(30))
    found = run(tmp_path, model, epochs=2)
    assert model.told == [(what, epoch, every) for epoch in (1, 2) for what in ("start", "end")]
    for steps in (model.rows[:4], model.rows[4:]):
        assert sorted(row for rows in steps for row in rows) == every
    assert len(set(model.draws)) == 8
    assert list(found.state) == ["number"]
    loaded = load_checkpoint(tmp_path, [])
    assert loaded is not None
    assert list(loaded[1]) == ["number"]


def test_the_bar_shows_the_mean_of_the_losses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses 0, -1, -2, -3 at rate 1: -1.5."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    rates = Rates(1.0, 0.0, 0.0, 0.0, clip_norm=10.0, optimizer="sgd", momentum=0.0, schedule="constant")
    reader, writer = os.openpty()
    with os.fdopen(writer, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        run(tmp_path, Sloped(), epochs=1, rates=rates)
    shown = everything(reader).decode()
    assert "epoch 1/1" in shown
    assert "4/4" in shown
    assert "loss -1.5000" in shown


class InTurn(Sloped):
    """A number for each of two phases; both are in both losses, 1 - image - text and 2 - image - text."""

    phases = ("image", "text")

    def __init__(self) -> None:
        super().__init__()
        self.numbers = nn.ParameterDict({phase: torch.zeros(1) for phase in self.phases})

    def parameter_groups(self, phase: str) -> list[ParameterGroup]:
        return [ParameterGroup("image", "head", [self.numbers[phase]])]

    def training_step(self, batch: PairBatch, phase: str) -> StepLoss:
        total = (2.0 if phase == "text" else 1.0) - self.numbers["image"].sum() - self.numbers["text"].sum()
        return StepLoss(total, {f"{phase}_part": total.detach()})


def test_phases_take_turns_each_with_parameters_of_its_own(tmp_path: Path) -> None:
    """4 steps a phase at rate 1. Image: 1, 0, -1, -2, mean -0.5; text from 2 - 4 on: -2 .. -5, mean -3.5."""
    rates = Rates(1.0, 0.0, 0.0, 0.0, clip_norm=10.0, optimizer="sgd", momentum=0.0, schedule="constant")
    model = InTurn()
    (row,) = run(tmp_path, model, epochs=1, rates=rates).history
    assert row == pytest.approx({"image_part": -0.5, "text_part": -3.5, "loss": -4.0})
    assert {phase: number.item() for phase, number in model.numbers.items()} == {"image": 4.0, "text": 4.0}


class Steep(Sloped):
    """The root of a number that is 0: its slope has no bound."""

    phases = ("flat", "steep")

    def training_step(self, batch: PairBatch, phase: str) -> StepLoss:
        return StepLoss(self.number.sum() * 0 if phase == "flat" else self.number.sqrt().sum(), {})


def test_a_gradient_that_is_no_number_names_the_phase(tmp_path: Path) -> None:
    with pytest.raises(
        CrosshashError, match="the gradient is no longer a number in epoch 1, step 1: phase steep"
    ):
        run(tmp_path, Steep())


def test_the_seed_decides_what_dropout_draws(tmp_path: Path) -> None:
    states = []
    for number, seed in enumerate((0, 0, 1)):
        found = fit(
            open_fabric("cpu", "fp32"), learner(), batches(), None,
            epochs=1, rates=RATES, select="last", seed=seed, folder=tmp_path / str(number), on_epoch=nothing,
        )  # fmt: skip
        states.append(found.state)
    assert equal(states[0], states[1])
    assert not equal(states[0], states[2])


def test_biases_and_scales_are_not_decayed() -> None:
    model = learner()
    groups = make_optimizer(model, "all", RATES).param_groups
    decayed = {id(one) for group in groups if group["weight_decay"] for one in group["params"]}
    plain = {id(one) for group in groups if not group["weight_decay"] for one in group["params"]}
    for name, parameter in model.named_parameters():
        assert (id(parameter) in decayed) == (parameter.ndim > 1), name
        assert (id(parameter) in plain) == (parameter.ndim < 2), name
    assert {group["peak"] for group in groups} == {0.01, 0.005}
    assert {group["weight_decay"] for group in groups} == {0.0, 0.2}


def test_a_parameter_that_is_frozen_stays(tmp_path: Path) -> None:
    model = learner()
    model.text.requires_grad_(False)
    before = cpu_copy(model.state_dict())
    run(tmp_path, model, epochs=1)
    assert changed(model, before, "text.") == 0
    assert changed(model, before, "text_head") > 0


def test_gradients_are_scaled_down_to_the_norm(tmp_path: Path) -> None:
    """Far below AdamW's eps of 1e-6 a gradient moves next to nothing."""
    moves = []
    for norm in (1.0, 1e-12):
        model = learner()
        before = cpu_copy(model.state_dict())
        run(tmp_path / str(norm), model, epochs=1, rates=replace(NO_DECAY, clip_norm=norm))
        moves.append(changed(model, before, "image"))
    assert moves[1] < 1e-4 * moves[0]


@pytest.mark.parametrize("looks", [1, 3, 20])
def test_history_holds_the_mean_over_the_steps(
    looks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a learning rate of nearly nothing every step's loss can be had from an equal model beside it.

    The losses of four steps are looked at one by one, three and one, and all at once.
    """
    monkeypatch.setattr(fit_module, "CHECK_EVERY", looks)
    rates = Rates(1e-12, 1e-12, 0.0, 0.0, 1.0)
    history = run(tmp_path, learner(dropout=0), epochs=1, rates=rates).history
    model = learner(dropout=0)
    steps = [model.training_step(batch, "all") for batch in batches().epoch(1)]
    assert history[0] == pytest.approx(
        {
            "loss": sum(step.total.item() for step in steps) / len(steps),
            "entropy": sum(step.parts["entropy"].item() for step in steps) / len(steps),
            "quantisation": sum(step.parts["quantisation"].item() for step in steps) / len(steps),
        },
        rel=1e-5,
    )


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    history = run(tmp_path, epochs=12).history
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]


def test_the_step_runs_in_the_precision_that_was_asked_for(tmp_path: Path) -> None:
    """The networks' layers give bf16 under `bf16`; the loss and the weights stay float32."""
    model = learner()
    seen: set[torch.dtype] = set()
    model.image_head.pairs.register_forward_hook(lambda layer, inputs, output: seen.add(output.dtype))
    fit(
        open_fabric("cpu", "bf16"), model, batches(), None,
        epochs=1, rates=RATES, select="last", seed=0, folder=tmp_path, on_epoch=nothing,
    )  # fmt: skip
    assert seen == {torch.bfloat16}
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
