"""Trainings by several processes, forked off one that has loaded the libraries: as torchrun, but at once.

python -m tests.training.in_ranks FOLDER
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import yaml

from crosshash.artifacts import write_json, write_npz
from crosshash.errors import CrosshashError
from crosshash.inference.model_folder import ModelCard, build_method
from crosshash.models.encoders.levels import Encoder
from crosshash.models.method import TrainedMethod, encoding
from crosshash.models.tower_specs import TowerSpec
from crosshash.models.towers import build_towers
from crosshash.protocols import PairBatch, Share
from crosshash.retrieval.measures.mean_ap import mean_average_precision
from crosshash.shards.reading import Reading
from crosshash.shards.training_batches import MemoryBatches
from crosshash.training.checkpoint import Epoch
from crosshash.training.fabric import open_fabric
from crosshash.training.fit import fit
from crosshash.training.optimizers import Rates
from crosshash.training.ranks import Ranks
from crosshash.training.selection import validation
from stages import train
from tests.methods import cases
from tests.stages.vector_set import make_items, write_plans, write_set

ROOT = Path(__file__).resolve().parents[2]
BATCH, EPOCHS = 8, 5
ITEMS, MORE = 27, 32
"""Four steps an epoch; the last has three pairs, so that of four processes one has none. SCAHN has full
batches: its batch norms over three pairs make much of rounding."""
# AdamW would make steps of full size of the rounding that is all the gradient of a bias before a batch norm.
RATES = Rates(
    head=0.02, backbone=0.02, weight_decay=0.01, warmup=0.1, clip_norm=1.0, optimizer="sgd", momentum=0.9
)
METHODS = ("dcmht", "djsrh", "hq", "scahn", "twdh", "ucch")
SMALL = {"width": 16, "layers": 1}
VIT = TowerSpec(
    "clip",
    "small",
    config={
        **(cases.CLIP.config or {}),
        "vision_cfg": {"image_size": cases.SIDE, "head_width": 8, "patch_size": 16, **SMALL},
        "text_cfg": {"context_length": cases.LENGTH, "vocab_size": cases.TOKENS, "heads": 2, **SMALL},
    },
)
BY_TWO = [*((kind, name) for kind in ("vectors", "transformers") for name in METHODS), ("resnet", "twdh")]
BY_FOUR = [("vectors", "dcmht")]
JOBS = {1: BY_TWO, 2: BY_TWO, 4: BY_FOUR}
STAGE_EPOCHS = 10
STOPPED_BY = "what the two processes of a stage say when the data of one are others"


def card(kind: str, name: str) -> ModelCard:
    plan = cases.plans(name)["train"]
    if kind == "transformers":
        return ModelCard(name, plan.train_bits, plan.settings, VIT, VIT, best_epoch=0)
    return cases.card(name, "vectors" if kind == "vectors" else "pictures")


def pairs(kind: str, items: int, seed: int = 0) -> PairBatch:
    return cases.pairs("vectors" if kind == "vectors" else "pictures", items, seed)


def batches(whole: PairBatch, share: Share) -> MemoryBatches:
    classes = tuple(map(str, range(cases.CLASSES)))
    reading = Reading(classes, None, BATCH, 0, "first", share)  # type: ignore[arg-type]
    labels = whole.labels.numpy().astype(np.uint8)
    return MemoryBatches(whole.image, whole.text, np.ones(len(labels), np.int64), labels, reading)


def nothing(epoch: int, row: Epoch) -> None:
    """Watch nothing."""


def learn(described: ModelCard, kind: str, folder: Path, devices: int, nodes: int = 1) -> None:
    """Train a method; its losses, and of each process its state and codes, are left in the folder."""
    fabric = open_fabric("cpu", "fp32", devices, nodes)
    fabric.launch()
    torch.set_num_threads(1)
    ranks = Ranks(fabric, 0)
    items = MORE if described.method == "scahn" else ITEMS
    torch.manual_seed(ranks.share.rank)  # the first process's weights count
    towers = build_towers(described.image, described.text)
    method = build_method(described, towers, cases.inputs(items))
    assert isinstance(method, TrainedMethod)
    ranks.join(method)
    train = ranks.joined(batches(pairs(kind, items), ranks.share))
    val = ranks.joined(batches(pairs(kind, 7, seed=1), ranks.share))
    score = validation(fabric, method, val, train) if described.method == "twdh" else None
    fitted = fit(
        fabric, method, train, score,
        epochs=EPOCHS, rates=RATES, select="last", seed=0, folder=folder, on_epoch=nothing,
    )  # fmt: skip
    with encoding(method):
        both = [(method.encode_image(one.image), method.encode_text(one.text)) for one in val.in_order()]
    codes = [code for pair in both for code in pair]
    found = {key: value.numpy() for key, value in method.state_dict().items()}
    draws = torch.get_rng_state().numpy()
    write_npz(
        folder / f"{ranks.share.rank}.npz", {"codes": torch.cat(codes).numpy(), "draws": draws, **found}
    )
    if fabric.is_global_zero:
        write_json(folder / "history.json", list(fitted.history))


def port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


def by_torchrun(rank: int, count: int) -> dict[str, str]:
    """The variables that torchrun sets."""
    place = {
        "RANK": rank,
        "LOCAL_RANK": rank,
        "WORLD_SIZE": count,
        "LOCAL_WORLD_SIZE": count,
        "GROUP_RANK": 0,
    }
    return {"TORCHELASTIC_RUN_ID": "test"} | {key: str(value) for key, value in place.items()}


def by_node(rank: int, count: int) -> dict[str, str]:
    """The variables that a user sets on each of several machines."""
    return {"NODE_RANK": str(rank)}


def forked(
    count: int, work: Callable[[int], None], place: Callable[[int, int], Mapping[str, str]] = by_torchrun
) -> list[int]:
    """Do the work in `count` processes; gives their exit codes."""
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port()}
    children = []
    for rank in range(count):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.environ |= shared | (place(rank, count) if count > 1 else {})
                work(rank)
                status = 0
            except CrosshashError as error:
                print(error, file=sys.stderr)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        children.append(child)
    codes = []
    while len(codes) < count:
        codes.append(os.waitstatus_to_exitcode(os.wait()[1]))
    return codes


def learn_all(folder: Path) -> None:
    """Every job with one process, two and four, and one on two `machines`."""
    cards = {job: card(*job) for job in BY_TWO}

    def jobs(count: int) -> None:
        for kind, name in JOBS[count]:
            learn(cards[kind, name], kind, made(folder / f"{count}/{kind}-{name}"), count)

    for count in JOBS:
        assert not any(forked(count, lambda _, count=count: jobs(count)))  # type: ignore[misc]
    nodes = made(folder / "nodes/vectors-twdh")
    assert not any(forked(2, lambda _: learn(cards["vectors", "twdh"], "vectors", nodes, 1, 2), by_node))


class Dropping(Encoder):
    """A network that drops half of what it is given."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.dropout(x, 0.5, self.training)


