"""Figures of the codes: balance of the bits, their correlation, distances of pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from matplotlib import style
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from crosshash.report.figures.canvas import INK, PANEL, SERIES, SIZE, STYLE, canvas, svg
from crosshash.report.pair_distances import PairDistances

WARM, COLD = (0.83, 0.42, 0.11), (0.18, 0.48, 0.82)
"""Colours of positive and negative correlation, readable on light and dark ground; strength is opacity."""


def bit_balance(image: NDArray[np.float64], text: NDArray[np.float64]) -> Markup:
    """Draw the share of +1 of each bit, images above texts, as bars that start at one half.

    image, text: float64[K], or empty where no item has the modality.
    """
    with style.context(["default", STYLE]):
        figure = Figure(figsize=SIZE, layout="constrained")
        both = figure.subplots(2, 1, sharex=True, sharey=True)
        sides = zip(both, (image, text), ("images", "texts"), SERIES[:2], strict=True)
        for axes, shares, label, colour in sides:
            if len(shares):
                axes.stairs(shares, np.arange(len(shares) + 1) + 0.5, baseline=0.5, fill=True, color=colour)
            axes.set(ylim=(0, 1), ylabel=label)
            axes.grid(visible=False, axis="x")
            axes.axhline(0.5, color=INK, linewidth=0.8)
        both[1].set_xlabel("bit")
        figure.supylabel("share of +1", color=INK, fontsize=10)
        return svg(figure, "balance", "Share of +1 of each bit of the retrieval codes, images and texts")


def correlation_map(correlation: NDArray[np.float64], label: str) -> Markup:
    """Draw the correlation of each two bits, float64[K, K], as a map; label: whose codes."""
    bits = len(correlation)
    with canvas((PANEL[0], 3.1)) as (figure, axes):
        shades = np.empty((bits, bits, 4))
        shades[..., :3] = np.where(correlation[..., None] >= 0, WARM, COLD)
        shades[..., 3] = np.abs(correlation) * (1 - np.eye(bits))
        axes.imshow(shades, interpolation="none", extent=(0.5, bits + 0.5, bits + 0.5, 0.5))
        axes.set(xlabel="bit", ylabel="bit", title=label)
        axes.grid(visible=False)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(5, integer=True))
        _scale(figure)
        return svg(figure, f"correlation-{label}", f"Correlation between the bits of the codes of {label}")


def distance_histogram(found: PairDistances, task: str, labels: Sequence[str]) -> Markup:
    """Draw the share of relevant and of other pairs at each distance; labels: what both are called."""
    counts = (found.relevant, found.other)
    met = np.flatnonzero(np.sum(counts, axis=0))
    first, last = (int(met[0]), int(met[-1])) if len(met) else (0, len(counts[0]) - 1)
    edges = np.arange(first, last + 2) - 0.5
    with canvas(PANEL) as (figure, axes):
        for pairs, label, colour, dash in zip(
            counts, labels, (SERIES[0], SERIES[1]), ("-", "--"), strict=True
        ):
            shares = pairs[first : last + 1] / max(1, int(pairs.sum()))
            axes.stairs(shares, edges, fill=True, color=colour, alpha=0.25)
            axes.stairs(shares, edges, color=colour, linestyle=dash, linewidth=1.4, label=label)
        axes.set(xlabel="Hamming distance, bits", ylabel="share of pairs", title=task)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_ylim(bottom=0)
        figure.legend(loc="outside lower center", ncols=2)
        title = f"{task}: Hamming distances of {labels[0]} and of {labels[1]} pairs"
        return svg(figure, f"distances-{task}", title)


def _scale(figure: Figure) -> None:
    """Show which shade stands for which correlation, at the right."""
    values = np.linspace(1, -1, 101)
    shades = np.empty((101, 1, 4))
    shades[..., :3] = np.where(values[:, None, None] >= 0, WARM, COLD)
    shades[..., 3] = np.abs(values)[:, None]
    bar = figure.add_axes((0.88, 0.3, 0.03, 0.45))
    bar.set_in_layout(False)
    bar.imshow(shades, interpolation="none", aspect="auto", extent=(0, 1, -1, 1))
    bar.set(xticks=[], yticks=[-1, 0, 1])
    bar.yaxis.tick_right()
    bar.grid(visible=False)
