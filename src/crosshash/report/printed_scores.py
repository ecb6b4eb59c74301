"""Figures that papers print, as package data with metric, protocol and source.

Beside the scores of a run stand those alone whose metric, data set and length are its own.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib.resources import files

METHODS = {"twdh": "TwDH", "dcmht": "DCMHT", "scahn": "SCAHN", "hq": "HQ", "djsrh": "DJSRH"}
"""How the papers spell the methods."""

DATASETS = {
    "coco2017": ("MS-COCO",),
    "mirflickr25k": ("MIRFlickr-25K",),
    "nuswide": ("NUS-WIDE-21", "NUS-WIDE"),
    "nuswide10": ("NUS-WIDE-10",),
    "iaprtc12": ("IAPR TC-12",),
    "wikipedia": ("Wiki",),
}
"""How the papers spell the data sets; generated and own data are in no paper."""

NOTES = {
    "mAP@5000": "the released code averages over the first 5000 relevant items wherever they stand in the "
    "ranking: not a cut at rank 5000",
    "mAP@50": "the released code divides by the hits among the first 50, so that a late hit costs nothing",
}
"""What a metric means in the code behind the paper, where its name says something else."""

SAME_MEASURE = {
    "mAP@5000": "AP@5000[first]",
    "mAP@50": "AP@50[hits]",
    "mAP (caption: mAP; released code evaluates mAP@all)": "mAP",
}
"""Which measure of this project a printed metric is, by the code behind the paper; others are not known."""


@dataclass(frozen=True)
class PublishedTable:
    """Figures of one source under one metric, protocol and backbone.

    rows: data set, task, and one value per length of `bits` (as printed; empty where nothing is).
    """

    source: str
    metric: str
    note: str
    protocol: str
    backbone: str
    bits: tuple[int, ...]
    rows: tuple[tuple[str, str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Comparable:
    """Figures of one source with the metric, data set and length of a run; `values` by task, as printed."""

    source: str
    metric: str
    measure: str
    dataset: str
    protocol: str
    backbone: str
    values: dict[str, str]


def comparable_figures(method: str, dataset: str, bits: int, measures: Collection[str]) -> list[Comparable]:
    """Give a method's published figures on this data set, at this length, in one of these measures."""
    found: dict[tuple[str, ...], Comparable] = {}
    for row in _rows():
        ours = row["method"] == METHODS.get(method) and row["dataset"] in DATASETS.get(dataset, ())
        measure = SAME_MEASURE.get(row["metric"], "")
        if ours and int(row["bits"]) == bits and measure in measures:
            key = (row["source"], row["metric"], row["dataset"], row["protocol"], row["backbone"])
            fresh = Comparable(key[0], key[1], measure, key[2], key[3], key[4], {})
            found.setdefault(key, fresh).values[row["task"]] = row["value"]
    return list(found.values())


def published_tables(method: str) -> list[PublishedTable]:
    """Give a method's published figures, in the order of the file."""
    name = METHODS.get(method, method)
    groups: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in _rows():
        if row["method"] == name:
            key = (row["source"], row["metric"], row["protocol"], row["backbone"])
            groups.setdefault(key, []).append(row)
    return [_table(key, rows) for key, rows in groups.items()]


def _table(key: tuple[str, ...], rows: Iterable[dict[str, str]]) -> PublishedTable:
    source, metric, protocol, backbone = key
    values = {(row["dataset"], row["task"], int(row["bits"])): row["value"] for row in rows}
    bits = tuple(sorted({bits for _, _, bits in values}))
    datasets = list(dict.fromkeys(dataset for dataset, _, _ in values))
    lines = sorted({line[:2] for line in values}, key=lambda line: (datasets.index(line[0]), line[1]))
    return PublishedTable(
        source=source,
        metric=metric,
        note=NOTES.get(metric, ""),
        protocol=protocol,
        backbone=backbone,
        bits=bits,
        rows=tuple(
            (name, task, tuple(values.get((name, task, k), "") for k in bits)) for name, task in lines
        ),
    )


def _rows() -> list[dict[str, str]]:
    """Read printed_scores.csv: method, dataset, bits, task, metric, value, backbone, protocol, source."""
    text = (files("crosshash.report") / "printed_scores.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
