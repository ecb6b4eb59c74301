"""A data set of vectors and captions with centres and plans, as the stages before training leave them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from crosshash.artifacts import write_json, write_npz
from crosshash.centers.center_book import CenterBook, write_centers
from crosshash.centers.transform import ridge_transform, write_transform
from crosshash.config.plans.encode import EncodePlan
from crosshash.config.plans.infer import InferPlan
from crosshash.config.plans.train import ModelPlan, TrainPlan
from crosshash.embeddings.frozen_encoders import save_encoders
from crosshash.embeddings.vectors import write_embeddings
from crosshash.pairs.info import DatasetInfo, write_info
from crosshash.pairs.labels import label_matrix
from crosshash.pairs.table import Pair, write_pairs
from crosshash.shards.item_files import Item
from crosshash.shards.tar_files import write_shards

DATA = Path("data/set")
CLASSES = ("cat", "dog", "owl")
BITS, SHORT = 16, 6
COUNTS = {"query": 6, "train": 36, "val": 6, "rest": 8}
WORDS = ["a", "cat", "dog", "owl", "small", "big"]


def book(bits: int, seed: int) -> CenterBook:
    generator = np.random.default_rng(seed)
    signs = generator.choice([-1, 1], (len(CLASSES) + 1, bits)).astype(np.int8)
    signs[:3, :3] = 2 * np.eye(3, dtype=np.int8) - 1  # so that no two are equal
    return CenterBook(signs[:3], np.array(CLASSES), signs[3])


def make_items(seed: int = 0) -> dict[str, list[Item]]:
    """Item n of class n mod 3, with two captions; the first of the rest has none, the second no label."""
    generator = np.random.default_rng(seed)
    middles = np.random.default_rng(99).normal(0, 2, (3, 5))
    parts: dict[str, list[Item]] = {}
    row = 0
    for part, count in COUNTS.items():
        parts[part] = []
        for place in range(count):
            name = CLASSES[row % 3]
            vector = (middles[row % 3] + generator.normal(0, 1, 5)).astype(np.float32)
            captions = () if (part, place) == ("rest", 0) else (f"a small {name}", f"a big {name}")
            labels = () if (part, place) == ("rest", 1) else (name,)
            parts[part].append(Item(row, f"{part}/{row}.jpg", vector, captions, None, labels))
            row += 1
    return parts


def write_set(parts: dict[str, list[Item]], labelled: bool = True) -> None:
    """Write data/set and the centres and transforms of artifacts below the working folder."""
    DATA.mkdir(parents=True)
    write_shards(DATA, parts, 0.05)
    classes: Sequence[str] = CLASSES if labelled else ()
    labels = label_matrix([item.labels if labelled else () for item in parts["train"]], classes)
    write_npz(DATA / "train_labels.npz", {"classes": np.array(classes, dtype=np.str_), "labels": labels})
    write_json(DATA / "vocabulary.json", {"words": WORDS})
    rows = [(one, part, one.labels if labelled else ()) for part, items in parts.items() for one in items]
    pairs = [Pair(one.id, one.id, one.captions, labels, part) for one, part, labels in rows]
    write_pairs(DATA, pairs)
    counts = {part: len(items) for part, items in parts.items()} | {"unlabelled": 1, "captionless": 1}
    write_info(DATA, DatasetInfo("set", "vector", "caption", 5, None, tuple(classes), counts, None))
    long, short = book(BITS, 1), book(SHORT, 2)
    write_centers(Path("artifacts/centers/long.npz"), long)
    write_centers(Path("artifacts/centers/short.npz"), short)
    write_transform(Path("artifacts/transform.npz"), ridge_transform(long, short, 1.0, True))
    write_npz(Path("artifacts/transform_training.npz"), {"used": np.array(False)})
    save_encoders(Path("artifacts/encoders"), {})
    write_embeddings(Path("artifacts/embeddings"), np.zeros(1, np.int64), [])


def write_plans(**changes: Any) -> None:  # noqa: ANN401
    """Write the plans of train, infer and encode; `changes` are fields of any of them."""
    train: dict[str, Any] = TrainPlan(
        method="twdh", supervised=True, train_bits=BITS,
        settings={"quan_weight": 0.5, "short_weight": 0.0},
        model=ModelPlan(image="auto", text="auto", pretrained=None, hidden=12, layers=1),
        epochs=3, batch=8, lr_head=0.01, lr_backbone=0.01, lr_text=1.0,
        optimizer="adamw", momentum=0.9, schedule="cosine", lr_end=0.0,
        weight_decay=0.2, warmup=0.1, clip_norm=1.0,
        precision="auto", caption="random", select="best", memory_mb=100.0, seed=0, device="cpu", threads=1,
    ).model_dump()  # fmt: skip
    infer = InferPlan(caption="first", batch=16, keep_gb=1.0, device="cpu", threads=1).model_dump()
    encode = EncodePlan(bits=SHORT, train_bits=BITS, significance=None).model_dump()
    Path("plan").mkdir(exist_ok=True)
    for name, plan in (("train", train), ("infer", infer), ("encode", encode)):
        plan |= {key: value for key, value in changes.items() if key in plan}
        Path(f"plan/{name}.yaml").write_text(yaml.safe_dump(plan))
