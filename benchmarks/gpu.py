"""What a GPU makes of a training: one command, under six minutes, a table and gpu.json.

First the tests that need CUDA, then TwDH over ViT-B/32 and its text tower from random weights, as `fit`
trains it: at two batch sizes, with batches that lie ready and with batches streamed from shards of JPEGs.
Items per second; the share of what a large matrix product reaches on this device; the share of the time in
which the loop waits for data; peak memory. Last the items that the networks encode in a second.

python -m benchmarks.gpu [--output gpu.json] [--small]

--small: a network of a few thousand weights and few steps, on the CPU too; what the suite runs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.plain_pillow import make_picture
from crosshash.artifacts import write_json
from crosshash.inference.model_folder import ModelCard, build_method
from crosshash.models.method import TrainedMethod, encoding
from crosshash.models.tower_specs import TowerSpec, image_spec, text_spec
from crosshash.models.towers import Tower, build_towers
from crosshash.protocols import Batches, PairBatch, TrainingInputs
from crosshash.shards.item_files import Item
from crosshash.shards.prepared import item_reader
from crosshash.shards.reading import Reading
from crosshash.shards.streamed_batches import StreamedBatches
from crosshash.shards.tar_files import write_shards
from crosshash.training.fabric import for_gpu, open_fabric
from crosshash.training.fit import Step
from crosshash.training.optimizers import Rates, make_optimizer
from crosshash.training.prefetch import prefetched

CLASSES, BITS = 80, 512
RATES = Rates(head=1e-3, backbone=1e-5, weight_decay=0.2, warmup=0.1, clip_norm=1.0)
TINY: dict[str, Any] = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 16, "head_width": 8, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@dataclass(frozen=True)
class Size:
    """How much is measured: batch sizes, timed steps, pictures, side of the product that is the peak."""

    batches: tuple[int, ...]
    steps: int
    pictures: int
    side: int


WHOLE, SMALL = Size((128, 512), 30, 4096, 8192), Size((4, 8), 2, 24, 64)


@dataclass(frozen=True)
class Line:
    """What was measured of one training; peak: share of what a matrix product reaches; memory in GB."""

    batch: int
    source: str
    items_per_second: float
    peak: float
    waiting: float
    memory: float | None


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description="Training and encoding on a GPU.")
    parser.add_argument("--output", type=Path, default=Path("gpu.json"))
    parser.add_argument("--small", action="store_true")
    chosen = parser.parse_args()
    size = SMALL if chosen.small else WHOLE
    if not chosen.small and not torch.cuda.is_available():
        sys.exit("error: this machine shows no CUDA device; --small runs on the CPU, and measures nothing.")
    tests = None if chosen.small else run_tests()
    fabric = open_fabric("auto", "auto")
    towers, card = networks(chosen.small)
    most = product_rate(fabric, size.side)
    with tempfile.TemporaryDirectory() as folder:
        make_shards(Path(folder), size.pictures)
        lines = [
            measured(fabric, card, towers, batch, source, Path(folder), size, most)
            for batch in size.batches
            for source in ("ready", "shards")
        ]
    encoded = encode_rates(fabric, card, towers, size)
    chip = torch.cuda.get_device_name() if fabric.device.type == "cuda" else "CPU"
    write_json(
        chosen.output,
        {
            "chip": chip, "date": datetime.now(UTC).date().isoformat(), "torch": torch.__version__,
            "tests": tests, "product_tflops": most / 1e12, "training": [asdict(line) for line in lines],
            "encoded_per_second": encoded,
        },
    )  # fmt: skip
    show(f"{chip}, torch {torch.__version__}, {tests or 'tests left out'}", lines, encoded)


def run_tests() -> str:
    """Run the tests that need CUDA; gives pytest's last line."""
    ran = subprocess.run([sys.executable, "-m", "pytest", "-m", "gpu"], capture_output=True, text=True)
    if ran.returncode:
        sys.exit(ran.stdout + ran.stderr)
    return ran.stdout.strip().splitlines()[-1]


def networks(small: bool) -> tuple[tuple[Tower, Tower], ModelCard]:
    """Build both towers of ViT-B/32, or tiny ones, from random weights."""
    if small:
        image = text = TowerSpec("clip", "tiny", config=TINY)
    else:
        image = image_spec("ViT-B-32", "jpeg", None, 0, None)
        text = text_spec("ViT-B-32", "caption", "jpeg", None, [], 0, None)
    card = ModelCard("twdh", BITS, {"quan_weight": 0.1, "short_weight": 0.0}, image, text, 0)
    return build_towers(image, text), card


def make_method(card: ModelCard, towers: tuple[Tower, Tower], fabric: Fabric) -> TrainedMethod:
    """Build TwDH with hash centres that are drawn."""
    random = np.random.default_rng(0)
    signs = random.choice([-1, 1], (CLASSES + 1, BITS)).astype(np.int8)
    inputs = TrainingInputs(np.zeros((1, CLASSES), np.uint8), signs[:-1], signs[-1])
    method = build_method(card, towers, inputs)
    assert isinstance(method, TrainedMethod)
    for_gpu(method, fabric.device, False)
    return method


def make_shards(folder: Path, count: int) -> None:
    """Write pictures of 320 x 240 with two captions each."""
    items = []
    for row in range(count):
        path = folder / f"{row % 64}.jpg"
        if not path.exists():
            make_picture(path)
        captions = (f"picture {row} of many, seen from above", f"another sentence about number {row}")
        items.append(Item(row, str(row), path.read_bytes(), captions, None, (str(row % CLASSES),)))
    write_shards(folder, {"train": items}, 16)


