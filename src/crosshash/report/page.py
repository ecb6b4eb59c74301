"""The report: one self-contained HTML page out of what a run left behind."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from jinja2 import Environment

from crosshash.config.yaml_text import parse_yaml
from crosshash.report import drawings
from crosshash.report.classes import class_scores
from crosshash.report.code_statistics import CodeStatistics, code_statistics
from crosshash.report.conventions import conventions
from crosshash.report.examples import SHOWN_TASKS, Verdict, example_searches
from crosshash.report.pair_distances import pair_distances
from crosshash.report.printed_scores import METHODS, comparable_figures, published_tables
from crosshash.report.results import Results
from crosshash.report.score_table import score_rows
from crosshash.report.shown_items import shown_items
from crosshash.report.templates import environment_of
from crosshash.retrieval.codefiles.codeset import TASKS

ALL_CLASSES = 60
"""Up to here every class stands open in the table; of more the best and the worst, the others folded."""

SETTING_NAMES = {"flat": "exact", "ivf": "nprobe", "hnsw": "efSearch", "multihash": "nflip"}
"""What decides how much work a kind of index does."""

BEYOND_ALL = {
    "ivf": "every code, and the centroids of their lists",
    "hnsw": "some codes on several levels of the graph",
    "multihash": "some codes in several tables",
}
"""How a search can compare more than all codes."""

HEADLINE_WITHOUT_LABELS = "recall@10"

MARKS: dict[Verdict, str] = {
    "hit": "✓ hit",
    "miss": "✗ miss",
    "unlabelled": "? no label",
    "partner": "✓ own partner",
    "other": "· other item",
}
"""Hits and misses differ by sign and word, not by colour alone."""


def render_page(
    results: Results, method: str, train_bits: int, *, extremes: int, queries: int, top: int
) -> str:
    """Render the page; equal inputs give equal text.

    extremes: best and worst queries that are shown for a task, so many of each; queries: further ones,
    evenly spaced; top: nearest items of each.
    """
    compared = all(task in results.metrics for task in SHOWN_TASKS)
    context = {
        "compared": compared,
        "results": results,
        "metrics": results.metrics,
        "method": METHODS.get(method, method),
        "method_key": method,
        "train_bits": train_bits,
        "version": version("crosshash"),
        "seed": _seed(results),
        "shown_tasks": SHOWN_TASKS,
        "published": published_tables(method),
        "top": top,
        **(_compared(results, method, extremes, queries, top) if compared else {}),
    }
    return _environment().get_template("page.html").render(context)


def _compared(results: Results, method: str, extremes: int, queries: int, top: int) -> dict[str, Any]:
    """Gather what tells of searches between images and texts; pictures alone have none to look at."""
    examples = {task: example_searches(results, task, extremes, queries, top) for task in SHOWN_TASKS}
    return {
        "search": drawings.search_settings(results),
        "setting_names": SETTING_NAMES,
        "beyond_all": BEYOND_ALL,
        "all_classes": ALL_CLASSES,
        "examples": examples,
        "shown": shown_items(results, (one for many in examples.values() for one in many.all)),
        **_measured(results, method),
    }


def _measured(results: Results, method: str) -> dict[str, Any]:
    """Gather the scores and all that is computed from the codes, with the figures that show it."""
    metrics = results.metrics
    tasks = [task for task in TASKS if task in metrics]
    pairs = {
        task: pair_distances(results.query, results.retrieval, task, results.by_labels) for task in tasks
    }
    rows = score_rows(results, pairs["i2t"].items)
    measures = {row.measure: row for row in rows}
    codes = _codes(results)
    classes = class_scores(results, pairs) if results.by_labels else []
    return {
        "tasks": tasks,
        "scored": results.by_labels,
        "rows": rows,
        "measures": measures,
        "headline": metrics["headline"] or HEADLINE_WITHOUT_LABELS,
        "conventions": conventions(metrics),
        "comparable": comparable_figures(method, metrics["dataset"], metrics["bits"], measures),
        "pairs": pairs,
        "codes": codes,
        "classes": classes,
        "figures": {
            **drawings.score_figures(results, rows),
            **drawings.training_figures(results),
            **drawings.class_figures(classes),
            **({} if metrics.get("vectors") else drawings.code_figures(codes, pairs, results.by_labels)),
            **drawings.search_figures(results),
        },
    }


def _codes(results: Results) -> dict[str, CodeStatistics]:
    """Describe the codes of the retrieval set: images, texts."""
    retrieval = results.retrieval
    texts = retrieval.packed("text")[retrieval.has("text")]
    return {
        "images": code_statistics(retrieval.packed("image"), retrieval.bits),
        "texts": code_statistics(texts, retrieval.bits),
    }


def _seed(results: Results) -> object:
    """Give the seed of the networks; None where the plan has none."""
    return (parse_yaml(results.plans.get("train.yaml", "")) or {}).get("seed")


def _environment() -> Environment:
    environment = environment_of("report")
    environment.filters["score"] = score
    environment.filters["percent"] = percent
    environment.filters["of_task"] = of_task
    environment.globals["marks"] = MARKS
    return environment


def score(value: float | None) -> str:
    """Write a score with four digits, a dash where there is none."""
    return "–" if value is None else f"{value:.4f}"


def percent(value: float | None) -> str:
    """Write a share in percent, with two digits: 99.97 % is not all."""
    return "–" if value is None else f"{100 * value:.2f} %"


def of_task(value: Mapping[str, Any] | float | None, task: str) -> Any:  # noqa: ANN401 - as in metrics.json
    """Give the value of a task where there is one for each, else the one for all."""
    return value.get(task) if isinstance(value, Mapping) else value
