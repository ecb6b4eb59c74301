"""Run the frozen networks over all items once: other methods, lengths, seeds and rates need them no more."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from crosshash.config.plans.base import FOLDER, read_plan
from crosshash.config.plans.embed import EmbedPlan
from crosshash.config.user_files import check_content
from crosshash.embeddings.encoders_card import write_none
from crosshash.embeddings.vectors import write_embeddings
from crosshash.pairs.info import DatasetInfo, read_info
from crosshash.pairs.table import PARTS
from crosshash.workers.engine import Share, in_this_process, read_share, run_units
from crosshash.workers.unfinished import remove, shared, work_folder
from stages import run

if TYPE_CHECKING:
    import torch

    from crosshash.embeddings.embed_shards import Encoders
    from crosshash.models.tower_specs import TowerSpec
    from crosshash.retrieval.codefiles.codeset import Modality

ENCODERS, EMBEDDINGS = Path("artifacts/encoders"), Path("artifacts/embeddings")
log = logging.getLogger(__name__)


def main(dataset: str, share: Share | None = None) -> None:
    """Write artifacts/encoders and artifacts/embeddings; where nothing is frozen they say so.

    With a share, do that part of the work alone, and write neither.
    """
    plan = read_plan("embed", EmbedPlan)
    if plan.device is not None:
        embed(plan, plan.device, Path("data") / dataset, share)
    elif share is None:
        write_none(ENCODERS)
        write_embeddings(EMBEDDINGS, np.zeros(1, np.int64), [])


def embed(plan: EmbedPlan, device_name: str, data: Path, share: Share | None) -> None:
    """Run the networks; torch is loaded for this alone, as most runs freeze nothing."""
    import torch

    from crosshash.embeddings.embed_shards import embedded_blocks, first_texts, neutral_text
    from crosshash.embeddings.frozen_encoders import build_encoders, save_encoders
    from crosshash.inference.device import set_up_inference

    check_content(plan.pretrained, plan.pretrained_sha256)
    set_up_inference(threads=1)
    info, device = read_info(data), torch.device(device_name)
    encoders = build_encoders(frozen_specs(plan, info), plan.pretrained)
    for modality, encoder in encoders.items():
        log.info(
            "%s network %s is frozen: it runs once over all items and is not trained (model.backbone)",
            modality, encoder.spec.name,
        )  # fmt: skip
    specs = json.dumps({one: encoder.spec.as_json() for one, encoder in encoders.items()}, sort_keys=True)
    state = work_folder([FOLDER / "embed.yaml", data / "shards/index.json"], specs)
    with shared(state, "embedding", share):
        embed_items(data, state, encoders, device, sum(info.counts[part] for part in PARTS), share)
        if share is not None:
            return
        first = first_texts(data, info.text_kind == "vector")
        alone = "text" in encoders and not first.any()
        neutral = neutral_text(encoders, device) if alone else None
        write_embeddings(EMBEDDINGS, first, embedded_blocks(data, state), neutral)
        save_encoders(ENCODERS, encoders)
        remove(state)


def embed_items(
    data: Path, state: Path, encoders: Encoders, device: torch.device, items: int, share: Share | None
) -> None:
    """Run the networks over the shards that the work's folder lacks; others load them from there."""
    from crosshash.embeddings.embed_shards import embedder, shard_units
    from crosshash.embeddings.frozen_encoders import read_card, save_encoders
    from crosshash.inference.shard_work import Embedding

    saved, digest, make = state / "encoders", "", None
    if in_this_process():
        make = embedder(data, encoders, device)
    else:
        save_encoders(saved, encoders)
        digest = read_card(saved).digest
    work, cuda = Embedding(data, saved, digest, device.type), device.type == "cuda"
    run_units(state, work, shard_units(data), items, "embedded", share=share, make=make, cuda=cuda)


def frozen_specs(plan: EmbedPlan, info: DatasetInfo) -> dict[Modality, TowerSpec]:
    """Describe the networks that are frozen.

    Raises:
        CrosshashError: networks for pictures or captions on vectors.
    """
    from crosshash.models.tower_specs import image_spec, text_spec

    specs: dict[Modality, TowerSpec] = {}
    if plan.image is not None:
        specs["image"] = image_spec(plan.image, info.image_kind, None, 0, plan.pretrained)
    if plan.text is not None:
        specs["text"] = text_spec(
            plan.text, info.text_kind, info.image_kind, None, [], 0, plan.pretrained,
            pooling=plan.pooling or "auto",
        )  # fmt: skip
    return specs


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    run(lambda: main(*read_share(sys.argv[1:])))
