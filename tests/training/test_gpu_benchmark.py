from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from benchmarks import gpu
from crosshash.artifacts import read_json


def test_the_benchmark_of_gpus_runs_small_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["gpu", "--small", "--output", str(tmp_path / "gpu.json")])
    gpu.main()
    found = read_json(tmp_path / "gpu.json")
    assert [(line["batch"], line["source"]) for line in found["training"]] == [
        (4, "ready"), (4, "shards"), (8, "ready"), (8, "shards"),
    ]  # fmt: skip
    for line in found["training"]:
        assert line["items_per_second"] > 0
        assert line["peak"] > 0
        assert 0 <= line["waiting"] <= 1
    assert set(found["encoded_per_second"]) == {"images", "texts"}
    assert "waiting for data" in capsys.readouterr().out


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_there_is_nothing_to_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["gpu"])
    with pytest.raises(SystemExit, match="no CUDA device"):
        gpu.main()
