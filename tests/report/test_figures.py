"""Figures are the same bytes twice, need nothing from outside, and take the page's colours."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pandas as pd
import pytest

from crosshash.report import figures
from crosshash.report.results import TASKS

PR = pd.DataFrame(
    [(t, r, 1 - r / 2) for t in TASKS for r in (0, 0.5, 1)], columns=["task", "recall", "precision"]
)
AT_N = pd.DataFrame([(t, n, 1 / n) for t in TASKS for n in (1, 10, 100)], columns=["task", "n", "precision"])
DRAWN: dict[str, Callable[[], str]] = {
    "pr": lambda: figures.pr_curve(PR),
    "precision": lambda: figures.precision_curve(AT_N, 0.2),
    "loss": lambda: figures.training_curves(
        {"a": [(1, 2.0), (2, 1.0)]}, "training loss", "loss", share=False
    ),
    "balance": lambda: figures.bit_balance([0.1, 0.5, 0.9], [1.0, 0.0, 0.5], 3),
}


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_equal_numbers_give_equal_bytes(name: str) -> None:
    assert DRAWN[name]() == DRAWN[name]()


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_svg_is_well_formed_and_self_contained(name: str) -> None:
    svg = DRAWN[name]()
    root = ET.fromstring(svg)  # noqa: S314 - drawn here
    assert root.get("aria-label")
    assert root.get("viewBox")
    assert "http" not in svg
    assert "<style" not in svg  # matplotlib's style sheet would apply to the whole page
    known = set(re.findall(r' id="([^"]+)"', svg))
    assert set(re.findall(r'href="#([^"]+)"', svg)) | set(re.findall(r"url\(#([^)]+)\)", svg)) == known


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_colours_are_those_of_the_page(name: str) -> None:
    """Any fixed colour would vanish on either a light or a dark ground."""
    svg = DRAWN[name]()
    assert "currentColor" in svg
    assert not re.findall(r"#[0-9a-f]{6}\b(?!\d)(?=[;\"])", svg)


def test_axes_are_labelled() -> None:
    assert {"recall", "precision", *TASKS} <= texts(DRAWN["pr"]())
    assert {"n, items looked at", "precision among the first n", "chance"} <= texts(DRAWN["precision"]())
    assert {"epoch", "training loss", "a"} <= texts(DRAWN["loss"]())
    assert {"bit", "share of +1", "images", "texts"} <= texts(DRAWN["balance"]())


def test_figures_share_no_ids() -> None:
    ids = [found for draw in DRAWN.values() for found in re.findall(r' id="([^"]+)"', draw())]
    assert len(ids) == len(set(ids))


def test_user_style_does_not_change_a_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = DRAWN["pr"]()
    monkeypatch.setitem(figures.mpl.rcParams, "lines.linewidth", 9.0)
    monkeypatch.setitem(figures.mpl.rcParams, "axes.facecolor", "#ff0000")
    assert DRAWN["pr"]() == plain


@pytest.mark.parametrize("bits", [1, 2048])
def test_balance_of_very_short_and_very_long_codes(bits: int) -> None:
    svg = figures.bit_balance([0.25, *[0.75] * (bits - 1)], [], bits)
    ET.fromstring(svg)  # noqa: S314 - drawn here
    assert len(svg) < 300_000


def test_bars_end_at_the_share_of_each_bit() -> None:
    """Two bits, shares 0 and 1: the bars reach the lower and the upper end of the images' axes."""
    path = re.search(
        r'd="([^"]*)" clip-path="[^"]*" style="fill: var\(--series-1\)', figures.bit_balance([0, 1], [], 2)
    )
    assert path
    heights = sorted({float(y) for y in re.findall(r"[ML] \S+ (\S+)", path[1])})
    assert len(heights) == 3
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1])


def texts(svg: str) -> set[str]:
    root = ET.fromstring(svg)  # noqa: S314 - drawn here
    return {"".join(element.itertext()) for element in root.iter("text")}
