from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crosshash.artifacts import read_json
from crosshash.errors import CrosshashError
from crosshash.retrieval.scoring.metrics_file import read_metrics, scores_of, warning_of
from crosshash.retrieval.scoring.printed_table import score_table

ROOT = Path(__file__).resolve().parents[3]


def metrics() -> dict[str, Any]:
    return dict(read_json(ROOT / "metrics.json"))


def test_scores_in_git_are_read_as_they_are() -> None:
    assert read_metrics(ROOT / "metrics.json") == metrics()


def test_without_labels_two_tasks_are_enough(tmp_path: Path) -> None:
    found = metrics() | {"base_rate": None, "i2t": {"recall@1": 0.5}, "t2i": {"recall@1": 1}}
    del found["i2i"], found["t2t"]
    (tmp_path / "metrics.json").write_text(json.dumps(found))
    assert score_table(read_metrics(tmp_path / "metrics.json")).row_count == 1


DAMAGE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a list": (lambda _: [1, 2], "all: "),
    "nothing": (lambda _: {}, "bits: "),
    "a number": (lambda _: 0.5, "all: "),
    "no bits": (lambda found: {**found, "bits": "32"}, "bits: "),
    "a score as text": (lambda found: {**found, "t2i": {**found["t2i"], "mAP": "0.9"}}, "t2i.mAP: "),
    "a score that is no number": (lambda found: {**found, "i2i": {"mAP": float("nan")}}, "i2i.mAP: "),
    "a task without scores": (lambda found: {**found, "i2t": None}, "i2t: "),
    "scores that are none": (lambda found: {**found, "i2i": [0.1]}, "i2i: "),
    "no measure": (lambda found: {**found, "i2t": {}}, "i2t: no measure"),
    "a measure lost": (lambda found: {**found, "t2t": {"mAP": 0.5}}, r"t2t: has not the measures of i2t \("),
    "no counts": (lambda found: {k: v for k, v in found.items() if k[:2] != "n_"}, "n_unlabelled: "),
    "chance as text": (lambda found: {**found, "base_rate": "0.2"}, "base_rate: "),
    "a method as a list": (lambda found: {**found, "method": ["twdh"]}, "method: "),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_what_is_damaged_is_named_with_the_remedy(tmp_path: Path, what: str) -> None:
    change, message = DAMAGE[what]
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(change(metrics())))
    with pytest.raises(
        CrosshashError, match=rf"(?s){path}.*`dvc repro evaluate` writes it anew.*- {message}"
    ):
        read_metrics(path)


def test_a_merge_that_was_not_settled_is_no_json(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text("<<<<<<< HEAD\n{}\n")
    with pytest.raises(CrosshashError, match=r"metrics\.json: cannot be read as JSON"):
        read_metrics(tmp_path / "metrics.json")


def test_the_warning_is_that_of_the_same_model_alone(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    run = {"method": "hq", "dataset": "pets", "bits": 16}
    assert warning_of(path, **run) is None
    path.write_text(json.dumps(metrics() | run | {"warning": "no sign of anything learnt"}))
    assert warning_of(path, **run) == "no sign of anything learnt"
    for other in ({"method": "twdh"}, {"dataset": "scenes"}, {"bits": 32}):
        assert warning_of(path, **(run | other)) is None
    path.write_text(json.dumps(metrics() | run | {"warning": None}))
    assert warning_of(path, **run) is None
    path.write_text("{}")
    assert warning_of(path, **run) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"i2t": None, "t2i": None, "i2i": None, "t2t": None}, "i2t: no measure"),
        ({"i2t": None, "t2i": {}}, "t2i: no measure"),
        ({"t2i": {"mAP": 0.5, "other": 1}}, "t2i: has not the measures of i2t (mAP_high, mAP_low, other)"),
        (
            {"i2t": None, "i2i": {"mAP": 0.5}, "t2t": None},
            "i2i: has not the measures of t2i (mAP_high, mAP_low)",
        ),
    ],
)
def test_tasks_of_other_measures_than_the_first_are_named(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    ends = {"mAP": 0.5, "mAP_low": 0.25, "mAP_high": 0.75}
    found = metrics() | dict.fromkeys(("i2t", "t2i", "i2i", "t2t"), ends) | {"warning": None} | change
    path = tmp_path / "metrics.json"
    path.write_text(
        json.dumps({key: value for key, value in found.items() if value is not None or key == "warning"})
    )
    with pytest.raises(CrosshashError) as caught:
        read_metrics(path)
    assert [line for line in str(caught.value).splitlines() if line.startswith("  - ")] == [f"  - {message}"]


def test_one_task_and_a_run_that_scores_nothing_are_read(tmp_path: Path) -> None:
    counts = ("bits", "n_undefined", "n_unlabelled", "n_captionless", "base_rate")
    bare = {key: metrics()[key] for key in counts}
    for found in (bare | {"i2i": {"mAP": 0.5}}, bare | {"warning": "nothing tells how good searches are"}):
        (tmp_path / "metrics.json").write_text(json.dumps(found))
        read = read_metrics(tmp_path / "metrics.json")
        assert read == found
        assert score_table(read).row_count == ("i2i" in found)


def test_scores_are_those_of_the_same_model_as_far_as_they_have_intervals(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    run = {"method": "hq", "dataset": "pets", "bits": 16}
    assert scores_of(path, **run) == {}
    ends = {"mAP": 0.5, "mAP_low": 0.25, "mAP_high": 0.75}
    bare = {key: value for key, value in metrics().items() if key not in ("i2i", "t2t")}
    tasks = {"t2i": ends | {"P@10": 1.0}, "i2t": {"mAP": 0.0, "mAP_low": 0.0, "mAP_high": 0.25, "P@10": 0.5}}
    path.write_text(json.dumps(bare | run | tasks))
    found = scores_of(path, **run)
    assert found == {"i2t": {"mAP": 0.0, "mAP_low": 0.0, "mAP_high": 0.25}, "t2i": ends}
    assert list(found) == ["i2t", "t2i"]
    for other in ({"method": "twdh"}, {"dataset": "scenes"}, {"bits": 32}):
        assert scores_of(path, **(run | other)) == {}
    path.write_text(json.dumps(bare | run | {task: {"recall@1": 0.5} for task in ("i2t", "t2i")}))
    assert scores_of(path, **run) == {}
