"""A small run, with every file that the report reads, in the formats of docs/architecture.md."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from PIL import Image

from crosshash.artifacts import read_json, write_json, write_npz
from crosshash.pairs.info import DatasetInfo, write_info
from crosshash.shards.item_files import Item
from crosshash.shards.tar_files import write_shards

BITS = 16
CLASSES = ("circle", "square", "star")
PARTS = {"query": 4, "train": 5, "val": 2, "rest": 3}
EVIL = "<script>alert('x')</script> \"quoted\" & <img src=http://example.org/x.png onerror=1>"
TASKS = ("i2t", "t2i", "i2i", "t2t")


def jpeg(colour: tuple[int, int, int], size: tuple[int, int] = (200, 100)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "JPEG")
    return buffer.getvalue()


def make_run(
    folder: Path,
    image_kind: str = "jpeg",
    labelled: bool = True,
    captions: dict[str, list[str]] | None = None,
    unlabelled: tuple[str, ...] = (),
    method: str = "twdh",
    dataset: str = "scenes",
    classes: tuple[str, ...] = CLASSES,
) -> Path:
    """Write a run's outputs into a folder and give it back."""
    classes = classes if labelled else ()
    items = _items(image_kind, classes, captions or {}, unlabelled)
    data = folder / "data" / dataset
    data.mkdir(parents=True)
    _write_data(data, items, image_kind, classes)
    _write_codes(folder / "artifacts/codes", items, classes)
    _write_statistics(folder)
    _write_scores(folder, items, labelled, method, dataset)
    _write_plans(folder / "plan", method, dataset)
    return folder


def _items(
    image_kind: str,
    classes: tuple[str, ...],
    captions: dict[str, list[str]],
    unlabelled: tuple[str, ...],
) -> dict[str, list[Item]]:
    """Item n is of class n mod C, of more than three of every third; its id and caption say its row."""
    items: dict[str, list[Item]] = {}
    row = 0
    for part, count in PARTS.items():
        for _ in range(count):
            name = f"{part}/{row}.jpg"
            image = jpeg((20 * row, 90, 120)) if image_kind == "jpeg" else np.full(4, row, np.float32)
            said = tuple(captions.get(name, [f"caption of {row}"]))
            labels = classes[row % 3 :: 3] if len(classes) > 3 else classes[row % max(1, len(classes)) :][:1]
            labels = () if name in unlabelled else labels
            items.setdefault(part, []).append(Item(row, name, image, said, None, labels))
            row += 1
    return items


def _write_data(data: Path, items: dict[str, list[Item]], image_kind: str, classes: tuple[str, ...]) -> None:
    write_shards(data, items, shard_mb=1)
    rows = [
        {"id": i.id, "image": i.id, "captions": list(i.captions), "labels": list(i.labels), "part": part}
        for part, many in items.items()
        for i in many
    ]
    pd.DataFrame(rows).to_parquet(data / "pairs.parquet", index=False)
    counts = {**PARTS, "unlabelled": 0 if classes else 14, "captionless": 0}
    dim = 4 if image_kind == "vector" else None
    info = DatasetInfo("scenes", image_kind, "caption", dim, None, classes, counts, 1 / 3)  # type: ignore[arg-type]
    write_info(data, info)


def _write_codes(folder: Path, items: dict[str, list[Item]], classes: tuple[str, ...]) -> None:
    """Item n has n ones in its image code, and one more in its text code."""
    for side, parts in (("query", ("query",)), ("retrieval", ("train", "val", "rest"))):
        many = [item for part in parts for item in items[part]]
        rows = np.array([item.row for item in many])
        image = np.arange(BITS) < rows[:, None]
        text = np.arange(BITS) < (rows + 1)[:, None]
        arrays = {
            "image": np.packbits(image, axis=1),
            "text": np.packbits(text, axis=1),
            "labels": np.array([[c in i.labels for c in classes] for i in many], np.uint8).reshape(
                len(many), len(classes)
            ),
            "ids": np.array([item.id for item in many]),
            "bits": np.array(BITS),
            "classes": np.array(classes, dtype=np.str_),
            "has_text": np.array([bool(item.captions) for item in many]),
            "has_labels": np.array([bool(item.labels) for item in many]),
        }
        write_npz(folder / f"{side}.npz", arrays)


