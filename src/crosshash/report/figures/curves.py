"""Curves of retrieval and of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from crosshash.report.figures.canvas import DASHES, INK, SERIES, canvas, svg
from crosshash.retrieval.codefiles.codeset import TASKS

Points = Sequence[tuple[int, float]]


def pr_curve(pr: pd.DataFrame, chance: float | None, by: str) -> Markup:
    """Draw precision over recall (columns task, recall, precision) beside chance.

    by: what a point stands for, `radius` or `rank`.
    """
    with canvas() as (figure, axes):
        _plot_precision(axes, pr, "recall", chance)
        axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.03))
        figure.legend(loc="outside upper left", ncols=5)
        return svg(figure, f"pr-{by}", f"Precision over recall by {by}, for each task, beside chance")


def precision_curve(precision: pd.DataFrame, chance: float | None) -> Markup:
    """Draw precision among the first n (columns task, n, precision) beside chance."""
    with canvas() as (figure, axes):
        _plot_precision(axes, precision, "n", chance)
        axes.set(xlabel="n, items looked at", ylabel="precision among the first n")
        axes.set(xscale="log", ylim=(0, 1.03))
        axes.xaxis.set_major_formatter("{x:g}")
        figure.legend(loc="outside upper left", ncols=5)
        return svg(figure, "precision", "Precision among the first n items, for each task, beside chance")


def _plot_precision(axes: Axes, table: pd.DataFrame, over: str, chance: float | None) -> None:
    """Draw the column precision over another one, a line for each task, beside chance."""
    for task, colour, dash in zip(TASKS, SERIES, DASHES, strict=True):
        curve = table[table["task"] == task]
        axes.plot(curve[over], curve["precision"], dash, color=colour, label=task)
    if chance is not None:
        axes.axhline(chance, color=INK, linewidth=1, alpha=0.6, label="chance")


def training_curves(
    curves: Mapping[str, Points],
    ylabel: str,
    name: str,
    *,
    share: bool,
    kept: int | None = None,
    step: str = "epoch",
) -> Markup:
    """Draw training curves by step; `share`: the values lie between 0 and 1; kept: the step delivered."""
    with canvas() as (figure, axes):
        for place, (label, points) in enumerate(curves.items()):
            colour, dash = SERIES[place % len(SERIES)], DASHES[place // len(SERIES) % len(DASHES)]
            axes.plot(*zip(*points, strict=True), dash, color=colour, label=label, marker=".")
        if kept is not None:
            axes.axvline(kept, color=INK, linewidth=1, alpha=0.6, label=f"{step} kept")
        axes.set(xlabel=step, ylabel=ylabel)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if share:
            axes.set_ylim(0, 1.03)
        else:
            axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
        figure.legend(loc="outside upper left", ncols=3)
        return svg(figure, name, f"{ylabel} by {step}: {', '.join(curves)}")
