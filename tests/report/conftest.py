"""A small run, with every file that the report reads, in the formats of docs/architecture.md."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from crosshash.artifacts import write_json, write_npz
from crosshash.data.info import DatasetInfo, write_info
from crosshash.data.shards import Item, write_shards

BITS = 12
CLASSES = ("circle", "square", "star")
PARTS = {"query": 4, "train": 5, "val": 2, "rest": 3}
TASKS = ("i2t", "t2i", "i2i", "t2t")


def jpeg(colour: tuple[int, int, int], size: tuple[int, int] = (200, 100)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def write_run(tmp_path: Path) -> Callable[..., Path]:
    """Give a function that writes a run's outputs and returns its folder."""

    def write(
        image_kind: str = "jpeg",
        labelled: bool = True,
        captions: dict[str, list[str]] | None = None,
        unlabelled: tuple[str, ...] = (),
        method: str = "twdh",
        dataset: str = "scenes",
    ) -> Path:
        items = _items(image_kind, labelled, captions or {}, unlabelled)
        data = tmp_path / "data" / dataset
        data.mkdir(parents=True)
        _write_data(data, items, image_kind, labelled)
        _write_codes(tmp_path / "artifacts/codes", items, labelled)
        _write_statistics(tmp_path)
        _write_scores(tmp_path, items, labelled, method, dataset)
        _write_plans(tmp_path / "plan", method, dataset)
        return tmp_path

    return write


def _items(
    image_kind: str, labelled: bool, captions: dict[str, list[str]], unlabelled: tuple[str, ...]
) -> dict[str, list[Item]]:
    """Item n is of class n mod 3; its id and caption say its row."""
    items: dict[str, list[Item]] = {}
    row = 0
    for part, count in PARTS.items():
        for _ in range(count):
            name = f"{part}/{row}.jpg"
            image = jpeg((20 * row, 90, 120)) if image_kind == "jpeg" else np.full(4, row, np.float32)
            said = tuple(captions.get(name, [f"caption of {row}"]))
            labels = (CLASSES[row % 3],) if labelled and name not in unlabelled else ()
            items.setdefault(part, []).append(Item(row, name, image, said, None, labels))
            row += 1
    return items


def _write_data(data: Path, items: dict[str, list[Item]], image_kind: str, labelled: bool) -> None:
    write_shards(data, items, shard_mb=1)
    rows = [
        {"id": i.id, "image": i.id, "captions": list(i.captions), "labels": list(i.labels), "part": part}
        for part, many in items.items()
        for i in many
    ]
    pd.DataFrame(rows).to_parquet(data / "pairs.parquet", index=False)
    counts = {**PARTS, "unlabelled": 0 if labelled else 14, "captionless": 0}
    dim = 4 if image_kind == "vector" else None
    classes = CLASSES if labelled else ()
    info = DatasetInfo("scenes", image_kind, "caption", dim, None, classes, counts, 1 / 3)  # type: ignore[arg-type]
    write_info(data, info)


def _write_codes(folder: Path, items: dict[str, list[Item]], labelled: bool) -> None:
    """Item n has n mod 12 ones in its image code, and one more in its text code."""
    classes = CLASSES if labelled else ()
    for side, parts in (("query", ("query",)), ("retrieval", ("train", "val", "rest"))):
        many = [item for part in parts for item in items[part]]
        rows = np.array([item.row for item in many])
        image = np.arange(BITS) < (rows % BITS)[:, None]
        text = np.arange(BITS) < (rows % BITS + 1)[:, None]
        arrays = {
            "image": np.packbits(image, axis=1),
            "text": np.packbits(text, axis=1),
            "labels": np.array([[c in i.labels for c in classes] for i in many], np.uint8),
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
    side = {"items": 10, "bytes": 200, "bytes_per_item": 20.0, "distinct_codes": 7}
    image, text = (
        {**side, "bit_balance": [level / BITS for level in range(low, low + BITS)]} for low in (0, 1)
    )
    write_json(root / "artifacts/index/statistics.json", {"bits": BITS, "image": image, "text": text})
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


def _write_scores(
    root: Path, items: dict[str, list[Item]], labelled: bool, method: str, dataset: str
) -> None:
    scores = {"mAP": 0.8123, "mAP_low": 0.79, "mAP_high": 0.83}
    scores |= {"AP@50[min]": 0.7, "AP@50[hits]": 0.75, "P@100": 0.6, "nDCG@1000": 0.9}
    if not labelled:
        scores = {"recall@1": 0.25, "recall@5": 0.5, "recall@10": 0.75}
    metrics = {"method": method, "dataset": dataset, "bits": BITS, "train_bits": 32, "n_query": 4}
    metrics |= {"n_retrieval": 10, "n_undefined": 0, "n_unlabelled": 0, "n_captionless": 0}
    metrics |= {"base_rate": 0.3333 if labelled else None, "ties": "expected"}
    metrics |= {"target_mAP": 0.99, "train_bits_mAP": dict.fromkeys(TASKS, 0.88)}
    write_json(root / "metrics.json", {**metrics, **dict.fromkeys(TASKS if labelled else TASKS[:2], scores)})
    plots = root / "plots"
    plots.mkdir()
    tasks = TASKS if labelled else ()
    pr = [(task, recall, 1 - recall / 2) for task in tasks for recall in (0.0, 0.5, 1.0)]
    pd.DataFrame(pr, columns=["task", "recall", "precision"]).to_csv(plots / "pr.csv", index=False)
    at_n = [(task, n, 1 / n) for task in tasks for n in (1, 2, 4, 10)]
    pd.DataFrame(at_n, columns=["task", "n", "precision"]).to_csv(plots / "precision_at_n.csv", index=False)
    rows = [(task, item.id, 0.1 * (item.row + 1)) for task in tasks for item in items["query"]]
    frame = pd.DataFrame(rows, columns=["task", "id", "AP"])
    frame.to_parquet(root / "artifacts/per_query.parquet", index=False)


def _write_plans(folder: Path, method: str, dataset: str) -> None:
    folder.mkdir()
    report = {"method": method, "dataset": dataset, "bits": BITS, "train_bits": 32, "queries": 3, "top": 4}
    (folder / "report.yaml").write_text(yaml.safe_dump(report), encoding="utf-8")
    (folder / "train.yaml").write_text(json.dumps({"epochs": 8}), encoding="utf-8")
