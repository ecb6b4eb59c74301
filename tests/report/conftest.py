"""Small runs, and the pages made of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from crosshash.artifacts import write_json
from crosshash.report.page import render_page
from crosshash.report.results import read_results
from tests.report.runs import BITS, EVIL, make_run, write_stages


@pytest.fixture
def write_run(tmp_path: Path) -> Callable[..., Path]:
    """Give a function that writes a run's outputs and returns its folder."""
    return partial(make_run, tmp_path)


def render(
    folder: Path,
    dataset: str = "scenes",
    method: str = "twdh",
    extremes: int = 1,
    queries: int = 1,
    top: int = 4,
) -> str:
    """Render the page of a run."""
    results = read_results(folder, dataset, BITS)
    return render_page(results, method, 32, extremes=extremes, queries=queries, top=top)


@pytest.fixture(scope="session")
def default_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a run as it is by default. Drawing takes seconds: tests share the pages they look at."""
    return render(make_run(tmp_path_factory.mktemp("default")))


@pytest.fixture(scope="session")
def odd_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Captions that look like markup, items without caption or label, far more examples than queries."""
    rows = (("query", 0), ("query", 3), ("train", 4), ("train", 5))
    captions = {f"{part}/{row}.jpg": [EVIL] for part, row in rows} | {"query/1.jpg": []}
    folder = make_run(tmp_path_factory.mktemp("odd"), captions=captions, unlabelled=("train/7.jpg",))
    return render(folder, extremes=10, queries=9, top=99)


@pytest.fixture(scope="session")
def bare_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Vectors instead of pictures, no labels, a query without caption, a method that is solved."""
    folder = make_run(
        tmp_path_factory.mktemp("bare"), image_kind="vector", labelled=False, captions={"query/3.jpg": []}
    )
    solved = {"method": "cca", "best_epoch": 2, "settings": {"quantiser": "itq", "penalty": 0.3}}
    write_json(folder / "artifacts/model/model.json", solved)
    return render(folder, extremes=1, queries=4, top=14)


@pytest.fixture(scope="session")
def paper_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A set that a paper reports on, one class, a method without centres and transform, no examples."""
    folder = make_run(tmp_path_factory.mktemp("paper"), dataset="wikipedia", method="djsrh", classes=("art",))
    for name in ("centers/statistics.json", "transform_statistics.json"):
        (folder / "artifacts" / name).write_text('{"used": false}', encoding="utf-8")
    return render(folder, "wikipedia", "djsrh", extremes=0, queries=0)


@pytest.fixture(scope="session")
def large_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A thousand classes; a code that is cut, and a second stage of search."""
    classes = tuple(f"a class with a long name, number {number:04}" for number in range(1000))
    folder = make_run(tmp_path_factory.mktemp("large"), method="hq", classes=classes)
    write_stages(folder)
    return render(folder, method="hq")
