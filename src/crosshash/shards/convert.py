"""From the items of a data set to the folder that all later stages read."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from crosshash.artifacts import write_json, write_npz
from crosshash.errors import CrosshashError
from crosshash.formats.stored_rows import StoredRows
from crosshash.formats.vector_rows import VectorRows
from crosshash.pairs.info import DatasetInfo, write_info
from crosshash.pairs.labels import label_matrix, mean_labels, sharing_chance
from crosshash.pairs.source import GivenSplit, RawItem, RawItems, SplitSizes
from crosshash.pairs.split import Split, given_split, make_split, write_split
from crosshash.pairs.split_file import read_split_file
from crosshash.pairs.table import PARTS, Pair, write_pairs
from crosshash.pairs.vocabulary import is_unspaced, most_frequent_words
from crosshash.shards.mat_triple import write_mat_triple

logger = logging.getLogger(__name__)


def choose_split(
    source: RawItems,
    protocol: SplitSizes,
    query: float | None,
    train: float | None,
    val: float,
    seed: int,
    file: str | None = None,
    left_out: Collection[str] = (),
) -> Split:
    """Settle the split: from `file`, else the publisher's own, else drawn by size.

    Only items with a text and with a label, where the data set has texts or labels at all, are queries or
    trained on.
    query, train: sizes instead of those of the protocol; with them the publisher's own split is not taken.
    left_out: ids of items dropped because of bad pictures, which a file may name.

    Raises:
        CrosshashError: fewer such items than asked for, or `file` does not fit the data set.
    """
    any_label = any(item.labels for item in source.items)
    any_text = any(_has_text(source, item) for item in source.items)
    may_be_chosen = {
        item.id: (_has_text(source, item) or not any_text) and bool(item.labels or not any_label)
        for item in source.items
    }
    ids = tuple(may_be_chosen)
    if file is not None:
        given = read_split_file(Path(file), may_be_chosen, left_out)
        return given_split(ids, given.query, given.train, given.val_query, val, seed)
    if source.official is not None and query is None and train is None:
        return _published_split(source.official, may_be_chosen, val, seed)
    sizes = SplitSizes(protocol.query if query is None else query, protocol.train if train is None else train)
    return make_split(ids, list(may_be_chosen.values()), sizes, val, seed)


def _published_split(official: GivenSplit, may_be_chosen: Mapping[str, bool], val: float, seed: int) -> Split:
    """Take the publisher's lists without the items that are not there or cannot be chosen."""
    parts = (official.query, official.train, official.val_query or ())
    query, train, val_query = ([item for item in part if may_be_chosen.get(item)] for part in parts)
    if query and train:
        given = None if official.val_query is None else val_query
        return given_split(tuple(may_be_chosen), query, train, given, val, seed)
    raise CrosshashError(
        f"{len(query)} queries and {len(train)} training items of the publisher's split have a text and a "
        "label; at least 1 of each is needed. Set split.query and split.train in params.yaml, or mend the "
        "files of the data set."
    )


def untrained_classes(source: RawItems, split: Split) -> list[str]:
    """List the classes without any item in train, each with how many items it has elsewhere."""
    trained = set(split.train)
    seen = {label for item in source.items if item.id in trained for label in item.labels}
    counts = Counter(label for item in source.items for label in item.labels if label not in seen)
    return [f"{name} ({counts[name]} items in all)" for name in source.classes if name not in seen]


def image_names(source: RawItems, raw: Path) -> list[str]:
    """Name each item's image by its path below `raw`, the raw files' folder, else (no file) by its id."""
    if isinstance(source.images, tuple):
        return [path.relative_to(raw).as_posix() for path in source.images]
    return [item.id for item in source.items]


def write_tables(
    folder: Path, dataset: str, source: RawItems, split: Split, vocabulary: int, raw: Path
) -> DatasetInfo:
    """Write everything but the shards: pair table, split, .mat triple, training labels, vocabulary, info.

    raw: the folder of the raw files, below which images are named.
    """
    _write_rows(folder, source, split, raw)
    write_split(folder, split)
    train = _training_items(source, split)
    labels = label_matrix([item.labels for item in train], source.classes)
    classes = np.array(source.classes, dtype=np.str_)
    write_npz(folder / "train_labels.npz", {"classes": classes, "labels": labels})
    words: Sequence[str] | None = source.vocabulary
    if words is None:
        words = most_frequent_words((caption for item in train for caption in item.captions), vocabulary)
        _tell_unspaced(source)
    write_json(folder / "vocabulary.json", {"words": words})
    info = _describe(dataset, source, {part: len(ids) for part, ids in _ids_by_part(split).items()})
    write_info(folder, info)
    return info


def _write_rows(folder: Path, source: RawItems, split: Split, raw: Path) -> None:
    """Write the pair table and the .mat triple, which have a row per item."""
    pairs = _pairs(source, split, raw)
    write_pairs(folder, pairs)
    write_mat_triple(folder, pairs, source.classes)


def _training_items(source: RawItems, split: Split) -> list[RawItem]:
    by_id = {item.id: item for item in source.items}
    return [by_id[item] for item in split.train]


def _pairs(source: RawItems, split: Split, raw: Path) -> list[Pair]:
    part_of = _parts(split)
    named = zip(source.items, image_names(source, raw), strict=True)
    return [Pair(item.id, image, item.captions, item.labels, part_of[item.id]) for item, image in named]


def _tell_unspaced(source: RawItems) -> None:
    """Say how many captions a bag of words does not read by words."""
    captions = [caption for item in source.items for caption in item.captions]
    unspaced = sum(map(is_unspaced, captions))
    if unspaced:
        logger.info(
            "%d of %d captions are in a script without blanks between words (Chinese, Japanese, Thai or "
            "another): a bag of words takes its characters for words",
            unspaced,
            len(captions),
        )


def _has_text(source: RawItems, item: RawItem) -> bool:
    return source.text is not None or bool(item.captions)


def _ids_by_part(split: Split) -> Mapping[str, Sequence[str]]:
    return dict(zip(PARTS, (split.query, split.train, split.val_query, split.rest()), strict=True))


def _parts(split: Split) -> dict[str, str]:
    return {item: part for part, ids in _ids_by_part(split).items() for item in ids}


def _describe(dataset: str, source: RawItems, sizes: Mapping[str, int]) -> DatasetInfo:
    counts = {part: sizes.get(part, 0) for part in PARTS}
    counts["unlabelled"] = sum(not item.labels for item in source.items)
    counts["captionless"] = sum(not _has_text(source, item) for item in source.items)
    vectors = source.images if isinstance(source.images, np.ndarray | VectorRows | StoredRows) else None
    labels = [item.labels for item in source.items]
    return DatasetInfo(
        dataset=dataset,
        image_kind="none" if source.images is None else "jpeg" if vectors is None else "vector",
        text_kind="caption" if source.text is None else "vector",
        image_dim=None if vectors is None else vectors.shape[1],
        text_dim=None if source.text is None else source.text.shape[1],
        classes=source.classes,
        counts=counts,
        chance=sharing_chance(labels, source.classes),
        mean_labels=mean_labels(labels),
    )
