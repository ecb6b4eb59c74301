"""Run the trained networks over all items once, and keep their real codes: other lengths need no network."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from pathlib import Path

from crosshash.artifacts import atomic_path
from crosshash.checksums import folder_digest
from crosshash.codes.trained_codes import Block, write_trained_codes
from crosshash.config.plans.base import FOLDER, read_plan
from crosshash.config.plans.infer import InferPlan
from crosshash.embeddings.vectors import read_embeddings
from crosshash.inference.device import set_up_inference
from crosshash.inference.model_folder import Model, load_model, model_facts
from crosshash.inference.shard_work import Inference, inference_units, inferred_blocks, inferrer
from crosshash.pairs.info import read_info
from crosshash.pairs.table import PARTS
from crosshash.workers.engine import Share, in_this_process, read_share, run_units
from crosshash.workers.unfinished import remove, shared, work_folder
from stages import run

MODEL, OUTPUTS = Path("artifacts/model"), Path("artifacts/outputs")
EMBEDDINGS = Path("artifacts/embeddings")
HALF = 2  # bytes of a number
log = logging.getLogger(__name__)


def main(dataset: str, share: Share | None = None) -> None:
    """Write artifacts/outputs, all files or none; with a share, do that part of the work alone."""
    plan = read_plan("infer", InferPlan)
    set_up_inference(plan.threads)
    data, model = Path("data") / dataset, load_model(MODEL)
    counts = read_info(data).counts
    items = sum(counts[part] for part in PARTS)
    size = 2 * HALF * items * model.card.train_bits / 1e9
    if size > plan.keep_gb:
        log.warning(
            "warning: real codes of %d items would take %.3g GB, infer.keep_gb is %g: they are not kept, and "
            "the networks run again for every other length",
            items, size, plan.keep_gb,
        )  # fmt: skip
        if share is None:
            write_outputs(model, items, None)
        return
    files = [FOLDER / "infer.yaml", data / "shards/index.json"]
    state = work_folder(files, model.digest, folder_digest(EMBEDDINGS))
    with shared(state, "inference", share):
        infer(data, state, model, plan, items, share)
        if share is not None:
            return
        write_outputs(model, items, inferred_blocks(data, state))
        remove(state)
    log.info("real codes of %d items, %.3g GB", items, size)


def infer(data: Path, state: Path, model: Model, plan: InferPlan, items: int, share: Share | None) -> None:
    """Run the networks over the shards that the work's folder lacks."""
    work = Inference(data, MODEL, model.digest, EMBEDDINGS, plan)
    make = inferrer(data, model, read_embeddings(EMBEDDINGS), plan) if in_this_process() else None
    cuda = plan.device == "cuda"
    run_units(state, work, inference_units(data), items, "inferred", share=share, make=make, cuda=cuda)


def write_outputs(model: Model, items: int, blocks: Iterable[Block] | None) -> None:
    """Write the folder of results; blocks: None where real codes are not kept."""
    with atomic_path(OUTPUTS) as folder:
        write_trained_codes(folder, model_facts(model), items, blocks)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    run(lambda: main(*read_share(sys.argv[1:])))
