"""Bytes of an item against each measure: every point with its interval, and the line of the best."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import matplotlib as mpl
from markupsafe import Markup
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crosshash.artifacts import atomic_path
from crosshash.errors import CrosshashError, listed
from crosshash.experiments.table.leaderboard import Leaderboard
from crosshash.experiments.table.points import Point, front
from crosshash.experiments.table.points_table import measures, points_in
from crosshash.report.figures.canvas import INK, MARKERS, SERIES, STYLE, svg
from crosshash.retrieval.codefiles.codeset import CROSS_MODAL

COLOURS = ("#0b62c4", "#c2510a", "#4b7a12", "#8a3ab9")
"""What SERIES stands for on a light page."""
KINDS = (".png", ".svg", ".pdf")
PANEL = (3.1, 2.7)
APART = 1.06


def pareto_svg(board: Leaderboard, group: int) -> Markup | None:
    """Draw the points of a group for the inside of a page; None where no bytes are known."""
    figure = _figure(board, group, SERIES, INK)
    title = f"Bytes of an item against {', '.join(measures(board))}, by method"
    return None if figure is None else svg(figure, f"pareto-{group}", title)


def write_plot(board: Leaderboard, path: Path) -> None:
    """Write the plot as .png, .svg or .pdf.

    Raises:
        CrosshashError: another ending, no run has recorded its bytes, or those that have are of several
            groups.
    """
    check_ending(path)
    drawn = [(group, _figure(board, group, COLOURS, "#111111")) for group in range(len(board.groups))]
    figures = {board.groups[group].title: figure for group, figure in drawn if figure is not None}
    if not figures:
        raise CrosshashError("no run has recorded the bytes of its items; `dvc repro evaluate` does.")
    if len(figures) > 1:
        raise CrosshashError(
            f"{path}: a picture shows one group of runs, and there are {len(figures)}:\n"
            f"{listed(list(figures))}\n"
            "Name one data set by --dataset; the page (`--output leaderboard.html`) has a plot of each."
        )
    ((title, figure),) = figures.items()
    figure.supxlabel(title, fontsize="medium")
    buffer = io.BytesIO()
    metadata = {{".png": "Software", ".svg": "Date", ".pdf": "CreationDate"}[path.suffix]: None}
    with mpl.rc_context({"svg.hashsalt": "crosshash"}):
        figure.savefig(buffer, format=path.suffix[1:], dpi=130, metadata=metadata)
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def check_ending(path: Path) -> None:
    """Refuse a file whose ending says no kind of picture.

    Raises:
        CrosshashError: it does not.
    """
    if path.suffix not in KINDS:
        raise CrosshashError(f"{path}: the ending says no kind of picture; there are {' '.join(KINDS)}.")


def _figure(board: Leaderboard, group: int, colours: Sequence[str], ink: str) -> Figure | None:
    """Draw a panel for each measure and task; colour and marker tell methods apart, filling the distances."""
    named = [(title, point) for title, point in points_in(board, group) if point.costs.memory is not None]
    names = [name for name in measures(board) if any(_has(point, name) for _, point in named)]
    if not names:
        return None
    titles = list(dict.fromkeys(title for title, _ in named))
    looks = dict(zip(titles, zip(cycle(colours), _markers(len(colours))), strict=False))
    inks = {key: ink for key, value in STYLE.items() if value == INK}
    with style.context(["default", STYLE | inks]):
        size = (PANEL[0] * len(names), PANEL[1] * len(CROSS_MODAL) + 0.4)
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(len(CROSS_MODAL), len(names), squeeze=False, sharex=True)
        for task, row in zip(CROSS_MODAL, grid, strict=True):
            for name, axes in zip(names, row, strict=True):
                _panel(axes, named, task, name, looks, ink)
        for axes in grid[-1]:
            axes.set_xlabel("bytes of an item: code and factors")
        figure.legend(*grid[0][0].get_legend_handles_labels(), loc="outside upper left", ncols=5)
    return figure


def _markers(colours: int) -> Sequence[str]:
    """Give every colour one marker, then each the next."""
    return [marker for marker in MARKERS for _ in range(colours)]


def _has(point: Point, name: str) -> bool:
    return any(name in point.scores[task] for task in CROSS_MODAL)


def _panel(
    axes: Axes,
    named: Sequence[tuple[str, Point]],
    task: str,
    name: str,
    looks: dict[str, tuple[str, str]],
    ink: str,
) -> None:
    for place, (title, (colour, marker)) in enumerate(looks.items()):
        axes.plot([], [], marker, color=colour, label=title)
        for point in (point for other, point in named if other == title and name in point.scores[task]):
            found, filled = point.scores[task][name], point.distance == "asymmetric"
            aside = place - (len(looks) - 1) / 2 + (0.25 if filled else -0.25)  # of equal bytes: side by side
            x, fill = (point.costs.memory or 0) * APART**aside, colour if filled else "none"
            axes.plot([x], [found.mean], marker, color=colour, markersize=4.5, markerfacecolor=fill)
            if found.low is not None and found.high is not None:
                axes.plot([x, x], [found.low, found.high], color=colour, linewidth=0.8, alpha=0.6)
    axes.plot([], [], "o", color=ink, markerfacecolor="none", label="hollow: Hamming distance")
    axes.plot([], [], "o", color=ink, label="filled: asymmetric distance")
    _line(axes, [point for _, point in named], task, name, ink)
    axes.set(title=f"{name}, {task}", xscale="log")
    ticks = sorted({point.costs.memory or 0 for _, point in named})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
    axes.set_xlim(ticks[0] / 1.5, ticks[-1] * 1.5)
    axes.minorticks_off()


def _line(axes: Axes, points: Sequence[Point], task: str, measure: str, ink: str) -> None:
    """Draw the front of this task and measure as steps: so much is to be had from so many bytes on."""
    best = front(points, measure, (task,))
    if best:
        sizes = [point.costs.memory or 0 for point in best]
        axes.step(
            [*sizes, max(point.costs.memory or 0 for point in points)],
            [*(found := [point.scores[task][measure].mean for point in best]), found[-1]],
            where="post", color=ink, linewidth=1, alpha=0.5, label="Pareto line",
        )  # fmt: skip
