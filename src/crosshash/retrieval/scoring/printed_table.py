"""Scores as the table that people read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from crosshash.retrieval.codefiles.codeset import TASKS
from crosshash.retrieval.measures.mean_ap import FIRST


def score_table(metrics: Mapping[str, Any]) -> Table:
    """Lay out what metrics.json, or the scoring of files, holds: a row per measure, chance and counts below.

    Average precisions have their 95 % intervals below them, as far as they are known. Of figures from before
    protocols had names, what they tell is shown.
    """
    tasks = {task: metrics[task] for task in TASKS if task in metrics}
    rules = ("protocol", "ties", "undefined")
    origin = [metrics[key] for key in ("method", "dataset") if key in metrics]
    conventions = [f"{key} {metrics[key]}" for key in rules if key in metrics]
    facts = [f"{name}: {value}" for name, value in _facts(metrics).items() if value is not None]
    table = Table(
        "",
        *tasks,
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),  # fits a terminal of 80 characters
        title=", ".join([*origin, f"{metrics['bits']} bits", *conventions]),
        caption=escape(", ".join(facts)),  # AP@50[min] is no markup
    )
    everything = metrics.get("measures") or {task: _of_metrics(scores) for task, scores in tasks.items()}
    for name in next(iter(everything.values()), {}):
        found = [everything[task][name] for task in tasks]
        mark = " *" if name == metrics.get("headline") else ""
        table.add_row(escape(name) + mark, *(f"{part['mean']:.4f}" for part in found))
        if name.startswith(("mAP", "AP")) and "low" in found[0]:
            table.add_row("  95 %", *(f"{part['low']:.3f}-{part['high']:.3f}" for part in found), style="dim")
        for cells in _asymmetric(metrics, name, tasks):
            table.add_row(*cells)
    for cells in _partner(metrics, tasks):
        table.add_row(*cells)
    return table


def _partner(metrics: Mapping[str, Any], tasks: Iterable[str]) -> Iterator[list[str]]:
    """Give the rows of the own partner beside labels, by Hamming and by asymmetric distance."""
    partner = metrics.get("partner")
    if not partner or metrics["base_rate"] is None:
        return
    for name in (name for name in partner["i2t"] if not name.endswith(("_low", "_high"))):
        for words, found in ((f"partner {name}", partner), ("  asymmetric", partner.get("asymmetric"))):
            if found:
                yield [words, *(f"{found[task][name]:.4f}" if task in found else "" for task in tasks)]


def _asymmetric(metrics: Mapping[str, Any], measure: str, tasks: Iterable[str]) -> Iterator[list[str]]:
    """Give the rows of a measure by asymmetric distance: below the one whose difference is known."""
    found = metrics.get("asymmetric") or {}
    parts = [found.get(task, {}) for task in tasks]
    if parts and all(f"{measure}_difference" in part for part in parts):
        yield ["  asymmetric", *(f"{part[measure]:.4f}" for part in parts)]
        ends = (f"{part['difference_low']:+.3f} {part['difference_high']:+.3f}" for part in parts)
        yield ["  less Hamming", *ends]


def _of_metrics(scores: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Take apart the flat figures of a task in metrics.json."""
    found = {name: {"mean": value} for name, value in scores.items() if name not in ("mAP_low", "mAP_high")}
    if {"mAP", "mAP_low", "mAP_high"} <= scores.keys():
        found["mAP"] |= {"low": scores["mAP_low"], "high": scores["mAP_high"]}
    return found


def _facts(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Give what stands below the table, by its words; None is left out."""
    among = f" among the first {FIRST}" if metrics.get("undefined") == "skip_without_hit" else ""
    return {
        "* compares methods": metrics.get("headline"),
        "chance": metrics["base_rate"],
        "mAP of the targets as codes": metrics.get("target_mAP"),
        f"queries without relevant item{among}": metrics["n_undefined"] or None,
        "items without label": metrics["n_unlabelled"] or None,
        "items without text": metrics["n_captionless"] or None,
    }
