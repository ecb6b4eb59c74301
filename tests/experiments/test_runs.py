from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from crosshash.config.yaml_text import parse_yaml
from crosshash.errors import CrosshashError
from crosshash.experiments.files import flat
from crosshash.experiments.revisions import Folder
from crosshash.experiments.runs import Run, read_run


def write(folder: Path, stated: float = 0.5, **columns: object) -> Folder:
    (folder / "artifacts").mkdir(exist_ok=True)
    metrics = {"method": "twdh", "dataset": "scenes", "bits": 16, "i2t": {"mAP": stated, "mAP_low": 0.1}}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    table = {"task": ["i2t", "i2t"], "id": ["a", "b"], "AP": [0.4, 0.6], "P@1": [1.0, 0.0], **columns}
    pd.DataFrame(table).to_parquet(folder / "artifacts/per_query.parquet")
    return Folder(folder)


def refusal(files: Folder) -> str:
    with pytest.raises(CrosshashError) as error:
        read_run("own", files)
    return str(error.value)


def test_a_run_is_read(tmp_path: Path) -> None:
    run = read_run("own", write(tmp_path, note=["text", "is no measure"]))
    assert (run.method, run.dataset, run.bits, run.seed) == ("twdh", "scenes", 16, None)
    assert run.by_query("i2t").to_dict() == {"mAP": {"a": 0.4, "b": 0.6}, "P@1": {"a": 1.0, "b": 0.0}}
    assert run.measures("i2t") == ["mAP", "P@1"]
    assert (run.mean("i2t", "mAP"), run.mean("i2t", "P@1"), run.mean("t2i", "mAP")) == (0.5, 0.5, None)


def test_files_of_different_runs(tmp_path: Path) -> None:
    assert "mAP of i2t is 0.51 in metrics.json, 0.500000 in" in refusal(write(tmp_path, stated=0.51))


def test_no_metrics(tmp_path: Path) -> None:
    assert "no metrics.json" in refusal(Folder(tmp_path))


@pytest.mark.parametrize("text", ["{", "[1]", '{"method": "twdh"}'])
def test_damaged_metrics(tmp_path: Path, text: str) -> None:
    files = write(tmp_path)
    (tmp_path / "metrics.json").write_text(text)
    assert "own: metrics.json" in refusal(files)


def test_damaged_scores(tmp_path: Path) -> None:
    files = write(tmp_path)
    path = tmp_path / "artifacts/per_query.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    assert "per_query.parquet: cannot be read" in refusal(files)


def test_a_query_twice(tmp_path: Path) -> None:
    assert "has query a twice" in refusal(write(tmp_path, id=["a", "a"]))


def test_scores_without_ids(tmp_path: Path) -> None:
    files = write(tmp_path)
    pd.DataFrame({"AP": [0.5]}).to_parquet(tmp_path / "artifacts/per_query.parquet")
    assert "no columns task and id" in refusal(files)


def test_numbers_as_dvc_writes_them() -> None:
    """5.0e-5 in params.yaml is 5e-05 in dvc.lock, which YAML 1.1 takes for text."""
    found = flat(parse_yaml("a: {b: 5e-05, c: 5e, d: null, e: 5.0e-5}"))
    assert found == {"a.b": 5e-5, "a.c": "5e", "a.d": None, "a.e": 5e-5}


def test_no_scores_by_query() -> None:
    run = Run("own", {}, {"i2t": {"mAP": 0.5}}, None, None)
    assert run.mean("i2t", "mAP") == 0.5
    assert run.mean("i2t", "P@1") is None
