"""The report: one self-contained HTML page out of what a run left behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from crosshash.report import figures
from crosshash.report.examples import RULE, RULE_WITHOUT_SCORES, Example, Verdict, example_searches
from crosshash.report.pictures import thumbnails
from crosshash.report.published import METHODS, published_tables
from crosshash.report.results import TASKS, Results

CAPTION_LENGTH = 200
"""Characters of a caption that are shown."""

MEASURES = ("AP@50[min]", "AP@50[hits]", "P@100", "nDCG@1000")
"""Shown beside mAP where a set has labels."""

RECALLS = ("recall@1", "recall@5", "recall@10")
"""Shown where it has none."""

VALIDATION = "val_"
"""How names of validation scores begin among the training curves; the others are terms of the loss."""

EXAMPLE_TASKS = {"i2t": "Image to text", "t2i": "Text to image"}


@dataclass(frozen=True)
class Shown:
    """An item as the page shows it: id, caption, labels, and a data URI of its picture where it has one."""

    item: str
    caption: str
    labels: str
    picture: str | None


def render_page(results: Results, method: str, train_bits: int, queries: int, top: int) -> str:
    """Render the page; equal inputs give equal text."""
    examples = {task: example_searches(results, task, queries, top) for task in EXAMPLE_TASKS}
    dataset = results.metrics["dataset"]
    template = _environment().get_template("page.html")
    return template.render(
        results=results,
        metrics=results.metrics,
        method=METHODS.get(method, method),
        method_key=method,
        train_bits=train_bits,
        version=version("crosshash"),
        tasks=[task for task in TASKS if task in results.metrics],
        measures=MEASURES,
        recalls=RECALLS,
        scored=results.by_labels,
        published=published_tables(method, dataset),
        published_elsewhere=published_tables(method),
        figures=_figures(results),
        balance=_balance(results),
        example_tasks=EXAMPLE_TASKS,
        examples=examples,
        shown=shown_items(results, [example for many in examples.values() for example in many]),
        rule=RULE if results.by_labels else RULE_WITHOUT_SCORES,
        top=top,
    )


def shown_items(results: Results, examples: Sequence[Example]) -> dict[str, Shown]:
    """Gather what is shown of each item of the examples, with thumbnails where the set has pictures."""
    items = {example.item for example in examples}
    items |= {neighbour.item for example in examples for neighbour in example.neighbours}
    pictures: dict[str, str] = {}
    if results.info.image_kind == "jpeg":
        wanted: dict[str, list[str]] = {}
        for item in sorted(items):
            wanted.setdefault(results.pairs[item].part, []).append(item)
        pictures = thumbnails(results.data, wanted)
    shown = {}
    for item in sorted(items):
        pair = results.pairs[item]
        caption = shortened(pair.captions[0]) if pair.captions else ""
        shown[item] = Shown(item, caption, ", ".join(pair.labels), pictures.get(item))
    return shown


def shortened(caption: str) -> str:
    """Cut a long caption; white space, line ends included, becomes single spaces."""
    text = " ".join(caption.split())
    return text if len(text) <= CAPTION_LENGTH else text[: CAPTION_LENGTH - 1] + "…"


def _figures(results: Results) -> list[tuple[Markup, str]]:
    """Draw the curves there are numbers for, each with its caption."""
    drawn = []
    if len(results.pr):
        drawn.append((figures.pr_curve(results.pr), "Precision over recall. Each point is a Hamming radius."))
    if len(results.precision):
        drawn.append(
            (
                figures.precision_curve(results.precision, results.metrics["base_rate"]),
                "Precision among the first n items. Chance is the share of pairs that share a label.",
            )
        )
    curves = {name: points for name, points in results.curves.items() if points}
    scores = {name: points for name, points in curves.items() if name.startswith(VALIDATION)}
    losses = {
        name: curves[name] for name in sorted(curves, key=lambda name: name != "loss") if name not in scores
    }
    if losses:
        svg = figures.training_curves(losses, "training loss", "loss", share=False)
        drawn.append((svg, "Training loss and its terms, means over each epoch."))
    if scores:
        scores = {name.removeprefix(VALIDATION): points for name, points in scores.items()}
        svg = figures.training_curves(scores, "validation mAP", "validation", share=True)
        drawn.append((svg, "mAP of the trained code on the validation queries, which no training step sees."))
    return [(Markup(svg), caption) for svg, caption in drawn]  # noqa: S704 - drawn here, from numbers


def _balance(results: Results) -> Markup:
    image, text = (results.index[modality]["bit_balance"] for modality in ("image", "text"))
    return Markup(figures.bit_balance(image, text, results.index["bits"]))  # noqa: S704 - drawn here, from numbers


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("crosshash", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["score"] = score
    environment.filters["percent"] = percent
    environment.filters["of_task"] = of_task
    environment.globals["marks"] = MARKS
    return environment


MARKS: dict[Verdict, str] = {
    "hit": "✓ hit",
    "miss": "✗ miss",
    "unlabelled": "? no label",
    "partner": "✓ own partner",
    "other": "· other item",
}
"""Hits and misses differ by sign and word, not by colour alone."""


def score(value: float | None) -> str:
    """Write a score with four digits, a dash where there is none."""
    return "–" if value is None else f"{value:.4f}"


def percent(value: float | None) -> str:
    """Write a share in percent, with two digits: 99.97 % is not all."""
    return "–" if value is None else f"{100 * value:.2f} %"


def of_task(value: Mapping[str, Any] | float | None, task: str) -> Any:  # noqa: ANN401 - as in metrics.json
    """Give the value of a task where there is one for each, else the one for all."""
    return value.get(task) if isinstance(value, Mapping) else value