def _write_statistics(root: Path) -> None:
    code = {"bits": 32, "classes": 3, "construction": "hadamard", "min_distance": 16, "mean_distance": 16.0}
    code |= {
        "best_known": 21,
        "bound": "Plotkin",
        "distinct_columns": 4,
        "constant_columns": 0,
        "antipodal_pairs": 0,
    }
    statistics = {
        "used": True,
        "long": code,
        "short": {**code, "bits": BITS, "min_distance": 6, "best_known": 8},
    }
    write_json(root / "artifacts/centers/statistics.json", statistics)
    ridge = {"centers_exact": 1.0, "flipped": {"0.1": 0.99, "0.2": 0.95}, "training_labels": 0.98}
    sgd = {"centers_exact": 0.5, "flipped": {"0.1": 0.9, "0.2": 0.8}, "training_labels": 0.85}
    write_json(root / "artifacts/transform_statistics.json", {"solver": "ridge", "ridge": ridge, "sgd": sgd})
    side = {"items": 10, "kind": "flat", "remark": "", "bytes": 200, "bytes_per_item": 20.0}
    index = {"bits": BITS, "image": side, "text": side, "search": {"kind": "flat", **_search()}}
    write_json(root / "artifacts/index/statistics.json", index)
    write_json(root / "artifacts/model/model.json", {"method": "twdh", "best_epoch": 3})
    for name, values in {
        "loss": (0.9, 0.5, 0.3),
        "quantisation": (0.2, 0.1, 0.1),
        "val_i2t": (0.4, 0.7, 0.8),
    }.items():
        path = root / "dvclive/plots/metrics" / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"step\t{path.stem}", *(f"{step}\t{value}" for step, value in enumerate(values, start=1))]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _search() -> dict[str, list[dict[str, object]]]:
    """What the index stage measures: its own index first, then approximate ones with more and more work."""
    points = [("flat", None, True, 1.0, 1.0)]
    points += [("ivf", probe, False, 0.5 + probe / 16, probe / 32) for probe in (1, 2, 4)]
    points += [("ivf", 64, False, 1.0, 1.0142)]
    found = [
        {"kind": kind, "setting": setting, "chosen": chosen, "recall@10": recall, "recall@100": recall - 0.1}
        | {"compared": compared}
        for kind, setting, chosen, recall, compared in points
    ]
    return {"t2i": found, "i2t": found}


def _write_scores(
    root: Path, items: dict[str, list[Item]], labelled: bool, method: str, dataset: str
) -> None:
    scores = {"mAP": (0.79, 0.8123, 0.83), "AP@50[hits]": (0.74, 0.75, 0.76), "P@100": (0.5, 0.6, 0.7)}
    scores |= {"AP@5000[first]": (0.71, 0.72, 0.73), "nDCG@1000": (0.8, 0.9, 1.0)}
    if not labelled:
        scores = {f"recall@{n}": (r - 0.1, r, r + 0.1) for n, r in ((1, 0.25), (5, 0.5), (10, 0.75))}
    tasks = TASKS if labelled else TASKS[:2]
    rows = [(task, name, mean, low, high) for task in tasks for name, (low, mean, high) in scores.items()]
    table = pd.DataFrame(rows, columns=["task", "measure", "mean", "low", "high"])
    table.to_csv(root / "artifacts/scores.csv", index=False)
    metrics = {"method": method, "dataset": dataset, "bits": BITS, "train_bits": 32, "n_query": 4}
    metrics |= {"n_retrieval": 10, "n_undefined": 0, "n_unlabelled": 0, "n_captionless": 0}
    metrics |= {"base_rate": 0.3333 if labelled else None, "ties": "expected", "undefined": "skip"}
    metrics |= {"protocol": "strict", "threads": 2, "headline": "mAP" if labelled else None}
    metrics |= {"target_mAP": 0.99, "train_bits_mAP": {"i2t": 0.88, "t2i": 0.88}}
    metrics |= {"significance": None, "rerank": None}
    means = {name: mean for name, (_, mean, _) in scores.items()}
    write_json(root / "metrics.json", {**metrics, **dict.fromkeys(tasks, means)})
    _write_plots(root / "plots", TASKS if labelled else ())
    measure = ["AP"] if labelled else ["recall@1", "recall@5", "recall@10"]
    lines = [
        (task, item.id, *[0.1 * (item.row + 1)] * len(measure)) for task in tasks for item in items["query"]
    ]
    frame = pd.DataFrame(lines, columns=["task", "id", *measure])
    frame.to_parquet(root / "artifacts/per_query.parquet", index=False)


