"""Figures of search: recall against work, a second stage, and the bits that a code is cut to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

from crosshash.report.figures.canvas import DASHES, INK, MARKERS, PANEL, SERIES, canvas, svg
from crosshash.retrieval.codefiles.codeset import CROSS_MODAL

SIGNIFICANCES = ("weights", "activity", "alignment")


def recall_against_work(settings: Sequence[Mapping[str, Any]], task: str, recall: str) -> Markup:
    """Draw recall over the share of codes that were compared, a line for each kind, a star for the run's own.

    settings: of one task, each with `kind`, `chosen`, `compared` and the recall that is drawn.
    """
    others = [one for one in settings if not one["chosen"]]
    with canvas(PANEL) as (figure, axes):
        for place, kind in enumerate(dict.fromkeys(one["kind"] for one in others)):
            points = sorted((one["compared"], one[recall]) for one in others if one["kind"] == kind)
            line = MARKERS[place % 4] + DASHES[place % 4]
            axes.plot(*zip(*points, strict=True), line, color=SERIES[place % 4], label=kind, markersize=4)
        for one in settings:
            if one["chosen"]:
                axes.plot(one["compared"], one[recall], "*", color=INK, markersize=10, label=one["kind"])
        axes.set(xlabel="share of the codes compared", ylabel=recall, title=task)
        axes.set(xscale="log", ylim=(0, 1.06))
        axes.xaxis.set_major_formatter("{x:g}")
        figure.legend(loc="outside lower center", ncols=4, columnspacing=1, handlelength=1.4)
        return svg(figure, f"search-{task}", f"{task}: {recall} of an index over the work it takes")


def two_stages(rerank: pd.DataFrame, section: Mapping[str, Any]) -> Markup:
    """Draw AP@50[hits] over the number of candidates that are ordered anew (columns task, r_h, AP@50[hits]).

    section: of metrics.json, with the scores of quantised and real vectors.
    """
    with canvas() as (figure, axes):
        for task, colour in zip(CROSS_MODAL, SERIES, strict=False):
            curve = rerank[rerank["task"] == task]
            axes.plot(curve["r_h"], curve["AP@50[hits]"], "-o", color=colour, label=task, markersize=4)
            for way, dash in (("quantised", "--"), ("real", ":")):
                score = section[task][way]["AP@50[hits]"]
                axes.axhline(score, color=colour, linestyle=dash, linewidth=1, label=f"{task}, {way} vectors")
        axes.axvline(section["r_h"], color=INK, linewidth=1, alpha=0.6, label="hq.rerank")
        axes.set_xscale("symlog", linthresh=50)
        axes.set(xlim=(0, None), xlabel="candidates ordered anew", ylabel="AP@50[hits]")
        axes.xaxis.set_major_formatter("{x:g}")
        figure.legend(loc="outside upper left", ncols=3, fontsize=9)
        return svg(figure, "rerank", "AP@50[hits] by number of candidates that are ordered anew")


def bit_significance(table: pd.DataFrame) -> Markup:
    """Draw how much each trained bit matters, by rank (columns rank, kept, and the measures)."""
    ordered, kept = table.sort_values("rank"), int(table["kept"].sum())
    with canvas() as (figure, axes):
        for name, colour, dash in zip(SIGNIFICANCES, SERIES, DASHES, strict=False):
            largest = ordered[name].abs().max()
            shares = ordered[name] / largest if largest else ordered[name]
            axes.plot(ordered["rank"] + 1, shares, dash, color=colour, label=name, linewidth=1.4)
        axes.axvline(kept + 0.5, color=INK, linewidth=1, alpha=0.6, label=f"first {kept} are kept")
        axes.set(xlabel="rank of the bit", ylabel="significance over its largest")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(loc="outside upper left", ncols=2)
        return svg(figure, "significance", f"Significance of the trained bits by rank; {kept} are kept")
