"""Figures that papers print, as package data with metric, protocol and source; shown, never compared."""

from __future__ import annotations

import csv
from collections.abc import Iterable
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


def published_tables(method: str, dataset: str | None = None) -> list[PublishedTable]:
    """Give a method's published figures, in the order of the file: on one data set, or on all of them."""
    name = METHODS.get(method, method)
    wanted = None if dataset is None else DATASETS.get(dataset, ())
    groups: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in _rows():
        if row["method"] == name and (wanted is None or row["dataset"] in wanted):
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
    """Read published.csv: method, dataset, bits, task, metric, value, backbone, protocol, source."""
    text = (files("crosshash.report") / "published.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
