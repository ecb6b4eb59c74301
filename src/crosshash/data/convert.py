"""From the items of a data set to the folder that all later stages read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from crosshash.artifacts import write_json, write_npz
from crosshash.data.info import DatasetInfo, write_info
from crosshash.data.labels import label_matrix, sharing_chance
from crosshash.data.mat import write_mat_triple
from crosshash.data.pairs import PARTS, Pair, write_pairs
from crosshash.data.source import RawItem, RawItems, SplitSizes
from crosshash.data.split import Split, make_split, write_split
from crosshash.data.vocabulary import most_frequent_words


def choose_split(source: RawItems, sizes: SplitSizes, val: float, seed: int) -> Split:
    """Draw the split among the items with a text and, where the data set has labels at all, with a label.

    Raises:
        CrosshashError: fewer such items than asked for.
    """
    any_label = any(item.labels for item in source.items)
    eligible = [_has_text(source, item) and bool(item.labels or not any_label) for item in source.items]
    return make_split([item.id for item in source.items], eligible, sizes, val, seed)


def untrained_classes(source: RawItems, split: Split) -> list[str]:
    """List the classes without any item in train, each with how many items it has elsewhere."""
    trained = set(split.train)
    seen = {label for item in source.items if item.id in trained for label in item.labels}
    unseen = [name for name in source.classes if name not in seen]
    return [f"{name} ({sum(name in item.labels for item in source.items)} items in all)" for name in unseen]


def write_tables(folder: Path, dataset: str, source: RawItems, split: Split, vocabulary: int) -> DatasetInfo:
    """Write everything but the shards: pair table, split, .mat triple, training labels, vocabulary, info."""
    part_of = _parts(split)
    pairs = [Pair(item.id, item.id, item.captions, item.labels, part_of[item.id]) for item in source.items]
    write_pairs(folder, pairs)
    write_split(folder, split)
    write_mat_triple(folder, pairs, source.classes)
    by_id = {pair.id: pair for pair in pairs}
    train = [by_id[item] for item in split.train]
    labels = label_matrix([pair.labels for pair in train], source.classes)
    write_npz(
        folder / "train_labels.npz",
        {"classes": np.array(source.classes, dtype=np.str_), "labels": labels},
    )
    captions = [caption for pair in train for caption in pair.captions]
    write_json(folder / "vocabulary.json", most_frequent_words(captions, vocabulary))
    info = _describe(dataset, source, [part_of[item.id] for item in source.items])
    write_info(folder, info)
    return info


def _has_text(source: RawItems, item: RawItem) -> bool:
    return source.text is not None or bool(item.captions)


def _ids_by_part(split: Split) -> Mapping[str, Sequence[str]]:
    return dict(zip(PARTS, (split.query, split.train, split.val_query, split.rest()), strict=True))


def _parts(split: Split) -> dict[str, str]:
    return {item: part for part, ids in _ids_by_part(split).items() for item in ids}


def _describe(dataset: str, source: RawItems, parts: Sequence[str]) -> DatasetInfo:
    counts = {part: parts.count(part) for part in PARTS}
    counts["unlabelled"] = sum(not item.labels for item in source.items)
    counts["captionless"] = sum(not _has_text(source, item) for item in source.items)
    vectors = isinstance(source.images, np.ndarray)
    return DatasetInfo(
        dataset=dataset,
        image_kind="vector" if vectors else "jpeg",
        text_kind="caption" if source.text is None else "vector",
        image_dim=source.images.shape[1] if isinstance(source.images, np.ndarray) else None,
        text_dim=None if source.text is None else source.text.shape[1],
        classes=source.classes,
        counts=counts,
        chance=sharing_chance(label_matrix([item.labels for item in source.items], source.classes)),
    )
