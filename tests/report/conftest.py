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
from tests.shared import made_once


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


def default(folder: Path) -> str:
    """The page of a run as it is by default."""
    return render(make_run(folder))


def odd(folder: Path) -> str:
    """Captions that look like markup, items without caption or label, far more examples than queries."""
    rows = (("query", 0), ("query", 3), ("train", 4), ("train", 5))
    captions = {f"{part}/{row}.jpg": [EVIL] for part, row in rows} | {"query/1.jpg": []}
    make_run(folder, captions=captions, unlabelled=("train/7.jpg",))
    return render(folder, extremes=10, queries=9, top=99)


def bare(folder: Path) -> str:
    """Vectors instead of pictures, no labels, a query without caption, a method that is solved."""
    make_run(folder, image_kind="vector", labelled=False, captions={"query/3.jpg": []})
    solved = {"method": "cca", "best_epoch": 2, "settings": {"quantiser": "itq", "penalty": 0.3}}
    write_json(folder / "artifacts/model/model.json", solved)
    return render(folder, extremes=1, queries=4, top=14)


def paper(folder: Path) -> str:
    """A set that a paper reports on, one class, a method without centres and transform, no examples."""
    make_run(folder, dataset="wikipedia", method="djsrh", classes=("art",))
    for name in ("centers/statistics.json", "transform_statistics.json"):
        (folder / "artifacts" / name).write_text('{"used": false}', encoding="utf-8")
    return render(folder, "wikipedia", "djsrh", extremes=0, queries=0)


def large(folder: Path) -> str:
    """A thousand classes; a code that is cut, and a second stage of search."""
    classes = tuple(f"a class with a long name, number {number:04}" for number in range(1000))
    make_run(folder, method="hq", classes=classes)
    write_stages(folder)
    return render(folder, method="hq")


def page_of(factory: pytest.TempPathFactory, make: Callable[[Path], str]) -> str:
    """Draw a page, which takes seconds, once for all tests that look at it."""

    def draw(file: Path) -> None:
        file.write_text(make(factory.mktemp(file.name)), encoding="utf-8")

    return made_once(factory, f"{make.__name__}_page", draw).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def default_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(tmp_path_factory, default)


@pytest.fixture(scope="session")
def odd_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(tmp_path_factory, odd)


@pytest.fixture(scope="session")
def bare_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(tmp_path_factory, bare)


@pytest.fixture(scope="session")
def paper_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(tmp_path_factory, paper)


@pytest.fixture(scope="session")
def large_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(tmp_path_factory, large)
