"""Figures as inline SVG: the same bytes for the same numbers, ink and series in the colours of the page."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from crosshash.report.results import TASKS

Points = Sequence[tuple[int, float]]

INK = "#010101"
"""Stands for the page's own text colour in what matplotlib writes."""

SERIES = ("#010102", "#010103", "#010104", "#010105")
"""Stand for the page's colours --series-1 to --series-4."""

DASHES = ("-", "--", ":", "-.")
"""Lines differ by more than colour."""

SIZE = (4.8, 3.1)
"""Inches at 72 units each; the page scales it."""

STYLE = {
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": INK,
    "grid.alpha": 0.15,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
}


def pr_curve(pr: pd.DataFrame) -> str:
    """Draw precision over recall; each point is a Hamming radius (columns task, recall, precision)."""
    with style.context(["default", STYLE]):
        figure, axes = _axes("recall", "precision")
        for task, colour, dash in zip(TASKS, SERIES, DASHES, strict=True):
            curve = pr[pr["task"] == task]
            axes.plot(curve["recall"], curve["precision"], dash, color=colour, label=task)
        axes.set(xlim=(0, 1), ylim=(0, 1.03))
        figure.legend(loc="outside upper left", ncols=5)
        return _svg(figure, "pr", "Precision over recall by Hamming radius, for each task")


def precision_curve(precision: pd.DataFrame, chance: float | None) -> str:
    """Draw precision among the first n (columns task, n, precision) beside chance."""
    with style.context(["default", STYLE]):
        figure, axes = _axes("n, items looked at", "precision among the first n")
        for task, colour, dash in zip(TASKS, SERIES, DASHES, strict=True):
            curve = precision[precision["task"] == task]
            axes.plot(curve["n"], curve["precision"], dash, color=colour, label=task)
        if chance is not None:
            axes.axhline(chance, color=INK, linewidth=1, alpha=0.6, label="chance")
        axes.set(xscale="log", ylim=(0, 1.03))
        axes.xaxis.set_major_formatter("{x:g}")
        figure.legend(loc="outside upper left", ncols=5)
        return _svg(figure, "precision", "Precision among the first n items, for each task, beside chance")


def training_curves(curves: Mapping[str, Points], ylabel: str, name: str, share: bool) -> str:
    """Draw training curves by epoch; `share`: the values lie between 0 and 1."""
    with style.context(["default", STYLE]):
        figure, axes = _axes("epoch", ylabel)
        for place, (label, points) in enumerate(curves.items()):
            colour, dash = SERIES[place % len(SERIES)], DASHES[place // len(SERIES) % len(DASHES)]
            axes.plot(*zip(*points, strict=True), dash, color=colour, label=label, marker=".")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if share:
            axes.set_ylim(0, 1.03)
        else:
            axes.set_ylim(bottom=0)
        figure.legend(loc="outside upper left", ncols=3)
        return _svg(figure, name, f"{ylabel} by epoch")


def bit_balance(image: Sequence[float], text: Sequence[float], bits: int) -> str:
    """Draw the share of +1 of each bit, images above texts, as bars that start at one half.

    image, text: float[K], or empty where no item has the modality.
    """
    with style.context(["default", STYLE]):
        figure = Figure(figsize=SIZE, layout="constrained")
        both = figure.subplots(2, 1, sharex=True, sharey=True)
        sides = zip(both, (image, text), ("images", "texts"), SERIES[:2], strict=True)
        for axes, shares, label, colour in sides:
            if shares:
                axes.stairs(shares, np.arange(bits + 1) + 0.5, baseline=0.5, fill=True, color=colour)
            axes.set(ylim=(0, 1), ylabel=label)
            axes.grid(visible=False, axis="x")
            axes.axhline(0.5, color=INK, linewidth=0.8)
        both[1].set_xlabel("bit")
        figure.supylabel("share of +1", color=INK, fontsize=10)
        return _svg(figure, "balance", "Share of +1 of each bit of the retrieval codes, images and texts")


def _axes(xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=xlabel, ylabel=ylabel)
    return figure, axes


def _svg(figure: Figure, name: str, title: str) -> str:
    """Write a figure for the inside of an HTML page, which gives it its size, font and colours."""
    buffer = io.StringIO()
    metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with mpl.rc_context({"svg.hashsalt": f"crosshash {name}"}):
        figure.savefig(buffer, format="svg", metadata=metadata, transparent=True)
    text = buffer.getvalue()
    view = re.search(r'viewBox="[^"]*"', text)
    body = text[
        text.index("</defs>") + len("</defs>") :
    ]  # after matplotlib's style sheet, which would be the page's
    for pattern in (
        r"<!--.*?-->\s*",
        r'(?<=<g) id="[^"]*"',
        r"font-family: [^;]*; ",
        r"\btransform=\"rotate\(-0 [^\"]*\"",
    ):
        body = re.sub(pattern, "", body, flags=re.DOTALL)
    body = body.replace("xlink:href", "href").replace(INK, "currentColor")
    for number, colour in enumerate(SERIES, start=1):
        body = body.replace(colour, f"var(--series-{number})")
    return f'<svg role="img" aria-label="{title}" {view[0] if view else ""}>{body}'
