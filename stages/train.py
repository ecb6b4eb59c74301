"""Train the hash model; a killed training goes on after its last finished epoch."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from crosshash.artifacts import write_json
from crosshash.centers.training_labels import check_batch
from crosshash.checksums import file_sha256, folder_digest
from crosshash.config.outlook import FEW_PICTURES, few_pictures
from crosshash.config.plans.base import FOLDER, read_plan
from crosshash.config.plans.train import TrainPlan
from crosshash.config.user_files import check_content
from crosshash.embeddings.embedded_items import embedded_reader, open_embedded
from crosshash.embeddings.frozen_encoders import read_card
from crosshash.embeddings.vectors import Embeddings, read_embeddings
from crosshash.inference.device import make_deterministic, settled_device, settled_half
from crosshash.inference.model_folder import CARD, ModelCard, build_method, save_model
from crosshash.models.closed_form import ClosedFormMethod
from crosshash.models.method import TrainedMethod
from crosshash.models.tower_specs import with_fresh_weights
from crosshash.models.towers import Tower, build_towers
from crosshash.models.weights.tensors import Tensors
from crosshash.pairs.info import DatasetInfo, read_info
from crosshash.protocols import Batches, Share
from crosshash.seeding import stream_seed
from crosshash.shards.reading import Reading
from crosshash.training.checkpoint import Epoch
from crosshash.training.closed_form import solve
from crosshash.training.inputs import check_texts, read_inputs, settle_specs
from crosshash.training.learning_curves import Curves
from crosshash.training.optimizers import Rates
from crosshash.workers.unfinished import remove, work_folder
from stages import data_set, run

CENTERS = Path("artifacts/centers/long.npz")
SHORT = Path("artifacts/transform_training.npz")
MODEL = Path("artifacts/model")
ENCODERS, EMBEDDINGS = Path("artifacts/encoders"), Path("artifacts/embeddings")
CURVES, PLOTS = Path("dvclive"), "plots/metrics"
log = logging.getLogger(__name__)
FINE_TUNING = 1e-5
"""Peak learning rate of published weights under `train.lr_backbone: auto`, as TwDH and DCMHT use for CLIP."""


def main(dataset: str) -> None:
    """Write artifacts/model and dvclive."""
    plan = read_plan("train", TrainPlan)
    make_deterministic(plan.threads)
    check_content(plan.model.pretrained, plan.model.pretrained_sha256)
    settled_device(plan.device)  # refused before anything is read
    data = Path("data") / dataset
    info = read_info(data)
    inputs = read_inputs(data, CENTERS, SHORT, plan.supervised)
    encoders, embeddings = read_card(ENCODERS), read_embeddings(EMBEDDINGS)
    check_texts(info, plan.method, encoders)
    image, text = settle_specs(plan, info, data, encoders)
    pretrained = None if "image" in encoders.specs else plan.model.pretrained
    fresh = with_fresh_weights(image, text, pretrained)
    warn_of_few_pictures(info, fresh[0] and image.over is None)
    torch.manual_seed(stream_seed(plan.seed, "weights"))
    towers = build_towers(image, text, pretrained)
    card = ModelCard(plan.method, plan.train_bits, plan.settings, image, text, 0, plan.threads)
    card = replace(card, encoders=encoders.digest if encoders.specs else "")
    method = build_method(card, towers, inputs)
    parts = partial(open_parts, data, info, plan, towers, embeddings)
    if isinstance(method, ClosedFormMethod):
        train, val = parts(Share())
        started = time.perf_counter()
        solve_model(method, train, val, plan, card)
        write_timings(time.perf_counter() - started, info.counts["train"])
    elif isinstance(method, TrainedMethod):
        check_batch(info.counts["train"], plan.batch)
        train_model(method, parts, plan, card, fresh, files_of(plan, data), info)


def train_model(
    method: TrainedMethod,
    parts: Callable[[Share], tuple[Batches, Batches | None]],
    plan: TrainPlan,
    card: ModelCard,
    fresh: tuple[bool, bool],
    files: list[Path],
    info: DatasetInfo,
) -> None:
    """Train epoch by epoch, from where an equal training was stopped; keep the best one.

    parts: opens a process's share of the training and validation pairs. fresh: whether image and text network
    start from random weights.
    """
    # Lightning loads torch's compiler, 3 s, which closed forms do without.
    from crosshash.training.fabric import for_gpu, launched, lost_processes_named, open_fabric
    from crosshash.training.fit import fit
    from crosshash.training.prefetch import prefetched
    from crosshash.training.ranks import Ranks
    from crosshash.training.selection import validation

    fabric = launched(open_fabric(plan.device, plan.precision, plan.devices, plan.nodes))
    make_deterministic(plan.threads)  # Lightning sets a number of its own
    networks = json.dumps([card.image.as_json(), card.text.as_json()], sort_keys=True)
    work = work_folder(files, torch.__version__, networks)
    with lost_processes_named(fabric):
        ranks = Ranks(fabric, plan.seed)
        with ranks.holding(work):
            for_gpu(method, fabric.device, plan.compile)
            ranks.join(method)
            own, asking = parts(ranks.share)
            train = ranks.joined(prefetched(own, fabric.device))
            val = None if asking is None else ranks.joined(prefetched(asking, fabric.device))
            started = time.perf_counter()
            with curves_of(fabric.is_global_zero) as on_epoch:
                score = validation(fabric, method, val, train) if val is not None and info.classes else None
                fitted = fit(
                    fabric, method, train, score,
                    epochs=plan.epochs, rates=rates_of(plan, fresh), select=plan.select, seed=plan.seed,
                    folder=work, on_epoch=on_epoch,
                )  # fmt: skip
            if fabric.is_global_zero:
                save(replace(card, best_epoch=fitted.best_epoch), fitted.state)
                remove(work)
                write_timings(time.perf_counter() - started, info.counts["train"] * plan.epochs)


@contextmanager
def curves_of(first: bool) -> Iterator[Callable[[int, Epoch], None]]:
    """Give what takes the values of an epoch: the curves, in the first process alone."""
    if not first:
        yield lambda epoch, row: None
        return
    with Curves(CURVES) as curves:
        yield curves.add


def solve_model(
    method: ClosedFormMethod, train: Batches, val: Batches | None, plan: TrainPlan, card: ModelCard
) -> None:
    """Solve for a few penalties and keep the best one; its number stands where an epoch's would."""
    chosen = settled_device(plan.device)
    device, half = torch.device(chosen), settled_half(chosen, plan.precision)
    with Curves(CURVES) as curves:
        solved = solve(
            device, method, train, val,
            half=half, supervised=plan.supervised, seed=plan.seed, on_penalty=curves.add,
        )  # fmt: skip
    settings = card.settings | ({"penalty": solved.penalty} if "penalty" in card.settings else {})
    save(replace(card, settings=settings, best_epoch=solved.number), solved.state)


