from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosshash.errors import CrosshashError
from crosshash.experiments.costs import Costs
from crosshash.experiments.runs import Run
from crosshash.experiments.table.latex import latex_table
from crosshash.experiments.table.leaderboard import build_leaderboard
from crosshash.experiments.table.markdown import markdown_table
from crosshash.experiments.table.page import leaderboard_page
from crosshash.experiments.table.pareto_plot import write_plot
from crosshash.experiments.table.points import Point, Score, front, points_of
from crosshash.experiments.table.points_table import heads, text_rows
from tests.experiments.made_runs import made_run

TASKS = ("i2t", "t2i")


def scored(mean: float, name: str = "mAP") -> dict[str, Any]:
    return {task: {name: mean, f"{name}_low": mean - 0.1, f"{name}_high": mean + 0.1} for task in TASKS}


def run(name: str, method: str, mean: float, codes: int, seed: int = 0, **metrics: object) -> Run:
    """A run with all that is recorded today: asymmetric scores .05 above, partners found in .2 and .3."""
    made = made_run(
        {task: {"AP": [mean] * 4} for task in TASKS}, name,
        method=method, bits=8 * codes, settings={"seed": seed},
        asymmetric=scored(mean + 0.05),
        partner=scored(0.2, "recall@1") | {"asymmetric": scored(0.3, "recall@1")},
        bytes={"codes": codes, "factors": 0, "ids": 8}, **metrics,
    )  # fmt: skip
    return replace(made, costs=Costs(codes, 0, 8, codes + 8.5, 3 + seed))


def cells(runs: list[Run]) -> list[dict[str, str]]:
    board = build_leaderboard(runs)
    return [dict(zip(heads(board), row.cells, strict=True)) for row in text_rows(board, 0)]


def test_a_point_for_each_length_and_distance() -> None:
    """Two seeds: .6 and .7 are .65; 3 and 4 seconds 3.5, which rounds to even; their partners .2 and .3."""
    first, second = cells([run("a", "twdh", 0.6, 2), run("b", "twdh", 0.7, 2, seed=1)])
    assert list(first.values()) == [
        "TwDH", "yes", "16", "Hamming", "2", "0", "8", "10.5", "4",
        "0.650 / 0.650", "0.200 / 0.200", "– / –", "– / –",
    ]  # fmt: skip
    assert (second["distance"], second["mAP"]) == ("asymmetric", "0.700 / 0.700")
    assert second["partner recall@1"] == "0.300 / 0.300"


def test_what_older_runs_did_not_record_is_a_dash() -> None:
    (only,) = cells([made_run({task: {"AP": [0.5] * 4} for task in TASKS}, "old", method="gone")])
    assert list(only.values()) == ["gone", "–", "16", "Hamming", *["–"] * 5, "0.500 / 0.500", *["– / –"] * 3]


def test_a_set_without_labels_has_the_scores_of_partners_alone() -> None:
    """Such runs have recall@n as scores of their tasks, those of before partners had a section too."""
    made = made_run({task: {"recall@1": [0.25] * 4} for task in TASKS}, "cca", method="cca", base_rate=None)
    board = build_leaderboard([made], measure="recall@1")
    (row,) = text_rows(board, 0)
    found = dict(zip(heads(board), row.cells, strict=True))
    assert (found["labels"], found["partner recall@1"]) == ("no", "0.250 / 0.250")


def test_label_recall_is_not_taken_for_that_of_partners() -> None:
    """recall@10 by labels stands in per_query.parquet, and is another measure."""
    made = made_run({task: {"AP": [0.5] * 4, "recall@10": [0.9] * 4} for task in TASKS}, "a")
    (found,) = cells([made])
    assert found["partner recall@10"] == "– / –"


def test_items_without_hamming_distance_are_in_the_table() -> None:
    """Real vectors know one distance; their 64 floats are 256 bytes, 20 of factors beside."""
    made = run("float", "cca", 0.6, 2)
    metrics = {key: value for key, value in made.metrics.items() if key not in TASKS}
    metrics["partner"] = {"asymmetric": made.metrics["partner"]["asymmetric"]}
    costs = Costs(256, 20, 8, None, None)
    floats = Run("float", made.settings, metrics, None, None, costs)
    board = build_leaderboard([floats])
    (row,) = text_rows(board, 0)
    assert row.cells[3:9] == ("asymmetric", "256", "20", "8", "–", "–")
    assert row.cells[9] == "0.650 / 0.650"
    for form in (markdown_table, latex_table, leaderboard_page):
        assert "0.650 / 0.650" in form(board)


def point(size: float | None, mean: float | None) -> Point:
    scores = {task: {} if mean is None else {"mAP": Score(mean, None, None)} for task in TASKS}
    return Point(0, 16, "Hamming", True, Costs(size, 0), scores, ())


