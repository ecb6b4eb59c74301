"""Run the frozen networks over all items once: other methods, lengths, seeds and rates need them no more."""

from __future__ import annotations

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
from crosshash.errors import run_stage
from crosshash.pairs.info import DatasetInfo, read_info
from crosshash.workers.unfinished import locked, remove, work_folder

if TYPE_CHECKING:
    from crosshash.models.tower_specs import TowerSpec
    from crosshash.retrieval.codefiles.codeset import Modality

ENCODERS, EMBEDDINGS = Path("artifacts/encoders"), Path("artifacts/embeddings")
log = logging.getLogger(__name__)


def main(dataset: str) -> None:
    """Write artifacts/encoders and artifacts/embeddings; where nothing is frozen they say so."""
    plan = read_plan("embed", EmbedPlan)
    if plan.device is None:
        write_none(ENCODERS)
        write_embeddings(EMBEDDINGS, np.zeros(1, np.int64), [])
    else:
        embed(plan, plan.device, Path("data") / dataset)


def embed(plan: EmbedPlan, device_name: str, data: Path) -> None:
    """Run the networks; torch is loaded for this alone, as most runs freeze nothing."""
    import torch

    from crosshash.embeddings.embed_shards import embed_shards, first_texts, neutral_text
    from crosshash.embeddings.frozen_encoders import build_encoders, save_encoders
    from crosshash.inference.device import make_deterministic

    check_content(plan.pretrained, plan.pretrained_sha256)
    make_deterministic(threads=1)
    info, device = read_info(data), torch.device(device_name)
    encoders = build_encoders(frozen_specs(plan, info), plan.pretrained)
    for modality, encoder in encoders.items():
        log.info(
            "%s network %s is frozen: it runs once over all items and is not trained (model.backbone)",
            modality, encoder.spec.name,
        )  # fmt: skip
    files = [FOLDER / "embed.yaml", data / "shards/index.json"]
    with locked(work_folder(files, torch.__version__), "embedding") as state:
        first = first_texts(data, info.text_kind == "vector")
        alone = "text" in encoders and not first.any()
        neutral = neutral_text(encoders, device) if alone else None
        write_embeddings(EMBEDDINGS, first, embed_shards(data, state, encoders, device), neutral)
        save_encoders(ENCODERS, encoders)
        remove(state)


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
    run_stage(lambda: main(sys.argv[1]))
