"""Figures are the same bytes twice, need nothing from outside, and take the page's colours."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest

from crosshash.report.classes import ClassScore
from crosshash.report.figures import canvas
from crosshash.report.figures.codes import bit_balance, correlation_map, distance_histogram
from crosshash.report.figures.curves import pr_curve, precision_curve, training_curves
from crosshash.report.figures.scores import class_figure, score_intervals
from crosshash.report.figures.search import bit_significance, recall_against_work, two_stages
from crosshash.report.pair_distances import PairDistances
from crosshash.retrieval.codefiles.codeset import TASKS

PR = pd.DataFrame(
    [(t, r, 1 - r / 2) for t in TASKS for r in (0, 0.5, 1)], columns=["task", "recall", "precision"]
)
AT_N = pd.DataFrame([(t, n, 1 / n) for t in TASKS for n in (1, 10, 100)], columns=["task", "n", "precision"])
PAIRS = PairDistances(np.array([5, 3, 1, 0]), np.array([0, 2, 9, 4]), np.arange(2), np.array([0.5, 0.5]))
POINTS = [
    {"kind": kind, "chosen": kind == "flat", "compared": share, "recall@100": recall}
    for kind, share, recall in (("flat", 1.0, 1.0), ("ivf", 0.1, 0.7), ("ivf", 0.2, 0.9), ("hnsw", 0.05, 0.5))
]
RERANK = pd.DataFrame(
    [(t, r, 0.5 + r / 400) for t in ("i2t", "t2i") for r in (0, 50, 100)],
    columns=["task", "r_h", "AP@50[hits]"],
)
VECTORS = {way: {"AP@50[hits]": 0.8} for way in ("quantised", "real")}
STAGES = {"r_h": 100, "i2t": VECTORS, "t2i": VECTORS}
BITS = pd.DataFrame(
    {
        "weights": [3.0, 2, 1],
        "activity": [0.1, 0.3, 0.2],
        "alignment": [0.0, 0, 0],
        "rank": [0, 1, 2],
        "kept": [1, 1, 0],
    }
)


def classes(count: int) -> list[ClassScore]:
    scores = {"i2t": 0.5, "t2i": 0.6, "i2i": None, "t2t": 1.0}
    return [ClassScore(f"class $x^{n}", 3, 0.1, scores) for n in range(count)]


def balance(image: list[float], text: list[float]) -> str:
    return bit_balance(np.array(image), np.array(text))


DRAWN: dict[str, Callable[[], str]] = {
    "pr": lambda: pr_curve(PR, 0.2, "radius"),
    "pr_by_rank": lambda: pr_curve(PR, 0.2, "rank"),
    "precision": lambda: precision_curve(AT_N, 0.2),
    "loss": lambda: training_curves({"a": [(1, 2.0), (2, 1.0)]}, "training loss", "loss", share=False),
    "validation": lambda: training_curves({"a": [(1, 0.5)]}, "mAP", "validation", share=True, kept=1),
    "balance": lambda: balance([0.1, 0.5, 0.9], [1.0, 0.0, 0.5]),
    "images": lambda: correlation_map(np.array([[1, 0.5], [0.5, 1]]), "images"),
    "texts": lambda: correlation_map(np.array([[1, -0.5], [-0.5, 1]]), "texts"),
    "distances": lambda: distance_histogram(PAIRS, "i2t", ("relevant", "other")),
    "scores": lambda: score_intervals({"i2t": (0.5, 0.6, 0.7)}, 0.1, {"targets": {"i2t": 0.9}}),
    "classes": lambda: class_figure(classes(3)),
    "search": lambda: recall_against_work(POINTS, "i2t", "recall@100"),
    "rerank": lambda: two_stages(RERANK, STAGES),
    "significance": lambda: bit_significance(BITS),
}


@cache
def drawn(name: str) -> str:
    """A figure, drawn once for all tests."""
    return DRAWN[name]()


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_equal_numbers_give_equal_bytes(name: str) -> None:
    assert DRAWN[name]() == drawn(name)


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_svg_is_well_formed_and_self_contained(name: str) -> None:
    svg = drawn(name)
    root = ET.fromstring(svg)  # noqa: S314 - drawn here
    assert root.get("role") == "img"
    assert root.get("aria-label")
    assert root.get("viewBox")
    assert "http" not in svg
    assert "<style" not in svg  # matplotlib's style sheet would apply to the whole page
    known = set(re.findall(r'(?<!<image) id="([^"]+)"', svg))
    links = set(re.findall(r'href="([^"]+)"', svg)) | set(re.findall(r"url\(([^)]+)\)", svg))
    pictures = {link for link in links if link.startswith("data:image/png;base64,")}
    assert {link.removeprefix("#") for link in links - pictures} <= known


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_colours_are_those_of_the_page(name: str) -> None:
    """Any fixed colour would vanish on either a light or a dark ground."""
    svg = drawn(name)
    assert "currentColor" in svg
    assert not re.findall(r"#[0-9a-f]{6}\b(?!\d)(?=[;\"])", svg)


def test_axes_are_labelled() -> None:
    assert {"recall", "precision", "chance", *TASKS} <= texts(drawn("pr"))
    assert {"n, items looked at", "precision among the first n", "chance"} <= texts(drawn("precision"))
    assert {"epoch", "training loss", "a"} <= texts(drawn("loss"))
    assert {"epoch", "mAP", "epoch kept"} <= texts(drawn("validation"))
    assert {"bit", "share of +1", "images", "texts"} <= texts(drawn("balance"))
    assert {"bit", "images"} <= texts(drawn("images"))
    assert {"Hamming distance, bits", "share of pairs", "relevant", "other"} <= texts(drawn("distances"))
    assert {"mAP over the whole retrieval set", "chance", "targets", "i2t"} <= texts(drawn("scores"))
    assert {"mAP over the queries of the class", "class $x^0", "chance"} <= texts(drawn("classes"))
    assert {"share of the codes compared", "recall@100", "flat", "ivf", "hnsw"} <= texts(drawn("search"))
    assert {"candidates ordered anew", "AP@50[hits]", "hq.rerank"} <= texts(drawn("rerank"))
    assert {"rank of the bit", "weights", "first 2 are kept"} <= texts(drawn("significance"))


def test_figures_share_no_ids() -> None:
    ids = [found for name in DRAWN for found in re.findall(r' id="([^"]+)"', drawn(name))]
    assert len(ids) == len(set(ids))


def test_user_style_does_not_change_a_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = drawn("pr")
    monkeypatch.setitem(canvas.mpl.rcParams, "lines.linewidth", 9.0)
    monkeypatch.setitem(canvas.mpl.rcParams, "axes.facecolor", "#ff0000")
    assert DRAWN["pr"]() == plain


def test_a_title_cannot_become_markup() -> None:
    root = ET.fromstring(training_curves({'<a "b">': [(1, 1.0)]}, "loss", "x", share=False))  # noqa: S314
    assert '<a "b">' in (root.get("aria-label") or "")


@pytest.mark.parametrize("bits", [1, 2048])
def test_balance_of_very_short_and_very_long_codes(bits: int) -> None:
    svg = balance([0.25, *[0.75] * (bits - 1)], [])
    ET.fromstring(svg)  # noqa: S314 - drawn here
    assert len(svg) < 300_000


def test_bars_end_at_the_share_of_each_bit() -> None:
    """Two bits, shares 0 and 1: the bars reach the lower and the upper end of the images' axes."""
    path = re.search(r'd="([^"]*)" clip-path="[^"]*" style="fill: var\(--series-1\)', balance([0, 1], []))
    assert path
    heights = sorted({float(y) for y in re.findall(r"[ML] \S+ (\S+)", path[1])})
    assert len(heights) == 3
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1])


