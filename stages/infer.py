"""Run the trained networks over all items once, and keep their real codes: other lengths need no network."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from crosshash.artifacts import atomic_path
from crosshash.codes.trained_codes import write_trained_codes
from crosshash.config.plans.base import read_plan
from crosshash.config.plans.infer import InferPlan
from crosshash.embeddings.vectors import read_embeddings
from crosshash.errors import run_stage
from crosshash.inference.device import make_deterministic
from crosshash.inference.encoding import run_networks
from crosshash.inference.model_folder import load_model, model_facts
from crosshash.pairs.info import read_info
from crosshash.pairs.table import PARTS

MODEL, OUTPUTS = Path("artifacts/model"), Path("artifacts/outputs")
EMBEDDINGS = Path("artifacts/embeddings")
HALF = 2  # bytes of a number
log = logging.getLogger(__name__)


def main(dataset: str) -> None:
    """Write artifacts/outputs, all files or none."""
    plan = read_plan("infer", InferPlan)
    make_deterministic(plan.threads)
    data, model = Path("data") / dataset, load_model(MODEL)
    counts = read_info(data).counts
    items = sum(counts[part] for part in PARTS)
    size = 2 * HALF * items * model.card.train_bits / 1e9
    kept = size <= plan.keep_gb
    with atomic_path(OUTPUTS) as folder:
        blocks = run_networks(model, data, read_embeddings(EMBEDDINGS), plan, items) if kept else None
        write_trained_codes(folder, model_facts(model), items, blocks)
    if kept:
        log.info("real codes of %d items, %.3g GB", items, size)
    else:
        log.warning(
            "warning: real codes of %d items would take %.3g GB, infer.keep_gb is %g: they are not kept, and "
            "the networks run again for every other length",
            items, size, plan.keep_gb,
        )  # fmt: skip


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    run_stage(lambda: main(sys.argv[1]))
