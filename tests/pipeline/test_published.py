"""A published data set as users run it: real DVC, a local server as mirror."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.acquire.file_server import FileServer
from tests.conftest import STAGES, run_stages
from tests.datasets.layouts.coco_fixture import pack_coco, write_coco
from tests.projects import copy_project, run

SMALL = (
    "split.query=10",
    "split.train=40",
    "split.missing_class=warn",
    "bits=8",
    "twdh.train_bits=16",
    "train.epochs=1",
    "train.batch=16",
    "model.hidden=16",
    "evaluate.bootstrap=10",
    "report.queries=2",
    "report.top=3",
)

pytestmark = pytest.mark.xdist_group("pipeline")


def outputs(project: Path, *stages: str) -> list[object]:
    """Hashes of what the stages wrote."""
    lock = yaml.safe_load((project / "dvc.lock").read_text())["stages"]
    return [lock[stage]["outs"] for stage in stages]


def test_coco_from_a_mirror_that_is_not_asked_again(tmp_path: Path) -> None:
    """70 pictures, of which 64 show something: 10 ask, 38 are trained on, 2 choose, 14 are only searched.

    DVC runs what has to do with the mirror; one process runs what follows.
    """
    served = pack_coco(write_coco(tmp_path / "original"), tmp_path / "served")
    project = copy_project(tmp_path / "project")
    with FileServer(served) as server:
        settings = ("dataset=coco2017", f"download.mirror={server.url}", "download.checksums=first", *SMALL)
        chosen = [f"-S{setting}" for setting in settings]
        first = run(project, ["dvc", "exp", "run", "convert", *chosen], tmp_path)
        assert first.returncode == 0, first.stdout
        assert {server.count(path.name) for path in served.iterdir()} == {1}
        asked, before = len(server.requests), outputs(project, "download", "convert")
        again = run(project, ["dvc", "repro", "--force", "convert"], tmp_path)
        assert again.returncode == 0, again.stdout
        assert "Running stage 'download'" in again.stdout
        assert "Running stage 'convert'" in again.stdout
        assert len(server.requests) == asked
    assert outputs(project, "download", "convert") == before
    info = json.loads((project / "data" / "coco2017" / "info.json").read_text())
    assert {key: info["counts"][key] for key in ("query", "train", "val", "rest")} == {
        "query": 10, "train": 38, "val": 2, "rest": 14,
    }  # fmt: skip
    rest = run_stages(project, *STAGES[STAGES.index("embed") :], "report", dataset="coco2017")
    assert rest.returncode == 0, rest.stderr
    metrics = json.loads((project / "metrics.json").read_text())
    assert all(0 <= metrics[task]["mAP"] <= 1 for task in ("i2t", "t2i"))
