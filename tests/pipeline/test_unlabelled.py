"""A set without any label through all stages, by the method that learns from none."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.conftest import ROOT, STAGES, run_stages, small_project

QUERIES, SEARCHED = 10, 50


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 60 example vectors and their captions, the column of labels empty, trained with DJSRH."""
    folder = tmp_path_factory.mktemp("unlabelled")
    project = small_project(folder / "project")
    vectors = folder / "vectors"
    shutil.copytree(ROOT / "examples/features", vectors)
    with (vectors / "pairs.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with (vectors / "pairs.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(row | {"labels": ""} for row in rows)
    params = yaml.safe_load((project / "params.yaml").read_text())
    params |= {"dataset": "features", "method": "djsrh", "features": {"path": str(vectors)}}
    params["split"] |= {"query": QUERIES, "train": 40}
    params["train"] |= {"epochs": 2, "batch": 16}
    params["model"]["hidden"] = 32
    params["report"]["queries"] = 2
    (project / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    done = run_stages(project, *STAGES, "report", dataset="features")
    assert done.returncode == 0, done.stderr
    return project


def test_every_stage_knows_that_there_is_no_label(project: Path) -> None:
    info = json.loads((project / "data/features/info.json").read_text())
    assert info["classes"] == []
    assert info["counts"]["unlabelled"] == QUERIES + SEARCHED
    assert json.loads((project / "artifacts/model/model.json").read_text())["best_epoch"] == 2
    metrics = json.loads((project / "metrics.json").read_text())
    assert metrics["method"] == "djsrh"
    assert (metrics["n_query"], metrics["n_retrieval"]) == (QUERIES, SEARCHED)
    assert (metrics["n_unlabelled"], metrics["base_rate"], metrics["target_mAP"]) == (60, None, None)


def test_queries_are_scored_by_their_own_partner(project: Path) -> None:
    """Among the items of query and retrieval set; of equal distances every order counts alike."""
    sides = [dict(np.load(project / f"artifacts/codes/{name}.npz")) for name in ("query", "retrieval")]
    metrics = json.loads((project / "metrics.json").read_text())
    answers = {"i2t": ("image", "text"), "t2i": ("text", "image")}
    for task, (asking, answering) in answers.items():
        known = np.concatenate([side[answering] for side in sides])
        if answering == "text":
            known = known[np.concatenate([side["has_text"] for side in sides])]
        found = np.zeros(3)
        for query, partner in zip(sides[0][asking], sides[0][answering], strict=True):
            distances = np.array([sum(int(byte).bit_count() for byte in query ^ other) for other in known])
            own = sum(int(byte).bit_count() for byte in query ^ partner)
            before, equal = (distances < own).sum(), (distances == own).sum()
            found += [min(max((k - before) / equal, 0), 1) / QUERIES for k in (1, 5, 10)]
        assert list(metrics[task].values()) == pytest.approx(found, abs=1e-6)
        assert list(metrics[task]) == ["recall@1", "recall@5", "recall@10"]


def test_the_report_shows_those_scores_and_says_what_they_are(project: Path) -> None:
    page = (project / "report/index.html").read_text(encoding="utf-8")
    metrics = json.loads((project / "metrics.json").read_text())
    for task in ("i2t", "t2i"):
        assert f"{metrics[task]['recall@10']:.4f}" in page
    assert "This set has no labels" in page
    assert "own partner is among the first ten" in page
