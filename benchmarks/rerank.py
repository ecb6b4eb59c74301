"""Cost and gain of a second stage, on the artifacts of a trained HQ: `python -m benchmarks.rerank [PROJECT]`.

PROJECT is a folder in which `dvc repro` ran with hq; without one, hq is trained on generated scenes first.
Prints the median time of a query for each way to find the first items of the retrieval set, and the scores
of each. All ways do their work in numpy and FAISS, one query at a time on one thread.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchmarks.runs import convert, train_and_score
from crosshash.config.plans.base import read_plan
from crosshash.config.plans.evaluate import EvaluatePlan
from crosshash.errors import CrosshashError, run_stage
from crosshash.index.code_index import CodeIndex
from crosshash.index.reranked_search import search_two_stages
from crosshash.retrieval.codefiles.codeset import read_code_set
from crosshash.retrieval.rerank.quantised import read_quantised, read_real
from crosshash.retrieval.rerank.second_stage import quantised_scores
from crosshash.retrieval.scoring.two_stage_scores import (
    Search,
    compare_tasks,
    two_stage_search,
    two_stage_section,
    two_stage_table,
)

TASKS = ("i2t", "t2i")
TIMED = 200  # queries timed at most
SHOWN = 50  # results wanted of a search

Ranker = Callable[[int], object]


def trained_hq(project: Path) -> Path:
    """Train hq on generated scenes."""
    print("training hq on generated scenes", flush=True)
    convert(project, ["scenes.count=3000"])
    train_and_score(project, ("fair",), ["scenes.count=3000", "method=hq", "bits=32"])
    return project


def searches(project: Path) -> tuple[dict[str, Search], EvaluatePlan]:
    """Read what encode left of a method that quantises."""
    plan = read_plan("evaluate", EvaluatePlan, project / "plan")
    codes = project / "artifacts/codes"
    query, retrieval = read_code_set(codes / "query.npz"), read_code_set(codes / "retrieval.npz")
    quantised = read_quantised(codes / "quantised.npz", len(retrieval), len(query))
    if quantised is None or plan.rerank is None:
        raise CrosshashError(
            f"{codes}: is of {plan.method}, which does not quantise; `dvc repro` with hq first."
        )
    real = read_real(codes / "real.npz", len(retrieval), quantised.codebook.dictionaries.shape[2])
    return {task: two_stage_search(query, retrieval, quantised, real, task) for task in TASKS}, plan


def rankers(search: Search, r_h: int) -> dict[str, Ranker]:
    """Prepare each way to find the first items of one query."""
    book, everything = search.codebook.dictionaries, np.arange(len(search.words))[None]
    index = CodeIndex.build(search.codes[1], everything[0])

    def vector(q: int) -> NDArray[np.float32]:
        return search.vectors[q : q + 1]

    return {
        "hash": lambda q: index.search(search.codes[0][q : q + 1], SHOWN),
        "quantised": lambda q: first(quantised_scores(vector(q), everything, search.words, book)[0]),
        "real": lambda q: first((vector(q) @ search.real.T)[0]),
        "reranked": lambda q: search_two_stages(
            index, search.codes[0][q : q + 1], vector(q), search.words, book, r_h, SHOWN
        ),
    }


def first(scores: NDArray[np.float32]) -> NDArray[np.intp]:
    """Give the places of the highest scores, highest first."""
    top = np.argpartition(-scores, min(SHOWN, len(scores) - 1))[:SHOWN]
    return np.asarray(top[np.argsort(-scores[top], kind="stable")])


def milliseconds(ranker: Ranker, queries: int) -> float:
    """Time single queries; gives the median."""
    ranker(0)  # what is made at first use is no part of it
    times = []
    for q in range(min(queries, TIMED)):
        start = time.perf_counter()
        ranker(q)
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times))


def bytes_per_item(search: Search) -> dict[str, int]:
    """Say what is stored of an item by each way."""
    code, words = search.codes[1].shape[1], search.words[:1].nbytes
    return {"hash": code, "quantised": words, "real": search.real[:1].nbytes, "reranked": code + words}


def main() -> None:
    """Print times, sizes and scores."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(sys.argv[1]) if len(sys.argv) > 1 else trained_hq(Path(folder) / "project")
        found, plan = searches(project)
    r_h = plan.rerank or 0
    table = Table("task", "ranked by", "ms per query (median)", "bytes per item")
    for task, search in found.items():
        sizes = bytes_per_item(search)
        for way, ranker in rankers(search, r_h).items():
            with threadpool_limits(1):
                time_taken = milliseconds(ranker, len(search.vectors))
            table.add_row(task, way, f"{time_taken:.3f}", str(sizes[way]))
    scores = compare_tasks(found, r_h, plan.ties, plan.undefined)
    console = Console()
    shape = "{} dictionaries of {} words, {} dimensions".format(*found["i2t"].codebook.dictionaries.shape)
    console.print(f"{len(found['i2t'].words)} items, {shape}; the first {SHOWN} of each query, one by one")
    console.print(table)
    console.print(two_stage_table(two_stage_section(scores, r_h) or {}))


if __name__ == "__main__":
    run_stage(main)
