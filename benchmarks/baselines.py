"""What closed forms reach, by how their values are stored: signs, floats, product-quantised, RaBitQ.

python -m benchmarks.baselines [FEATURES] [--dims 16 32 64] [--seeds 3] [--methods cca ridge]

FEATURES is a folder with features.npz and pairs.csv. Bytes are those of one item and one modality. Values are
fitted, stored and scored by the functions of the stages; penalties are chosen by the validation pairs, for
each seed. What has fewer dimensions than asked for is left out, with the reason.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.runs import ROOT, convert
from crosshash.codes.hashcodes import HashCodes, pack
from crosshash.codes.real_codes import query_levels, to_half
from crosshash.config.params import load_params
from crosshash.config.plans.train import TrainPlan
from crosshash.config.resolve import resolve
from crosshash.embeddings.frozen_encoders import EncodersCard
from crosshash.errors import CrosshashError
from crosshash.inference.model_folder import ModelCard, build_method
from crosshash.models.closed_form import ClosedFormMethod, Features, Seen, joined
from crosshash.models.towers import Tower, build_towers
from crosshash.pairs.info import read_info
from crosshash.protocols import PairBatch
from crosshash.retrieval.codefiles.codeset import CROSS_MODAL, MODALITIES, CodeSet
from crosshash.retrieval.scoring.evaluation import task_map
from crosshash.shards.prepared import item_reader
from crosshash.shards.reading import Reading
from crosshash.shards.training_batches import open_batches
from crosshash.training.closed_form import choose
from crosshash.training.inputs import settle_specs

DATA = Path("data/features")
QUANTISERS = ("rotation", "itq", "none", "pq", "rabitq")
Scores = tuple[float, float]


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description="Closed forms and how they are stored.")
    parser.add_argument("features", nargs="?", type=Path, default=ROOT / "examples" / "features")
    parser.add_argument("--dims", type=int, nargs="*", default=[16, 32, 64])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--penalties", type=float, nargs="*", help="instead of all those of `auto`")
    parser.add_argument("--methods", nargs="*", default=["cca", "ridge"])
    asked = parser.parse_args()
    print("| method | dimensions | stored as | bytes | i2t | t2i |\n|---|--:|---|--:|--:|--:|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        convert(project, ["dataset=features", f"features.path={asked.features.resolve()}"])
        for method in asked.methods:
            print_method(project, method, asked.dims, asked.seeds, asked.penalties)


def print_method(
    project: Path, name: str, lengths: Sequence[int], seeds: int, penalties: Sequence[float] | None
) -> None:
    """Look at the pairs once, then print the means over the seeds for each length."""
    towers, cards = described(project, name)
    parts = {part: list(batches(project, part, towers)) for part in ("train", "val", "query")}
    method = built(cards, towers, lengths[0], "itq")
    seen = method.look_at(parts["train"])
    sides = {part: joined([method.features(one) for one in found]) for part, found in parts.items()}
    sides["retrieval"] = joined([sides["train"], sides["val"]])
    for dims in lengths:
        found: dict[tuple[str, float], list[Scores]] = {}
        for quantiser in QUANTISERS:
            for seed in range(seeds):
                try:
                    model = built(cards, towers, dims, quantiser)
                    model.tried = tuple(penalties or model.tried)
                    model = fitted(model, seen, sides["val"], name, seed)
                except CrosshashError as error:  # more dimensions than there are
                    print(f"{quantiser}: {error}", file=sys.stderr)
                    break
                code = model.vector_code()
                size = (dims if code is None else code.bits) / 8
                for distance, value in scores(model, sides).items():
                    found.setdefault((f"{quantiser}, {distance}", size), []).append(value)
        for (stored_as, size), values in found.items():
            means = (f"{statistics.mean(column):.3f}" for column in zip(*values, strict=True))
            print(f"| {name} | {dims} | {stored_as} | {size:g} | " + " | ".join(means) + " |", flush=True)


def described(project: Path, name: str) -> tuple[tuple[Tower, Tower], ModelCard]:
    """Settle the networks, vectors and words themselves, as the stages do."""
    params = load_params(project / "params.yaml").model_copy(update={"method": name})
    plan = resolve(params)["train"]
    assert isinstance(plan, TrainPlan)
    image, text = settle_specs(plan, read_info(project / DATA), project / DATA, EncodersCard({}, {}, ""))
    settings = params.method_section.model_dump()
    return build_towers(image, text), ModelCard(name, params.bits, settings, image, text, 0)


def batches(project: Path, part: str, towers: tuple[Tower, Tower]) -> Iterator[PairBatch]:
    """Give a part's items, each with its first caption."""
    info = read_info(project / DATA)
    reading = Reading(info.classes, item_reader(towers[0].prepare, towers[1].prepare), 256, 0, "first")
    yield from open_batches(project / DATA, part, info.counts[part], reading, 4096).in_order()


def built(card: ModelCard, towers: tuple[Tower, Tower], bits: int, quantiser: str) -> ClosedFormMethod:
    """Build the method for a length and a quantiser."""
    settings = card.settings | {"quantiser": quantiser}
    method = build_method(replace(card, train_bits=bits, settings=settings), towers, None)
    assert isinstance(method, ClosedFormMethod)
    return method


def fitted(method: ClosedFormMethod, seen: Seen, val: Features, name: str, seed: int) -> ClosedFormMethod:
    """Take the best penalty by the validation pairs."""
    found = choose(method, seen, val, supervised=name == "ridge", seed=seed, on_penalty=lambda *_: None)
    method.load_state_dict(found.state)
    return method


def scores(method: ClosedFormMethod, sides: dict[str, Features]) -> dict[str, Scores]:
    """Score what is stored by distance, as the evaluate stage does."""
    found: dict[str, Scores] = {}
    query, retrieval = (stored_set(method, sides[one], one) for one in ("query", "retrieval"))
    real = {one: query_levels(method.code_of(one, sides["query"][one])) for one in MODALITIES}
    for distance in ("hamming", "asymmetric") if query.vector_code is None else ("asymmetric",):
        levels = real if distance == "asymmetric" else None
        first, second = (task_map(query, retrieval, task, "expected", "skip", levels) for task in CROSS_MODAL)
        found[distance] = first, second
    return found


def stored_set(method: ClosedFormMethod, side: Features, name: str) -> CodeSet:
    """Encode items as the encode stage does."""
    code, labels = method.vector_code(), (side["labels"] > 0).astype(np.uint8)
    ids = np.array([f"{name}/{row}" for row in range(len(labels))])
    bits = method.train_bits if code is None else code.bits
    real = (to_half(method.code_of(one, side[one])) for one in MODALITIES)
    image, text = (HashCodes(pack(one) if code is None else code.encode(one), bits, ids) for one in real)
    classes = np.array([str(c) for c in range(labels.shape[1])])
    has_text, has_labels = np.ones(len(ids), np.bool_), np.asarray(labels.any(axis=1))
    return CodeSet(image, text, labels, classes, has_text, has_labels, code)


if __name__ == "__main__":
    main()