def streamed(folder: Path, towers: tuple[Tower, Tower], batch: int, count: int) -> StreamedBatches:
    """Open the shards as training streams them."""
    image, text = (tower.prepare for tower in towers)
    classes = tuple(map(str, range(CLASSES)))
    return StreamedBatches(
        folder, "train", count, Reading(classes, item_reader(image, text), batch, 0, "random")
    )


def measured(
    fabric: Fabric, card: ModelCard, towers: tuple[Tower, Tower], batch: int, source: str, folder: Path,
    size: Size, most: float,
) -> Line:  # fmt: skip
    """Train for some steps after a few that are not counted."""
    method = make_method(card, towers, fabric)
    own = streamed(folder, towers, batch, size.pictures)
    first = next(own.in_order())
    taken, optimizer = fabric.setup(Step(method), make_optimizer(method, "all", RATES))
    floats = step_flops(fabric, taken, first)
    if fabric.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    batches = repeat(first) if source == "ready" else endless(prefetched(own, fabric.device))
    for one in islice(batches, 3):
        step(fabric, taken, optimizer, one)
    items, waited, began = 0, 0.0, finished(fabric)
    for _ in range(size.steps):
        asked = time.perf_counter()
        one = next(batches)
        waited += time.perf_counter() - asked
        step(fabric, taken, optimizer, one)
        items += len(one.index)
    seconds = finished(fabric) - began
    memory = torch.cuda.max_memory_allocated() / 1e9 if fabric.device.type == "cuda" else None
    done = items / len(first.index) * floats
    return Line(batch, source, items / seconds, done / seconds / most, waited / seconds, memory)


def endless(batches: Batches) -> Iterator[PairBatch]:
    """Yield one epoch after the other."""
    return chain.from_iterable(map(batches.epoch, range(1, 1_000_000)))


def step(fabric: Fabric, taken: Any, optimizer: Any, batch: PairBatch) -> None:  # noqa: ANN401
    """Take a step as `fit` does."""
    there = batch.to(fabric.device)
    total, _ = taken(there.image, there.text, there.labels, there.index, "all")
    optimizer.zero_grad()
    fabric.backward(total)
    fabric.clip_gradients(taken, optimizer, max_norm=RATES.clip_norm, error_if_nonfinite=False)
    optimizer.step()


def step_flops(fabric: Fabric, taken: Any, batch: PairBatch) -> float:  # noqa: ANN401
    """Count the floating point operations of a step, forward and back."""
    there = batch.to(fabric.device)
    with FlopCounterMode(display=False) as counter:
        total, _ = taken(there.image, there.text, there.labels, there.index, "all")
        fabric.backward(total)
    return float(counter.get_total_flops())


def product_rate(fabric: Fabric, side: int) -> float:
    """Floating point operations a second of a matrix product, bfloat16 on CUDA: the peak to be had here."""
    kind = torch.bfloat16 if fabric.device.type == "cuda" else torch.float32
    factor = torch.randn(side, side, device=fabric.device, dtype=kind)
    rounds = 20
    for _ in range(3):
        factor @ factor
    began = finished(fabric)
    for _ in range(rounds):
        factor @ factor
    return 2 * side**3 * rounds / (finished(fabric) - began)


def encode_rates(
    fabric: Fabric, card: ModelCard, towers: tuple[Tower, Tower], size: Size
) -> dict[str, float]:
    """Items a second that each network encodes, inputs lying ready on the device."""
    method = make_method(card, towers, fabric).to(fabric.device)
    batch = size.batches[-1]
    side = (card.image.config or {})["vision_cfg"]["image_size"]
    pixels = torch.zeros(batch, 3, side, side, dtype=torch.uint8, device=fabric.device)
    tokens = torch.zeros(batch, 77, dtype=torch.int64, device=fabric.device)
    tokens[:, 5] = 49407
    with encoding(method), fabric.autocast():
        return {
            "images": rate(fabric, lambda: method.encode_image(pixels), batch, size.steps),
            "texts": rate(fabric, lambda: method.encode_text(tokens), batch, size.steps),
        }


def rate(fabric: Fabric, work: Callable[[], object], items: int, rounds: int) -> float:
    """Items a second of some rounds, after two that are not counted."""
    for _ in range(2):
        work()
    began = finished(fabric)
    for _ in range(rounds):
        work()
    return items * rounds / (finished(fabric) - began)


def finished(fabric: Fabric) -> float:
    """Give the time at which the device has done all that it was asked."""
    if fabric.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def show(title: str, lines: list[Line], encoded: dict[str, float]) -> None:
    """Print the table."""
    table = Table(
        "batch", "data", "items/s", "of the peak", "waiting for data", "peak memory, GB", title=title
    )
    for line in lines:
        memory = "" if line.memory is None else f"{line.memory:.1f}"
        shares = f"{line.peak:.1%}", f"{line.waiting:.1%}"
        table.add_row(str(line.batch), line.source, f"{line.items_per_second:.0f}", *shares, memory)
    console = Console()
    console.print(table)
    console.print(
        ", ".join(f"{kind} encoded: {per_second:.0f} a second" for kind, per_second in encoded.items())
    )


if __name__ == "__main__":
    main()
