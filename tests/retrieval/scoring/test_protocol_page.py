"""The example of docs/protocol.md: what stands there is what comes out."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from crosshash.retrieval.measures.average_precision import AP, NORMS
from crosshash.retrieval.measures.ranking_measures import (
    NDCG,
    Measure,
    Precision,
    PrecisionWithin,
    Recall,
    RecallWithin,
)
from crosshash.retrieval.ranking.histogram import Side
from crosshash.retrieval.ranking.tied_ranking import Ties
from crosshash.retrieval.scoring.evaluation import evaluate
from crosshash.retrieval.scoring.report_measures import MEASURES
from crosshash.retrieval.scoring.tasks import score_task
from tests.retrieval import cases
from tests.retrieval.sets import code_set

PAGE = (Path(__file__).resolve().parents[3] / "docs/protocol.md").read_text()
EXAMPLE = PAGE.partition("## One example through every convention")[2].partition("\n## ")[0]
SHOWN: tuple[Measure, ...] = (
    AP(),
    *(AP(2, norm) for norm in NORMS),
    Precision(2),
    Recall(2),
    NDCG(2),
    PrecisionWithin(2),
    RecallWithin(2),
)


def rows_of(text: str) -> dict[str, list[str]]:
    """Lines of tables by their first cell, without backquotes."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if "|" in line
    ]
    return {row[0].strip("`"): row[1:] for row in rows}


def example() -> tuple[Side, Side]:
    rows = rows_of(EXAMPLE)
    return cases.search([int(n) for n in rows["distance"]], [int(n) for n in rows["shared labels"]])


def figure(cell: str) -> float:
    return float(cell.rpartition("=")[2])


def test_the_table_has_every_measure_and_convention() -> None:
    rows = rows_of(EXAMPLE)
    assert [str(measure) for measure in SHOWN] == [
        name for name in rows if re.match("AP|P@|recall|nDCG", name)
    ]


@pytest.mark.parametrize(
    ("ties", "column"), [("by_id", 0), ("pessimistic", 0), ("optimistic", 1), ("expected", 2)]
)
def test_the_figures_of_the_example(ties: Ties, column: int) -> None:
    scores = score_task(*example(), SHOWN, np.arange(1, 3), ties=ties, undefined="skip", names=["the query"])
    rows = rows_of(EXAMPLE)
    for name, values in scores.values.items():
        assert values[0] == pytest.approx(figure(rows[name][column]), abs=5e-5), name


def test_the_sums_that_are_written_out_give_their_results() -> None:
    """`(1 + 2/3) / 2 = 0.8333`: numbers, brackets and four operations alone."""
    sums = re.findall(r"([(\d][\d\s+/.()]*) = (\d\.\d{4})", EXAMPLE)
    assert len(sums) > 20
    for text, result in sums:
        assert eval(text) == pytest.approx(float(result), abs=1e-4), text  # noqa: S307


def test_undefined_queries_of_the_example() -> None:
    skipped, zero = (float(n) for n in re.findall(r"(\d\.\d+) with `(?:skip|zero)`", EXAMPLE))
    signs = [[-1 if bit < distance else 1 for bit in range(4)] for distance in (0, 2, 2, 3, 4)]
    labels = [[1, 0, 0], [0, 0, 0], [1, 1, 0], [1, 0, 0], [0, 0, 0]]
    query = code_set("q", [[1] * 4] * 2, [[1] * 4] * 2, [[1, 1, 0], [0, 0, 1]])
    retrieval = code_set("r", signs, signs, labels)
    for undefined, wanted in (("skip", skipped), ("zero", zero)):
        found = evaluate(query, retrieval, undefined=undefined, bootstrap=0)  # type: ignore[arg-type]
        assert found.scores()["i2t"]["mAP"] == pytest.approx(wanted, abs=5e-5)


def test_the_page_lists_every_column_of_the_scores_by_query() -> None:
    listed = PAGE.partition("artifacts/per_query.parquet`, a row per task")[2].partition("\n- ")[0]
    names = [name for name in re.findall("`([^`]+)`", listed) if name != "mAP"]
    assert names == ["task", "id", *(str(measure) for measure in MEASURES)]
