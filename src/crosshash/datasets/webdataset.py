"""`webdataset`: shards of img2dataset and others, tar files with .jpg, .txt and .json of each item."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crosshash.datasets.containers.loose_values import in_order, labels_of, texts_of
from crosshash.datasets.containers.named_files import named_files
from crosshash.datasets.containers.tar_samples import Sample, read_samples
from crosshash.datasets.readers.given_folder import given_folder
from crosshash.datasets.readers.unread import unread_files
from crosshash.errors import CrosshashError
from crosshash.formats.pieces import Piece, Pieces
from crosshash.pairs.raw_record import describe_files
from crosshash.pairs.source import RawFile, RawItem, RawItems, SplitSizes
from crosshash.workers.progress import tracked

SIZES = SplitSizes(query=0.125, train=0.875)
AUTO, CAPTION = "auto", "caption"
STATS = "_stats.json"
"""What img2dataset writes beside a shard once it is finished (img2dataset 1.47, logger.write_stats)."""


@dataclass
class Found:
    """What has been found so far: items, where their pictures lie, and what is to be told."""

    items: list[RawItem] = field(default_factory=list)
    pictures: list[Piece] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    without: list[str] = field(default_factory=list)
    several: list[str] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)


def folder(raw: Path, path: str, shards: str, caption: str, labels: str | None) -> Path:
    """Give the user's folder; nothing of it is copied to `raw`.

    Raises:
        CrosshashError: it is not there, or no folder.
    """
    return given_folder("webdataset.path", path, "the .tar files of img2dataset")


def fetch(raw: Path, path: str, shards: str, caption: str, labels: str | None) -> list[RawFile]:
    """List the shards, and what img2dataset says of each."""
    place = folder(raw, path, shards, caption, labels)
    names = named_files(place, "webdataset.shards", shards)
    stats = (_stats_name(name) for name in names)
    return describe_files(place, [*names, *(name for name in stats if (place / name).is_file())])


def read(raw: Path, path: str, shards: str, caption: str, labels: str | None) -> RawItems:
    """Read texts and labels, and say where in the shards the pictures lie.

    The id of an item is the name of its shard without .tar, a slash, and its key.

    Raises:
        CrosshashError: a shard is missing, cut or holds other items than img2dataset says; a text is no
            text; no item has the key of the labels.
    """
    place = folder(raw, path, shards, caption, labels)
    names = named_files(place, "webdataset.shards", shards)
    found = Found()
    for name in tracked(names, len(names), "shards", "files"):
        samples = read_samples(place / name)
        _compare_stats(place / name, place / _stats_name(name), len(samples))
        for key, sample in samples.items():
            _take(found, place / name, f"{name.removesuffix('.tar')}/{key}", sample, caption, labels)
    if labels is not None and labels not in found.keys:
        known = ", ".join(sorted(found.keys)) or "none"
        raise CrosshashError(
            f"params.yaml: webdataset.labels: no .json in {place} has the key '{labels}'; found: {known}. "
            "Name one of these, or null for no labels."
        )
    classes = in_order(label for item in found.items for label in item.labels)
    warnings = (*_told(found), *_unfinished(place, names), *unread_files(place, []))
    return RawItems(tuple(found.items), classes, Pieces.of(found.pictures), warnings=warnings)


def _take(found: Found, shard: Path, name: str, sample: Sample, caption: str, labels: str | None) -> None:
    """Make an item of a sample with a picture."""
    facts = sample.facts or {}
    found.keys.update(facts)
    found.others.update(sample.others)
    if not sample.pictures:
        found.without.append(name)
        return
    if len(sample.pictures) > 1:
        found.several.append(name)
    key, text = (CAPTION, sample.text) if caption == AUTO else (caption, None)
    try:
        captions = texts_of(facts.get(key) if text is None else text)
        key = labels or ""
        item = RawItem(name, captions, labels_of(facts.get(key)))
    except ValueError as error:
        raise CrosshashError(
            f"{shard}: item {name.rpartition('/')[2]}: key '{key}' of its .json: {error}. Name another key "
            "in the section webdataset of params.yaml, or write the shard again."
        ) from None
    found.items.append(item)
    found.pictures.append(sample.pictures[0])


def _told(found: Found) -> Iterator[str]:
    """Say what was left out."""
    if found.without:
        yield f"{len(found.without)} items without a picture are left out, the first {found.without[0]}"
    if found.several:
        yield (
            f"{len(found.several)} items have more than one picture, the first {found.several[0]}; of each "
            "the first picture counts"
        )
    if found.others:
        endings = ", ".join(f".{ending} ({count})" for ending, count in sorted(found.others.items()))
        yield f"files in the shards that are not read, by ending: {endings}"


def _stats_name(shard: str) -> str:
    return shard.removesuffix(".tar") + STATS


def _compare_stats(shard: Path, stats: Path, count: int) -> None:
    """See that a shard holds as many items as img2dataset has put there.

    Raises:
        CrosshashError: it does not, or the file cannot be read.
    """
    try:
        said: Any = json.loads(stats.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError, RecursionError) as error:
        raise CrosshashError(f"{stats}: cannot be read ({error}). Delete it, or write it again.") from None
    successes = said.get("successes") if isinstance(said, dict) else None
    if successes is not None and successes != count:
        raise CrosshashError(
            f"{shard}: holds {count} items, {stats.name} says {successes}. Delete both and run img2dataset "
            "again with --incremental_mode incremental; where the shard was changed on purpose, delete "
            f"{stats.name} alone."
        )


def _unfinished(place: Path, names: Sequence[str]) -> Iterator[str]:
    """Name shards that img2dataset has not finished: others beside them have their statistics."""
    without = [name for name in names if not (place / _stats_name(name)).is_file()]
    if without and len(without) < len(names):
        yield (
            f"{len(without)} shards have no {STATS} beside them, as the others have: img2dataset may still "
            f"be writing them, or was stopped; the first {without[0]}"
        )
