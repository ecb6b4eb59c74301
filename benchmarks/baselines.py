"""What closed forms reach, by how their values are stored: float, signs, product-quantised, RaBitQ.

python -m benchmarks.baselines [FEATURES] [--bits 16 32 64] [--seeds 3] [--methods cca ridge] [-S key=value]

FEATURES is a folder with features.npz and pairs.csv. Bytes are those of one item and one modality. Rotations
change no inner product, so that `float` is the bound of all quantisers at once; `asymmetric` is a real query
against stored signs. PQ has words of 8 values, RaBitQ is FAISS's; both are fitted to the searched items.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.runs import ROOT, convert, train_and_score
from crosshash.inference.model_folder import load_model
from crosshash.pairs.info import read_info
from crosshash.pairs.labels import label_matrix
from crosshash.retrieval.measures.average_precision import AP
from crosshash.retrieval.ranking.score_ranking import rank_by_score
from crosshash.shards.prepared import prepared
from crosshash.shards.tar_files import read_items

TASKS = {"i2t": ("image", "text"), "t2i": ("text", "image")}
DATA = Path("data/features")
WORD = 8  # values in a word of PQ, whose 256 words take a byte
Rows = NDArray[np.float32]
Side = dict[str, NDArray[np.generic]]


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description="Closed forms and how they are stored.")
    parser.add_argument("features", nargs="?", type=Path, default=ROOT / "examples" / "features")
    parser.add_argument("--bits", type=int, nargs="*", default=[16, 32, 64])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", nargs="*", default=["cca", "ridge"])
    parser.add_argument("-S", dest="settings", action="append", default=[], metavar="key=value")
    asked = parser.parse_args()
    settings = ["dataset=features", f"features.path={asked.features.resolve()}", *asked.settings]
    print("| method | dimensions | stored as | bytes | i2t | t2i |\n|---|--:|---|--:|--:|--:|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        convert(project, settings)
        for method in asked.methods:
            for bits in asked.bits:
                own = [*settings, f"method={method}", f"bits={bits}", "evaluate.bootstrap=1"]
                print_rows(project, method, bits, own, asked.seeds)


def print_rows(project: Path, method: str, bits: int, settings: list[str], seeds: int) -> None:
    """Fit with each seed and quantiser, and print the means."""
    found: dict[tuple[str, float], list[tuple[float, float]]] = {}
    for seed in range(seeds):
        for quantiser in ("rotation", "itq"):
            run = train_and_score(project, (), [*settings, f"seed={seed}", f"{method}.quantiser={quantiser}"])
            scores = run.metrics["i2t"]["mAP"], run.metrics["t2i"]["mAP"]
            found.setdefault((f"signs, {quantiser}", bits / 8), []).append(scores)
        for name, size, scores in real_scores(project, bits):
            found.setdefault((name, size), []).append(scores)
    for (name, size), values in found.items():
        means = (f"{statistics.mean(column):.3f}" for column in zip(*values, strict=True))
        print(f"| {method} | {bits} | {name} | {size:g} | " + " | ".join(means) + " |", flush=True)


def real_scores(project: Path, bits: int) -> Iterator[tuple[str, float, tuple[float, float]]]:
    """Score the last model's values before the sign, by ways of storing those of the searched items."""
    query, retrieval = sides(project, ("query",)), sides(project, ("train", "val", "rest"))
    relevant = query["labels"] @ retrieval["labels"].T > 0
    for name, size, scorer in (
        ("float", 4.0 * bits, exact),
        ("signs, asymmetric", bits / 8, asymmetric),
        ("PQ", bits / WORD, product_quantised),
        ("RaBitQ", float(faiss.IndexRaBitQ(bits).code_size), rabitq),
    ):
        means = []
        for asking, answering in TASKS.values():
            ranking = rank_by_score(scorer(query[asking], retrieval[answering]), relevant, "expected")
            means.append(float(AP()(ranking.take(ranking.all_relevant > 0)).mean()))
        yield name, size, (means[0], means[1])


def sides(project: Path, parts: tuple[str, ...]) -> Side:
    """Give the values before the sign, float32[N, K], and labels of some parts."""
    model, classes = load_model(project / "artifacts/model"), read_info(project / DATA).classes
    counts = read_info(project / DATA).counts
    items = [
        item
        for part in parts
        if counts[part]
        for item in prepared(read_items(project / DATA, part), model.prepare_image, model.prepare_text)
    ]
    with torch.no_grad():
        image = model.method.encode_image(torch.from_numpy(np.stack([item.image for item in items])))
        text = model.method.encode_text(torch.from_numpy(np.stack([item.texts[0] for item in items])))
    labels = label_matrix([item.labels for item in items], classes).astype(np.int64)
    return {"image": image.numpy(), "text": text.numpy(), "labels": labels}


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
