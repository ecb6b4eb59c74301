"""All figures of a run by name; those without numbers behind them are absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from crosshash.report.classes import ClassScore
from crosshash.report.code_statistics import CodeStatistics
from crosshash.report.figures.codes import bit_balance, correlation_map, distance_histogram
from crosshash.report.figures.curves import pr_curve, precision_curve, training_curves
from crosshash.report.figures.scores import class_figure, score_intervals
from crosshash.report.figures.search import bit_significance, recall_against_work, two_stages
from crosshash.report.pair_distances import PairDistances
from crosshash.report.results import Results
from crosshash.report.score_table import ScoreRow
from crosshash.retrieval.codefiles.codeset import TASKS

VALIDATION = "val_"
"""How names of validation scores begin among the training curves; the others are terms of the loss."""

MAPPED_BITS = 128
"""Longer codes have no map of correlations: its cells would be smaller than a pixel."""

SEARCH_RECALL = "recall@100"

Figures = dict[str, Markup]


def score_figures(results: Results, rows: Sequence[ScoreRow]) -> Figures:
    """Draw mAP with its intervals, and the curves of retrieval; none without labels."""
    scores = next((row.scores for row in rows if row.measure == "mAP"), None)
    chance = results.metrics["base_rate"]
    if scores is None or chance is None:
        return {}
    bounds = {
        "training targets as codes": "target_mAP",
        f"{results.metrics['train_bits']}-bit codes": "train_bits_mAP",
    }
    others = {label: _by_task(results.metrics[key], scores) for label, key in bounds.items()}
    drawn = {
        "scores": score_intervals(
            scores, chance, {label: values for label, values in others.items() if values}
        ),
        "pr_by_rank": pr_curve(results.plots["pr_by_rank"], chance, "rank"),
        "precision": precision_curve(results.plots["precision_at_n"], chance),
    }
    if len(results.plots["pr"]):  # vectors know no radius
        drawn["pr"] = pr_curve(results.plots["pr"], chance, "radius")
    return drawn


def training_figures(results: Results) -> Figures:
    """Draw the terms of the loss and the validation scores by epoch, or by the number of a tried penalty."""
    curves = {name: points for name, points in results.curves.items() if points}
    losses = {name: curves[name] for name in sorted(curves, key=lambda name: name != "loss")}
    losses = {name: points for name, points in losses.items() if not name.startswith(VALIDATION)}
    scores = {name.removeprefix(VALIDATION): curves[name] for name in curves if name.startswith(VALIDATION)}
    kept = results.model.get("best_epoch")
    drawn = {}
    step, loss = ("penalty tried", "cost of the sign") if results.solved else ("epoch", "training loss")
    if losses:
        drawn["loss"] = training_curves(losses, loss, "loss", share=False, step=step)
    if scores:
        drawn["validation"] = training_curves(
            scores, "validation mAP", "validation", share=True, kept=kept, step=step
        )
    return drawn


def code_figures(
    codes: Mapping[str, CodeStatistics], pairs: Mapping[str, PairDistances], by_labels: bool
) -> Figures:
    """Draw the balance and correlation of the bits, and the distances of pairs."""
    drawn = {"balance": bit_balance(codes["images"].balance, codes["texts"].balance)}
    for label, statistics in codes.items():
        if 2 <= len(statistics.correlation) <= MAPPED_BITS:
            drawn[f"correlation_{label}"] = correlation_map(statistics.correlation, label)
    labels = ("relevant", "other") if by_labels else ("own partner", "other")
    for task, found in pairs.items():
        drawn[f"distances_{task}"] = distance_histogram(found, task, labels)
    return drawn


def search_figures(results: Results) -> Figures:
    """Draw recall against work, a second stage, and the choice of bits, where the run has them."""
    drawn = {
        f"search_{task}": recall_against_work(settings, task, SEARCH_RECALL)
        for task, settings in search_settings(results).items()
    }
    if results.metrics["rerank"]:
        drawn["rerank"] = two_stages(results.plots["rerank"], results.metrics["rerank"])
    if results.metrics["significance"]:
        drawn["significance"] = bit_significance(results.plots["significance"])
    return drawn


def class_figures(classes: Sequence[ClassScore]) -> Figures:
    """Draw the classes, if there are any."""
    return {"classes": class_figure(classes)} if classes else {}


def search_settings(results: Results) -> dict[str, list[dict[str, Any]]]:
    """Give the settings of approximate search that the index stage measured, by task."""
    measured = results.index["search"]
    return {task: measured[task] for task in TASKS if task in measured}


def _by_task(value: Mapping[str, float] | float | None, tasks: Mapping[str, object]) -> dict[str, float]:
    """Spread a figure that is one for all tasks, or one for some of them."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return {task: value[task] for task in tasks if task in value}
    return dict.fromkeys(tasks, value)
