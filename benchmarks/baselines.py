"""What closed forms reach, by how their values are stored: float, signs, product-quantised, RaBitQ.

python -m benchmarks.baselines [FEATURES] [--bits 16 32 64] [--seeds 3] [--methods cca ridge]

FEATURES is a folder with features.npz and pairs.csv. Bytes are those of one item and one modality. Rotations
change no inner product, so that `float` is the bound of all quantisers at once; `asymmetric` is a real query
against stored signs. PQ has words of 8 values, RaBitQ is FAISS's; both are fitted to the searched items.
Penalties are chosen by the validation pairs, for each seed.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.runs import ROOT, convert
from crosshash.codes.hashcodes import pack
from crosshash.config.params import load_params
from crosshash.config.resolve import resolve
from crosshash.inference.model_folder import ModelCard, build_method
from crosshash.models.closed_form import ClosedFormMethod, Features, Seen, joined
from crosshash.models.towers import Tower, build_towers
from crosshash.pairs.info import read_info
from crosshash.protocols import PairBatch
from crosshash.retrieval.measures.average_precision import AP
from crosshash.retrieval.measures.mean_ap import mean_average_precision
from crosshash.retrieval.ranking.score_ranking import rank_by_score
from crosshash.shards.training_batches import Reading, open_batches
from crosshash.training.closed_form import choose
from crosshash.training.inputs import settle_specs

TASKS = {"i2t": ("image", "text"), "t2i": ("text", "image")}
DATA = Path("data/features")
WORD = 8  # values in a word of PQ
WORDS = 256  # which take a byte each, and as many items to be found
Rows = NDArray[np.float32]
Scores = tuple[float, float]


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description="Closed forms and how they are stored.")
    parser.add_argument("features", nargs="?", type=Path, default=ROOT / "examples" / "features")
    parser.add_argument("--bits", type=int, nargs="*", default=[16, 32, 64])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", nargs="*", default=["cca", "ridge"])
    asked = parser.parse_args()
    print("| method | dimensions | stored as | bytes | i2t | t2i |\n|---|--:|---|--:|--:|--:|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        convert(project, ["dataset=features", f"features.path={asked.features.resolve()}"])
        for method in asked.methods:
            print_method(project, method, asked.bits, asked.seeds)


def print_method(project: Path, name: str, lengths: Sequence[int], seeds: int) -> None:
    """Look at the pairs once, then print the means over the seeds for each length."""
    towers, cards = described(project, name)
    parts = {part: list(batches(project, part, towers)) for part in ("train", "val", "query")}
    method = built(cards, towers, lengths[0], "itq")
    seen = method.look_at(parts["train"])
    sides = {part: joined([method.features(one) for one in found]) for part, found in parts.items()}
    sides["retrieval"] = joined([sides["train"], sides["val"]])
    for bits in lengths:
        found: dict[tuple[str, float], list[Scores]] = {}
        for seed in range(seeds):
            for quantiser in ("rotation", "itq"):
                model = fitted(built(cards, towers, bits, quantiser), seen, sides["val"], name, seed)
                found.setdefault((f"signs, {quantiser}", bits / 8), []).append(hamming(model, sides))
            for stored, size, scorer in ways(bits, len(sides["retrieval"]["image"])):
                found.setdefault((stored, size), []).append(real(model, sides, scorer))
        for (stored, size), values in found.items():
            means = (f"{statistics.mean(column):.3f}" for column in zip(*values, strict=True))
            print(f"| {name} | {bits} | {stored} | {size:g} | " + " | ".join(means) + " |", flush=True)


def described(project: Path, name: str) -> tuple[tuple[Tower, Tower], ModelCard]:
    """Settle the networks, vectors and words themselves, as the stages do."""
    params = load_params(project / "params.yaml").model_copy(update={"method": name})
    plan = resolve(params)["train"]
    image, text = settle_specs(plan, read_info(project / DATA), project / DATA)  # type: ignore[arg-type]
    settings = params.method_section.model_dump()
    return build_towers(image, text), ModelCard(name, params.bits, settings, image, text, 0)


def batches(project: Path, part: str, towers: tuple[Tower, Tower]) -> Iterator[PairBatch]:
    """Give a part's items, each with its first caption."""
    info = read_info(project / DATA)
    reading = Reading(info.classes, towers[0].prepare, towers[1].prepare, 256, 0, "first")
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


def hamming(method: ClosedFormMethod, sides: dict[str, Features]) -> Scores:
    """Score the hash codes."""
    labels = [(sides[side]["labels"] > 0).astype(np.uint8) for side in ("query", "retrieval")]
    first, second = (
        mean_average_precision(
            pack(method.code_of(asking, sides["query"][asking])),
            pack(method.code_of(answering, sides["retrieval"][answering])),
            *labels,
        )
        for asking, answering in TASKS.values()
    )
    return first, second


def real(
    method: ClosedFormMethod, sides: dict[str, Features], scorer: Callable[[Rows, Rows], Rows]
) -> Scores:
    """Score values before the sign, items stored in one of the ways."""
    relevant = sides["query"]["labels"] @ sides["retrieval"]["labels"].T > 0
    means = []
    for asking, answering in TASKS.values():
        query = method.code_of(asking, sides["query"][asking])
        items = method.code_of(answering, sides["retrieval"][answering])
        ranking = rank_by_score(scorer(query, items), relevant, "expected")
        means.append(float(AP()(ranking.take(ranking.all_relevant > 0)).mean()))
    return means[0], means[1]


def ways(bits: int, items: int) -> Iterator[tuple[str, float, Callable[[Rows, Rows], Rows]]]:
    """Name the ways of storing values, with bytes per item, and scores of queries and items."""
    yield "float", 4.0 * bits, exact
    yield "signs, itq, asymmetric", bits / 8, asymmetric
    if items >= WORDS:
        yield "PQ", bits / WORD, product_quantised
    yield "RaBitQ", float(faiss.IndexRaBitQ(bits).code_size), rabitq


def exact(query: Rows, items: Rows) -> Rows:
    """Inner products of real vectors."""
    return query @ items.T


def asymmetric(query: Rows, items: Rows) -> Rows:
    """Inner products of real queries and signs."""
    return query @ np.where(items >= 0, 1, -1).astype(np.float32).T


def product_quantised(query: Rows, items: Rows) -> Rows:
    """Inner products of real queries and the words of items."""
    index = faiss.IndexPQ(items.shape[1], items.shape[1] // WORD, 8, faiss.METRIC_INNER_PRODUCT)
    index.train(items)
    index.add(items)
    return exact(query, index.reconstruct_n(0, len(items)))


def rabitq(query: Rows, items: Rows) -> Rows:
    """Inner products as RaBitQ estimates them."""
    index = faiss.IndexRaBitQ(items.shape[1], faiss.METRIC_INNER_PRODUCT)
    index.train(items)
    index.add(items)
    values, rows = index.search(query, len(items))
    scores = np.empty_like(values)
    np.put_along_axis(scores, rows, values, axis=1)
    return scores


if __name__ == "__main__":
    main()
