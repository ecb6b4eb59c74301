"""How near the infer stage comes to what two passes of its own parts allow, with the default networks.

JPEGs of 320 x 240 with two captions each. Reading, decoding and tokenising alone, and the networks alone over
inputs in memory, may each use all cores; a pass that does both cannot be faster than their times together.
All three are measured in turn, and the best time of each is taken.

python -m benchmarks.inference [--count 4000]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import chdir
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from benchmarks.conversion import WHOLE, Work, as_items, best_costs, convert, print_costs
from benchmarks.plain_pillow import make_picture, on_all_cores
from crosshash.config.plans.infer import InferPlan
from crosshash.embeddings.vectors import Embeddings
from crosshash.inference.encoding import encode_items, run_networks
from crosshash.inference.model_folder import Model, ModelCard, build_method
from crosshash.models.tower_specs import image_spec, text_spec
from crosshash.models.towers import build_towers
from crosshash.pairs.table import PARTS
from crosshash.shards.prepared import PreparedItem, item_reader, prepared
from crosshash.shards.tar_files import read_items
from crosshash.workers.cores import cores

COUNT, BATCH, LEAST = 4_000, 256, 0.85
NOT_FROZEN = Embeddings({}, np.zeros(1, np.int64), None, None)
PICTURES = Path("data/pictures")
READ, NETWORKS, INFER = "read and decode", "networks", "infer"


def default_model() -> Model:
    """Build the default networks and heads, of random weights; to be called in the project's folder."""
    image = image_spec("auto", "jpeg", None, 0, None)
    text = text_spec("auto", "captions", "jpeg", None, [], 0, None)
    towers = build_towers(image, text)
    card = ModelCard("twdh", 512, {"quan_weight": 0.1, "short_weight": 0.0}, image, text, 0)
    method = build_method(card, towers, None)
    method.eval()
    return Model(card, method, towers[0].prepare, towers[1].prepare, "")


def ways_of(model: Model, count: int) -> dict[str, Work]:
    """Give what is measured."""
    plan = InferPlan(caption="first", batch=BATCH, keep_gb=8, device="cpu", threads=None)
    device = torch.device("cpu")

    def read() -> list[PreparedItem]:
        items = (item for part in PARTS for item in read_items(PICTURES, part))
        return list(prepared(items, item_reader(model.prepare_image, model.prepare_text)))

    in_memory = read()
    return {
        READ: read,
        NETWORKS: lambda: list(encode_items(model.method, in_memory, plan.caption, BATCH, device)),
        INFER: lambda: list(run_networks(model, PICTURES, NOT_FROZEN, plan, count)),
    }


def main() -> None:
    """Print the rates and infer's share of what is possible; exit 1 below what is required."""
    parser = argparse.ArgumentParser(description="The infer stage beside its own parts.")
    parser.add_argument("--count", type=int, default=COUNT, help="pictures")
    count = parser.parse_args().count
    model, console = default_model(), Console()
    torch.set_num_threads(cores())
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        Path("pictures").mkdir()
        paths = [Path(f"pictures/{number:06d}.jpg") for number in range(count)]
        on_all_cores(make_picture, paths)
        convert(as_items(paths), WHOLE, "quick")
        costs = best_costs(ways_of(model, count))
    print_costs(console, f"{count} JPEGs, {cores()} cores", costs, count, {})
    parts = (costs[READ], costs[NETWORKS])
    share = sum(part.clock for part in parts) / costs[INFER].clock
    by_core = sum(part.cores for part in parts) / costs[INFER].cores
    console.print(
        f"infer beside {READ} and {NETWORKS}, one after the other: {share:.2f} of their rate by the clock "
        f"(required: {LEAST}), {by_core:.2f} per core second"
    )
    if share < LEAST:
        sys.exit(1)


if __name__ == "__main__":
    main()