def test_a_map_of_128_bits_is_small() -> None:
    """Its cells are a picture of 128 x 128 points, not 16,384 drawn squares."""
    random = np.random.default_rng(0).standard_normal((200, 128))
    assert len(correlation_map(np.corrcoef(random.T), "images")) < 120_000


def test_distances_that_no_pair_has_are_not_drawn() -> None:
    """Of 2048 bits, pairs lie at 1000 and 1001: the axis does not start at 0."""
    counts = np.zeros(2049, np.int64)
    counts[[1000, 1001]] = 3
    labels = texts(distance_histogram(PairDistances(counts, counts, np.arange(1), np.ones(1)), "i2t", "ab"))
    assert not {"0", "500", "2000"} & labels


def test_many_classes_are_drawn_by_rank() -> None:
    svg = class_figure(classes(1000))
    assert "class, best first" in texts(svg)
    assert "class $x^0" not in texts(svg)
    assert len(svg) < 400_000


def test_classes_and_chances_may_be_unknown() -> None:
    unknown = [ClassScore("a", 1, None, dict.fromkeys(TASKS)), *classes(1)]
    ET.fromstring(class_figure(unknown))  # noqa: S314 - drawn here


def texts(svg: str) -> set[str]:
    root = ET.fromstring(svg)  # noqa: S314 - drawn here
    return {"".join(element.itertext()) for element in root.iter("text")}
