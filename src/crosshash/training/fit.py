"""The training loop: epochs, steps, the choice of the epoch to keep, going on where a killed one stopped."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from crosshash.errors import CrosshashError
from crosshash.models.method import TrainedMethod
from crosshash.models.weights.tensors import Tensors
from crosshash.protocols import Batches, PairBatch, StepLoss
from crosshash.seeding import stream_seed
from crosshash.training.checkpoint import Epoch, Progress, cpu_copy, load_checkpoint, save_checkpoint
from crosshash.training.optimizers import Rates, make_optimizer, set_rates
from crosshash.training.step_bar import StepBar

CHECK_EVERY = 20  # steps between two looks at the losses: each look waits for the GPU
logger = logging.getLogger(__name__)


class Step(nn.Module):
    """A step of a method as Fabric and DDP take it: tensors in, tensors out."""

    def __init__(self, method: TrainedMethod) -> None:
        super().__init__()
        self.method = method

    def forward(
        self, image: Tensor, text: Tensor, labels: Tensor, index: Tensor, phase: str
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Give the loss of a batch, and its parts."""
        loss = self.method.training_step(PairBatch(image, text, labels, index), phase)
        return loss.total, loss.parts


@dataclass(frozen=True)
class Fitted:
    """The kept network without what only training needs, and what each epoch showed."""

    state: Tensors
    best_epoch: int
    history: tuple[Epoch, ...]