def test_the_front_by_hand() -> None:
    """4 bytes at .6 lose to 2 at .7, of two with 2 bytes the better one counts; unknown ones take no part."""
    best, more = point(2, 0.7), point(8, 0.8)
    others = [point(4, 0.6), point(2, 0.5), point(16, 0.8), point(None, 0.9), point(1, None)]
    assert front([*others, more, best], "mAP") == [best, more]


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6)), max_size=12))
def test_the_front_is_what_nothing_beats(pairs: list[tuple[int, int]]) -> None:
    """Against all pairs: each of the front is beaten by none, and each other is matched by one of it."""
    points = [point(size, mean) for size, mean in pairs]
    found = [(one.costs.memory, one.mean("mAP")) for one in front(points, "mAP")]
    for size, mean in pairs:
        beaten = any((a <= size and b > mean) or (a < size and b >= mean) for a, b in pairs)
        assert ((size, mean) in found) is not beaten
    assert found == sorted(set(found))


def test_bold_is_the_front(tmp_path: Path) -> None:
    """Asymmetric distance is .05 better at the same bytes, so Hamming is never on the front of mAP."""
    board = build_leaderboard([run("a", "twdh", 0.6, 2), run("b", "twdh", 0.7, 4), run("c", "cca", 0.5, 4)])
    place = heads(board).index("mAP")
    rows = text_rows(board, 0)
    assert [row.cells[:4] for row in rows if row.bold[place]] == [
        ("TwDH", "yes", "16", "asymmetric"), ("TwDH", "yes", "32", "asymmetric"),
    ]  # fmt: skip
    text = markdown_table(board)
    assert "| TwDH | yes | 16 | asymmetric | 2 | 0 | 8 | 10.5 | 3 | **0.650 / 0.650** |" in text
    assert r"TwDH & yes & 32 & asymmetric & 4 & 0 & 8 & 12.5 & 3 & \textbf{0.750 / 0.750}" in latex_table(
        board
    )
    assert "<b>0.650 / 0.650</b>" in leaderboard_page(board)
    assert 'aria-label="Bytes of an item against mAP' in leaderboard_page(board)
    for kind in ("png", "svg", "pdf"):
        for name in ("one", "two"):
            write_plot(board, tmp_path / f"{name}.{kind}")
        one, two = ((tmp_path / f"{name}.{kind}").read_bytes() for name in ("one", "two"))
        assert one == two
    assert "mAP, t2i" in (tmp_path / "one.svg").read_text()


def test_plots_that_cannot_be_drawn_are_refused(tmp_path: Path) -> None:
    board = build_leaderboard([made_run({task: {"AP": [0.5] * 4} for task in TASKS})])
    with pytest.raises(CrosshashError, match=r"no run has recorded the bytes of its items"):
        write_plot(board, tmp_path / "a.png")
    with pytest.raises(CrosshashError, match=r"a\.gif: the ending says no kind of picture"):
        write_plot(board, tmp_path / "a.gif")
    two = [run("a", "twdh", 0.6, 2), run("b", "twdh", 0.6, 2, dataset="features")]
    with pytest.raises(CrosshashError, match=r"there are 2:\n(?s:.*)features(?s:.*)--dataset"):
        write_plot(build_leaderboard(two), tmp_path / "a.png")
    assert "<svg" not in leaderboard_page(board)


def test_stored_vectors_have_a_point_by_asymmetric_distance_and_no_cell_of_the_table_by_hamming() -> None:
    """Their tasks are scored by inner products, so that nothing of them may stand as Hamming distance."""
    made = run("v", "cca", 0.6, 4, vectors="pq")
    made = replace(made, metrics={**made.metrics, "asymmetric": {}, "partner": scored(0.2, "recall@1")})
    (only,) = cells([made])
    assert (only["distance"], only["mAP"]) == ("asymmetric", "0.600 / 0.600")
    assert only["partner recall@1"] == "0.200 / 0.200"
    board = build_leaderboard([made, run("h", "twdh", 0.5, 4)])
    by_method = {row.method: row.cell(0, 32, "i2t") for row in board.rows}
    assert by_method["cca"] is None
    assert by_method["twdh"] is not None
    assert all(form(board) for form in (latex_table, markdown_table, leaderboard_page))


def test_recall_by_labels_stands_beside_that_of_partners() -> None:
    """recall@10 by labels .4, of the own partner .2: two measures, two columns."""
    made = run("one", "twdh", 0.6, 2)
    metrics = {**made.metrics, **scored(0.4, "recall@10"), "partner": scored(0.2, "recall@10")}
    first = points_of([replace(made, metrics=metrics)], 0, 16, "recall@10", True)[0]
    shown = {name: one.mean for name, one in first.scores["i2t"].items()}
    assert shown == {"recall@10": 0.4, "partner recall@10": 0.2}