def warn_of_few_pictures(info: DatasetInfo, fresh: bool) -> None:
    """Say before the first step what so few pictures give; fresh: the image network has random weights."""
    if fresh and info.image_kind == "jpeg" and info.counts["train"] < FEW_PICTURES:
        log.warning("warning: %s", few_pictures(info.counts["train"]))


def write_timings(seconds: float, pairs: int) -> None:
    """Keep how long it took beside the results, in a file that no stage and no hash looks at.

    model: sha256 of the card, of the model that the time is of.
    """
    timings = {
        "seconds": round(seconds, 1),
        "pairs_per_second": round(pairs / seconds),
        "model": file_sha256(MODEL / CARD),
    }
    write_json(Path("timings.json"), {"train": timings})
    log.info("trained in %.0f s, validation included", seconds)


def files_of(plan: TrainPlan, data: Path) -> list[Path]:
    """List the files that decide the result; the plan has the digest of the code."""
    names = ("shards/index.json", "train_labels.npz", "vocabulary.json", "info.json")
    weights = Path(plan.model.pretrained or "")
    files = [FOLDER / "train.yaml", CENTERS, SHORT, *(data / name for name in names)]
    return [*files, weights] if weights.is_file() else files


def open_parts(
    data: Path,
    info: DatasetInfo,
    plan: TrainPlan,
    towers: tuple[Tower, Tower],
    embeddings: Embeddings,
    share: Share,
) -> tuple[Batches, Batches | None]:
    """Open a share of the training pairs and, where the split has any, of the validation pairs."""
    image, text = (tower.prepare for tower in towers)
    read = embedded_reader(embeddings, image, text)
    reading = Reading(info.classes, read, plan.batch, plan.seed, plan.caption, share)

    def opened(part: str) -> Batches:
        return open_embedded(data, part, info.counts[part], embeddings, reading, text, plan.memory_mb)

    return opened("train"), opened("val") if info.counts["val"] else None


def rates_of(plan: TrainPlan, fresh: tuple[bool, bool]) -> Rates:
    """Take the rates out of the plan; fresh: whether image and text network start from random weights."""
    image, text = (
        (plan.lr_head if new else FINE_TUNING) if plan.lr_backbone == "auto" else plan.lr_backbone
        for new in fresh
    )
    return Rates(
        head=plan.lr_head,
        backbone=image,
        backbone_text=text,
        weight_decay=plan.weight_decay,
        warmup=plan.warmup,
        clip_norm=plan.clip_norm,
        text=plan.lr_text,
        optimizer=plan.optimizer,
        momentum=plan.momentum,
        schedule=plan.schedule,
        end=plan.lr_end,
    )


def save(card: ModelCard, state: Tensors) -> None:
    """Write the model that is kept."""
    save_model(MODEL, replace(card, curves=folder_digest(CURVES / PLOTS)), state)
    kept = (
        f"penalty {card.settings['penalty']:g}" if "penalty" in card.settings else f"epoch {card.best_epoch}"
    )
    log.info("kept %s in %s", kept, MODEL)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    run(lambda: main(data_set()))
