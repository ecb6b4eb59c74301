"""The training loop: epochs, steps, the choice of the epoch to keep, going on where a killed one stopped."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim import Optimizer

from crosshash.errors import CrosshashError
from crosshash.models.tensors import Tensors
from crosshash.protocols import Batches, Method, PairBatch, StepLoss
from crosshash.seeding import stream_seed
from crosshash.training.checkpoint import Epoch, Progress, cpu_copy, load_checkpoint, save_checkpoint
from crosshash.training.optimizers import Rates, make_optimizer, set_rates
from crosshash.training.progress import StepBar

CHECK_EVERY = 20  # steps between two looks at the losses: each look waits for the GPU
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fitted:
    """The kept network, and what each epoch showed."""

    state: Tensors
    best_epoch: int
    history: tuple[Epoch, ...]


def fit(
    fabric: Fabric,
    method: Method,
    batches: Batches,
    score: Callable[[], dict[str, float]] | None,
    *,
    epochs: int,
    rates: Rates,
    select: Literal["best", "last"],
    seed: int,
    folder: Path,
    on_epoch: Callable[[int, Epoch], None],
) -> Fitted:
    """Train; `folder` keeps the state after each epoch, and a state found there is where training starts.

    score: validation mAP by task, or None without validation queries (then the last epoch is kept).

    Raises:
        CrosshashError: the loss is no longer a number; epoch, step and part are named.
    """
    network = cast(nn.Module, method)
    optimizers = [make_optimizer(method, phase, rates) for phase in method.phases]
    wrapped, *stepped = fabric.setup(network, *optimizers)
    wrapped.mark_forward_method("training_step")
    progress, best = Progress(0, (), 0, -math.inf), cpu_copy(network.state_dict())
    if (found := load_checkpoint(folder, optimizers)) is not None:
        state, best, progress = found
        network.load_state_dict(state)
        logger.info("training goes on at epoch %d of %d", progress.epochs_done + 1, epochs)
    for number, row in enumerate(progress.history, start=1):
        on_epoch(number, row)

    def pairs() -> Iterator[PairBatch]:
        return (batch.to(fabric.device) for batch in batches.in_order())

    started, resumed_after = time.perf_counter(), progress.epochs_done
    for epoch in range(resumed_after + 1, epochs + 1):
        torch.manual_seed(stream_seed(seed, "epoch", epoch))  # dropout draws from torch's own generator
        row = {}
        method.start_epoch(epoch, pairs)
        for phase, optimizer in zip(method.phases, stepped, strict=True):
            row |= _train_epoch(fabric, wrapped, batches, optimizer, phase, (epoch, epochs), rates)
        method.end_epoch(epoch, pairs)
        value = float(epoch)  # without scores, later is better
        if score is not None:
            scores = score()
            row |= {f"val_{task}": mean for task, mean in scores.items()}
            value = sum(scores.values()) / len(scores) if select == "best" else value
        if value > progress.best_value:
            best, progress = cpu_copy(network.state_dict()), Progress(epoch, progress.history, epoch, value)
        progress = Progress(epoch, (*progress.history, row), progress.best_epoch, progress.best_value)
        save_checkpoint(folder, network.state_dict(), best, optimizers, progress)
        on_epoch(epoch, row)
        values = "  ".join(f"{key} {value:.4f}" for key, value in row.items())
        left = (epochs - epoch) * (time.perf_counter() - started) / (epoch - resumed_after)
        logger.info("epoch %d/%d  %s  about %.0f s left", epoch, epochs, values, left)
    return Fitted(best, progress.best_epoch, progress.history)


def _train_epoch(
    fabric: Fabric,
    wrapped: nn.Module,
    batches: Batches,
    optimizer: Optimizer,
    phase: str,
    place: tuple[int, int],
    rates: Rates,
) -> Epoch:
    """Take the steps of one epoch; gives the mean of the loss and of its parts."""
    epoch, epochs = place
    seen: list[StepLoss] = []
    sums: Epoch = {}
    steps = len(batches)
    with StepBar(f"epoch {epoch}/{epochs}", steps) as bar:
        for step, cpu_batch in enumerate(batches.epoch(epoch)):
            set_rates(optimizer, (epoch - 1) * steps + step, epochs * steps, rates)
            with fabric.autocast():  # Fabric wraps `forward` alone, a step of another name runs without
                loss: StepLoss = wrapped.training_step(cpu_batch.to(fabric.device), phase)  # type: ignore[operator]
            optimizer.zero_grad()
            fabric.backward(loss.total)
            fabric.clip_gradients(wrapped, optimizer, max_norm=rates.clip_norm, error_if_nonfinite=False)
            optimizer.step()
            seen.append(StepLoss(loss.total.detach(), loss.parts))
            if len(seen) == CHECK_EVERY or step == steps - 1:
                _add_up(seen, sums, f"epoch {epoch}", step - len(seen) + 1)
                seen.clear()
            bar.advance(len(cpu_batch.index), sums.get("loss", 0.0) / (step + 1))
    return {name: total / steps for name, total in sums.items()}


def _add_up(seen: list[StepLoss], sums: Epoch, where: str, first_step: int) -> None:
    """Add the losses of a few steps to the sums.

    Raises:
        CrosshashError: one of them is not a number.
    """
    for name in ("loss", *seen[0].parts):
        values = (
            torch.stack([loss.total if name == "loss" else loss.parts[name] for loss in seen]).float().cpu()
        )
        sums[name] = sums.get(name, 0.0) + float(values.sum())
    for offset, loss in enumerate(seen):
        broken = [name for name, value in loss.parts.items() if not torch.isfinite(value)]
        if broken or not torch.isfinite(loss.total):
            raise CrosshashError(
                f"the loss is no longer a number in {where}, step {first_step + offset + 1}: "
                f"{', '.join(broken) or 'total'}. Lower train.lr_head and train.lr_backbone; "
                "the state after the epoch before is kept."
            )