def _write_plots(plots: Path, tasks: tuple[str, ...]) -> None:
    plots.mkdir()
    pr = [(task, recall, 1 - recall / 2) for task in tasks for recall in (0.0, 0.5, 1.0)]
    pd.DataFrame(pr, columns=["task", "recall", "precision"]).to_csv(plots / "pr.csv", index=False)
    ranks = [(task, n, n / 10, 1 - n / 20) for task in tasks for n in (1, 5, 10)]
    columns = ["task", "n", "recall", "precision"]
    pd.DataFrame(ranks, columns=columns).to_csv(plots / "pr_by_rank.csv", index=False)
    at_n = [(task, n, 1 / n) for task in tasks for n in (1, 2, 4, 10)]
    pd.DataFrame(at_n, columns=["task", "n", "precision"]).to_csv(plots / "precision_at_n.csv", index=False)
    (plots / "rerank.csv").write_text("task,r_h,AP@50[hits],mAP\n", encoding="utf-8")
    (plots / "significance.csv").write_text("bit,weights,activity,alignment,rank,kept\n", encoding="utf-8")


def _write_plans(folder: Path, method: str, dataset: str) -> None:
    folder.mkdir()
    report = {"method": method, "dataset": dataset, "bits": BITS, "train_bits": 32}
    report |= {"extremes": 1, "queries": 1, "top": 4}
    (folder / "report.yaml").write_text(yaml.safe_dump(report), encoding="utf-8")
    (folder / "train.yaml").write_text(json.dumps({"epochs": 8, "seed": 5}), encoding="utf-8")


def write_stages(folder: Path) -> None:
    """Add what methods leave that quantise, and those whose code is cut."""
    scores = {"mAP": 0.5, "AP@50[min]": 0.6, "AP@50[hits]": 0.7}
    ways = dict.fromkeys(("hash", "quantised", "real", "reranked"), scores)
    kept = {"mAP": 0.61, "random_mean": 0.52, "random_deviation": 0.0125}
    metrics = read_json(folder / "metrics.json")
    metrics["rerank"] = {"r_h": 4, "i2t": ways, "t2i": ways}
    metrics["significance"] = {"measure": "activity", "i2t": kept, "t2i": kept}
    write_json(folder / "metrics.json", metrics)
    lines = [
        "task,r_h,AP@50[hits],mAP",
        *(f"{task},{r_h},0.{r_h}5,0.5" for task in TASKS[:2] for r_h in (0, 4, 9)),
    ]
    (folder / "plots/rerank.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    lines = [
        "bit,weights,activity,alignment,rank,kept",
        "0,1,0.5,0.1,0,1",
        "1,0.5,0.3,0.2,1,1",
        "2,0.1,0.1,0.3,2,0",
    ]
    (folder / "plots/significance.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
