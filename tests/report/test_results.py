"""What a run left behind: all there, of one run, or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crosshash.artifacts import read_json, write_json
from crosshash.errors import CrosshashError
from crosshash.report.results import read_results
from tests.report.runs import BITS


@pytest.mark.parametrize(
    "path",
    [
        "metrics.json",
        "plots/pr.csv",
        "plots/pr_by_rank.csv",
        "artifacts/scores.csv",
        "artifacts/codes/retrieval.npz",
        "artifacts/per_query.parquet",
        "data/scenes/pairs.parquet",
    ],
)
def test_a_missing_file_is_named_with_the_remedy(write_run: Callable[..., Path], path: str) -> None:
    folder = write_run()
    (folder / path).unlink()
    with pytest.raises(CrosshashError, match="dvc repro") as error:
        read_results(folder, "scenes", BITS)
    assert path in str(error.value)


def test_all_missing_files_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(CrosshashError) as error:
        read_results(tmp_path, "scenes", BITS)
    named = (
        "metrics.json",
        "plots/pr.csv",
        "codes/query.npz",
        "model.json",
        "dvclive",
        "scenes/info.json",
        "shards",
    )
    assert all(name in str(error.value) for name in named)


def test_results_of_another_run_are_refused(write_run: Callable[..., Path]) -> None:
    with pytest.raises(CrosshashError, match=r"metrics\.json has 16 bits, the plan says 12"):
        read_results(write_run(), "scenes", 12)


def test_codes_of_other_items_are_refused(write_run: Callable[..., Path]) -> None:
    folder = write_run()
    path = folder / "data/scenes/pairs.parquet"
    pd.read_parquet(path).iloc[1:].to_parquet(path, index=False)
    with pytest.raises(
        CrosshashError, match=r"query\.npz has 1 ids that pairs\.parquet lacks, as 'query/0\.jpg'"
    ):
        read_results(folder, "scenes", BITS)


def test_curves_keep_finite_values_by_step(write_run: Callable[..., Path]) -> None:
    folder = write_run()
    (folder / "dvclive/plots/metrics/loss.tsv").write_text(
        "step\tloss\n1\t0.5\n2\tnan\n3\t0.25\n", encoding="utf-8"
    )
    curves = read_results(folder, "scenes", BITS).curves
    assert curves["loss"] == [(1, 0.5), (3, 0.25)]
    assert curves["val_i2t"] == [(1, 0.4), (2, 0.7), (3, 0.8)]


def test_a_tokenizer_in_the_model_is_not_printed(write_run: Callable[..., Path]) -> None:
    folder = write_run()
    path = folder / "artifacts/model/model.json"
    text = {"name": "hf/bert", "config": {"tokenizer": "[PAD]" * 4_000, "steps": ["a" * 1_000, "b" * 1_001]}}
    write_json(path, read_json(path) | {"text": text})
    shown = read_results(folder, "scenes", BITS).model["text"]
    told = {"tokenizer": "(20,000 characters)", "steps": ["a" * 1_000, "(1,001 characters)"]}
    assert shown == {"name": "hf/bert", "config": told}


def test_scores_of_queries_stand_at_their_rows(write_run: Callable[..., Path]) -> None:
    folder = write_run()
    path = folder / "artifacts/per_query.parquet"
    table = pd.read_parquet(path)
    table[table["id"] != "query/1.jpg"].iloc[::-1].to_parquet(path, index=False)
    results = read_results(folder, "scenes", BITS)
    assert results.query_scores("t2i", "AP").tolist() == pytest.approx([0.1, np.nan, 0.3, 0.4], nan_ok=True)
    assert np.isnan(results.query_scores("t2i", "unknown")).all()