def drop(folder: Path) -> None:
    """Let two processes drop and draw; then let both show the same items."""
    folder = made(folder)

    def work(_: int) -> None:
        fabric = open_fabric("cpu", "fp32", 2)
        fabric.launch()
        whole = pairs("vectors", BATCH)
        found = {}
        for name, seed, epoch in (("of_other_seed", 1, 1), ("of_next_epoch", 0, 2), ("dropped", 0, 1)):
            ranks, network = Ranks(fabric, seed), Dropping()
            ranks.join(network)
            torch.manual_seed(7)
            ones = replace(whole, image=torch.ones(BATCH, 64))
            for batch in ranks.joined(batches(ones, ranks.share)).epoch(epoch):
                found[name] = network(batch.image).numpy()
        found["drawn"] = torch.rand(3).numpy()
        write_npz(folder / f"{ranks.share.rank}.npz", found)
        try:
            next(ranks.joined(batches(whole, Share(0, 2))).in_order())
        except CrosshashError as error:
            (folder / f"{ranks.share.rank}.txt").write_text(str(error))

    assert not any(forked(2, work))


def made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def project(folder: Path, seed: int = 0) -> None:
    """A data set and plans for two processes, in a folder that becomes the working one."""
    os.chdir(made(folder))
    os.environ["CROSSHASH_STATE"] = str(folder / "state")
    write_set(make_items(seed))
    write_plans(devices=2, epochs=STAGE_EPOCHS)


def train_stages(folder: Path) -> None:
    """A stage of two processes: to its end; one of them killed, then again; streamed; unlike data."""
    project(folder / "whole")
    assert not any(forked(2, lambda _: train.main("set")))
    project(folder / "killed")
    (folder / "killed/said.txt").write_text(killed())
    shutil.copytree("state", "left", symlinks=True)
    assert not any(forked(2, lambda _: train.main("set")))
    project(folder / "streamed")
    write_plans(devices=2, epochs=2, memory_mb=0.0)
    assert not any(forked(2, lambda _: train.main("set")))
    project(folder / "other", seed=1)
    with (folder / "other/said.txt").open("w") as told:

        def unlike(rank: int) -> None:
            os.dup2(told.fileno(), 2)
            os.chdir(folder / ("whole", "other")[rank])
            train.main("set")

        assert forked(2, unlike) == [1, 1]


def killed() -> str:
    """Start the stage as DVC does, kill the process that it has started; gives what it said, and its end."""
    stage = subprocess.Popen(
        [sys.executable, "-m", "stages.train", "set"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert stage.stderr is not None
    said = []
    for line in stage.stderr:
        said.append(line)
        if line.startswith("epoch 1/"):
            break
    child = int(Path(f"/proc/{stage.pid}/task/{stage.pid}/children").read_text())
    os.kill(child, signal.SIGKILL)
    began = time.monotonic()
    said.append(stage.stderr.read())
    code = stage.wait()
    return yaml.safe_dump({"said": "".join(said), "code": code, "seconds": time.monotonic() - began})


def load() -> None:
    """Load what every fork would load for itself: open_clip, compiled loops."""
    build_towers(VIT, VIT)
    ones = np.ones((2, 1), np.uint8)
    mean_average_precision(ones, ones, ones, ones)


if __name__ == "__main__":
    torch.set_num_threads(1)
    place = Path(sys.argv[1]).resolve()
    load()
    learn_all(place / "methods")
    drop(place / "dropped")
    train_stages(place / "stages")
