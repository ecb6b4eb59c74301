"""Figures of scores: mAP of each task beside its bounds, and of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup

from crosshash.report.classes import ClassScore
from crosshash.report.figures.canvas import INK, MARKERS, SERIES, SIZE, canvas, svg
from crosshash.retrieval.codefiles.codeset import CROSS_MODAL

NAMED_CLASSES = 30
"""With more classes their names no longer fit beside the points."""

Interval = tuple[float, float, float]
"""Lower end, score, upper end."""


def score_intervals(
    scores: Mapping[str, Interval], chance: float, others: Mapping[str, Mapping[str, float]]
) -> Markup:
    """Draw mAP and its interval for each task, on a scale from 0 to 1 with chance.

    others: further scores by what they are called, then by task.
    """
    tasks = list(scores)
    with canvas((SIZE[0], 0.9 + 0.42 * len(tasks))) as (figure, axes):
        axes.axvline(chance, color=INK, linewidth=1, alpha=0.6, label="chance")
        for (label, values), marker, colour in zip(others.items(), "|x", SERIES[1::2], strict=False):
            places = [tasks.index(task) for task in values]
            axes.plot(list(values.values()), places, marker, color=colour, label=label, markersize=9, mew=1.6)
        low, middle, high = np.array(list(scores.values())).T
        errors = [middle - low, high - middle]
        axes.errorbar(
            middle,
            range(len(tasks)),
            xerr=errors,
            fmt="o",
            color=SERIES[0],
            markersize=5,
            capsize=4,
            label="codes, 95 % interval",
        )
        axes.set(xlim=(0, 1.01), ylim=(len(tasks) - 0.4, -0.6), yticks=range(len(tasks)), yticklabels=tasks)
        axes.set_xlabel("mAP over the whole retrieval set")
        axes.grid(visible=False, axis="y")
        figure.legend(loc="outside upper left", ncols=2)
        words = ", ".join(f"{task} {score:.3f}" for task, (_, score, _) in scores.items())
        return svg(figure, "scores", f"mAP with its 95 % interval: {words}; chance {chance:.3f}")


def class_figure(classes: Sequence[ClassScore]) -> Markup:
    """Draw the mAP of each class beside its chance: by name, or by rank where there are many."""
    return _named_classes(classes) if len(classes) <= NAMED_CLASSES else _many_classes(classes)


def _named_classes(classes: Sequence[ClassScore]) -> Markup:
    places = np.arange(len(classes))
    with canvas((SIZE[0], 1.2 + 0.22 * len(classes))) as (figure, axes):
        axes.plot(_chances(classes), places, "|", color=INK, alpha=0.6, markersize=9, label="chance")
        for task, colour, marker in zip(CROSS_MODAL, SERIES, MARKERS, strict=False):
            axes.plot(_scores(classes, task), places, marker, color=colour, label=task, markersize=5)
        names = [one.name if len(one.name) <= 24 else one.name[:23] + "…" for one in classes]
        axes.set(yticks=places, ylim=(len(classes) - 0.4, -0.6), xlim=(0, 1.01))
        axes.set_yticklabels([name.replace("$", r"\$") for name in names])  # no formula
        axes.set_xlabel("mAP over the queries of the class")
        figure.legend(loc="outside upper left", ncols=3)
        return svg(
            figure, "classes", "mAP of the queries of each class, beside chance; the table has the figures"
        )


def _many_classes(classes: Sequence[ClassScore]) -> Markup:
    places = np.arange(1, len(classes) + 1)
    with canvas() as (figure, axes):
        axes.plot(places, _chances(classes), "-", color=INK, alpha=0.6, linewidth=1, label="chance")
        for task, colour, marker in zip(CROSS_MODAL, SERIES, MARKERS, strict=False):
            axes.plot(places, _scores(classes, task), marker, color=colour, label=task, markersize=2)
        axes.set(ylim=(0, 1.03), xlabel="class, best first", ylabel="mAP of its queries")
        figure.legend(loc="outside upper left", ncols=3)
        return svg(figure, "classes", f"mAP of {len(classes)} classes, best first, beside chance")


def _scores(classes: Sequence[ClassScore], task: str) -> list[float]:
    return [np.nan if (score := one.mean_ap[task]) is None else score for one in classes]


def _chances(classes: Sequence[ClassScore]) -> list[float]:
    return [np.nan if one.chance is None else one.chance for one in classes]
