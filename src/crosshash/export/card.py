"""The card of a bundle: where its codes come from, how good they were, whose weights are in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crosshash.checksums import file_sha256
from crosshash.config.encoders.packaged import LITE0, MINILM
from crosshash.config.networks import brings_weights
from crosshash.config.plans.base import read_plan
from crosshash.config.plans.train import TrainPlan
from crosshash.errors import CrosshashError
from crosshash.inference.model_folder import Model
from crosshash.models.tower_specs import TowerSpec
from crosshash.retrieval.scoring.metrics_file import scores_of, warning_of
from crosshash.search.searcher import Searcher

LICENCES = {
    LITE0: "Apache 2.0, as EfficientNet-Lite0 was published; its package names none",
    MINILM: "Apache 2.0, as all-MiniLM-L6-v2 was published; its package says MIT",
}
OWN = "trained in the project from random weights: the licence is its owner's to choose"
UNKNOWN = "as its publisher says; crosshash does not know it"

Card = dict[str, Any]


def card_of_run(project: Path, model: Model, searcher: Searcher) -> Card:
    """Gather what people should know of a run, as plain values."""
    found = (project / "metrics.json", searcher.method, searcher.dataset, searcher.bits)
    return {
        "method": searcher.method,
        "dataset": searcher.dataset,
        "bits": searcher.bits,
        "items": searcher.counts,
        "distance": searcher.distance,
        "networks": {"image": model.card.image.name, "text": model.card.text.name},
        "licences": _licences(project, (model.card.image, model.card.text)),
        "scores": scores_of(*found),
        "warning": warning_of(*found),
        "digests": {
            "model": model.digest,
            "encoder": searcher.encoder.description["digest"],
            "index": searcher.files.digest,
            **_settings(project),
        },
    }


def card_text(card: Card) -> str:
    """Write a card as Markdown."""
    lines = [
        f"# {card['method']}, {card['dataset']}, {card['bits']} bits",
        "",
        "A bundle of crosshash: networks as ONNX, index, items. `pip install crosshash`, then",
        "",
        "```sh",
        'crosshash search "a text" --bundle .',
        "crosshash serve .",
        "```",
        "",
        f"{card['items']['image']} images and {card['items']['text']} texts.",
        "",
        "| task | mAP | 95 % interval |",
        "|---|--:|---|",
    ]
    for task, one in card["scores"].items():
        lines.append(f"| {task} | {one['mAP']:.4f} | {one['mAP_low']:.4f} to {one['mAP_high']:.4f} |")
    if not card["scores"]:
        lines[-2:] = ["The project has no scores of this model."]
    if card["warning"]:
        lines += ["", f"Warning: {card['warning']}"]
    lines += ["", "| network | licence of its weights |", "|---|---|"]
    lines += [f"| {name} | {licence} |" for name, licence in card["licences"].items()]
    lines += ["", "| of | sha256 |", "|---|---|"]
    lines += [f"| {name} | {digest} |" for name, digest in card["digests"].items()]
    return "\n".join(lines) + "\n"


def _licences(project: Path, specs: tuple[TowerSpec, TowerSpec]) -> dict[str, str]:
    try:
        fresh = read_plan("train", TrainPlan, project / "plan").model.pretrained is None
    except CrosshashError:  # nothing says so
        fresh = False
    return {spec.name: _licence(spec, fresh) for spec in specs}


def _licence(spec: TowerSpec, fresh: bool) -> str:
    if spec.name in LICENCES:
        return LICENCES[spec.name]
    own = spec.reads_vectors or spec.kind == "bow" or (fresh and not brings_weights(spec.name))
    return OWN if own else UNKNOWN


def _settings(project: Path) -> dict[str, str]:
    path = project / "params.yaml"
    return {"params.yaml": file_sha256(path)} if path.is_file() else {}