def fit(
    fabric: Fabric,
    method: TrainedMethod,
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
        CrosshashError: a loss, gradient or weight is no longer a number; epoch, step and part are named.
    """
    optimizers = [make_optimizer(method, phase, rates) for phase in method.phases]
    taken, *stepped = fabric.setup(Step(method), *optimizers)
    best, progress = _beginning(method, optimizers, folder, epochs)
    for number, row in enumerate(progress.history, start=1):
        on_epoch(number, row)
    started, resumed_after = time.perf_counter(), progress.epochs_done
    for epoch in range(resumed_after + 1, epochs + 1):
        torch.manual_seed(stream_seed(seed, "epoch", epoch))  # dropout draws from torch's own generator
        row = _train_epoch(fabric, method, taken, batches, stepped, (epoch, epochs), rates)
        scores = {} if score is None else score()
        row |= {f"val_{task}": mean for task, mean in scores.items()}
        # Without scores, later is better.
        value = sum(scores.values()) / len(scores) if scores and select == "best" else float(epoch)
        if value > progress.best_value:
            best = cpu_copy(method.state_dict(), tuple(method.training_only))
            progress = replace(progress, best_epoch=epoch, best_value=value)
        progress = replace(progress, epochs_done=epoch, history=(*progress.history, row))
        if fabric.is_global_zero:
            save_checkpoint(folder, method.state_dict(), best, optimizers, progress)
        on_epoch(epoch, row)
        _tell((epoch, epochs), row, (time.perf_counter() - started) / (epoch - resumed_after))
    return Fitted(best, progress.best_epoch, progress.history)


def _beginning(
    method: TrainedMethod, optimizers: Sequence[Optimizer], folder: Path, epochs: int
) -> tuple[Tensors, Progress]:
    """Take up the state found in `folder`, or start; gives the best network so far, and where it stands."""
    found = load_checkpoint(folder, optimizers)
    if found is None:
        return cpu_copy(method.state_dict(), tuple(method.training_only)), Progress(0, (), 0, -math.inf)
    state, best, progress = found
    method.load_state_dict(state)
    logger.info("training goes on at epoch %d of %d", progress.epochs_done + 1, epochs)
    return best, progress


def _tell(place: tuple[int, int], row: Epoch, seconds: float) -> None:
    """Log an epoch's values, and how long the rest takes at `seconds` an epoch."""
    epoch, epochs = place
    values = "  ".join(f"{key} {value:.4f}" for key, value in row.items())
    logger.info("epoch %d/%d  %s  about %.0f s left", epoch, epochs, values, (epochs - epoch) * seconds)


def _train_epoch(
    fabric: Fabric,
    method: TrainedMethod,
    taken: nn.Module,
    batches: Batches,
    optimizers: Sequence[Optimizer],
    place: tuple[int, int],
    rates: Rates,
) -> Epoch:
    """Take all phases of one epoch; gives the means of their parts, and the sum of their losses.

    Raises:
        CrosshashError: a loss, a gradient or, after the last step, a weight or buffer is not a number.
    """

    def pairs() -> Iterator[PairBatch]:
        return (batch.to(fabric.device) for batch in batches.in_order())

    epoch, _ = place
    row: Epoch = {}
    method.start_epoch(epoch, pairs)
    for phase, optimizer in zip(method.phases, optimizers, strict=True):
        means = _train_phase(fabric, taken, batches, optimizer, phase, place, rates)
        row |= means | {"loss": row.get("loss", 0.0) + means["loss"]}
    for name, value in method.state_dict().items():
        if value.is_floating_point() and not value.isfinite().all():
            raise _no_number("a weight or buffer", epoch, len(batches), name)
    method.end_epoch(epoch, pairs)
    return row


def _train_phase(
    fabric: Fabric,
    taken: nn.Module,
    batches: Batches,
    optimizer: Optimizer,
    phase: str,
    place: tuple[int, int],
    rates: Rates,
) -> Epoch:
    """Take the steps of one phase of an epoch; gives the mean of the loss and of its parts."""
    epoch, epochs = place
    seen: list[tuple[StepLoss, Tensor]] = []
    sums: Epoch = {}
    steps = len(batches)
    with StepBar(f"epoch {epoch}/{epochs}", steps) as bar:
        for step, cpu_batch in enumerate(batches.epoch(epoch)):
            set_rates(optimizer, (epoch - 1) * steps + step, epochs * steps, rates)
            batch = cpu_batch.to(fabric.device)
            loss = StepLoss(*taken(batch.image, batch.text, batch.labels, batch.index, phase))
            optimizer.zero_grad()
            fabric.backward(loss.total)
            norm = fabric.clip_gradients(taken, optimizer, max_norm=rates.clip_norm, error_if_nonfinite=False)
            optimizer.step()
            seen.append((StepLoss(loss.total.detach(), loss.parts), cast(Tensor, norm)))
            if len(seen) == CHECK_EVERY or step == steps - 1:
                _add_up(seen, sums, phase, epoch, step - len(seen) + 1)
                seen.clear()
            bar.advance(len(cpu_batch.index), sums.get("loss", 0.0) / (step + 1))
    return {name: total / steps for name, total in sums.items()}


def _add_up(
    seen: Sequence[tuple[StepLoss, Tensor]], sums: Epoch, phase: str, epoch: int, first_step: int
) -> None:
    """Add the losses of a few steps to the sums; beside each loss stands the norm of its gradient.

    Raises:
        CrosshashError: one of them is not a number.
    """
    columns = {"loss": [loss.total for loss, _ in seen]}
    columns |= {name: [loss.parts[name] for loss, _ in seen] for name in seen[0][0].parts}
    values = {name: torch.stack(column).float().cpu() for name, column in columns.items()}
    norms = torch.stack([norm for _, norm in seen]).cpu()
    for offset, norm in enumerate(norms):
        step = first_step + offset + 1
        broken = [name for name, column in values.items() if not column[offset].isfinite()]
        if broken:
            parts = [name for name in broken if name != "loss"]
            raise _no_number("the loss", epoch, step, ", ".join(parts) or "total")
        if not norm.isfinite():
            raise _no_number("the gradient", epoch, step, f"phase {phase}")
    for name, column in values.items():
        sums[name] = sums.get(name, 0.0) + float(column.sum())


def _no_number(what: str, epoch: int, step: int, part: str) -> CrosshashError:
    return CrosshashError(
        f"{what} is no longer a number in epoch {epoch}, step {step}: {part}. "
        "Lower train.lr_head and train.lr_backbone; the state after the epoch before is kept."
    )
