from __future__ import annotations

import errno
import json
import threading
from pathlib import Path

import pytest

from crosshash.errors import CrosshashError
from crosshash.training.learning_curves import Curves
from crosshash.training.step_bar import StepBar

ROWS = [{"loss": 0.75, "val_i2t": 1 / 3}, {"loss": 0.1 + 0.2, "val_i2t": 0.5}]


def write(folder: Path, rows: list[dict[str, float]]) -> dict[str, bytes]:
    with Curves(folder) as curves:
        for epoch, row in enumerate(rows, start=1):
            curves.add(epoch, row)
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_every_epoch_is_a_step_of_each_curve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = write(Path("dvclive"), ROWS)
    assert set(files) == {"metrics.json", "plots/metrics/loss.tsv", "plots/metrics/val_i2t.tsv"}
    lines = files["plots/metrics/loss.tsv"].decode().splitlines()
    assert lines[0].split("\t") == ["step", "loss"]
    assert [line.split("\t")[0] for line in lines[1:]] == ["1", "2"]
    assert [float(line.split("\t")[1]) for line in lines[1:]] == [0.75, 0.1 + 0.2]
    assert json.loads(files["metrics.json"])["val_i2t"] == 0.5
    assert [path.name for path in tmp_path.iterdir()] == ["dvclive"]


def test_curves_written_again_have_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training that goes on writes the epochs before it again, for DVC has removed the folder."""
    monkeypatch.chdir(tmp_path)
    assert write(Path("first"), ROWS) == write(Path("second"), ROWS) != {}
    assert write(Path("second"), ROWS) == write(Path("first"), ROWS)


def test_no_thread_is_started_where_no_studio_is_to_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With little memory its start may wait for ever."""
    monkeypatch.setattr(threading.Thread, "start", None)
    write(tmp_path / "dvclive", ROWS)


def test_a_full_disk_is_told_with_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with Curves(tmp_path / "dvclive") as curves:
        monkeypatch.setattr(curves.live, "log_metric", full)
        with pytest.raises(CrosshashError, match=f"{tmp_path}/dvclive"):
            curves.add(1, ROWS[0])


def test_the_bar_is_silent_in_a_log(capfd: pytest.CaptureFixture[str]) -> None:
    with StepBar("epoch 1/2", 3) as bar:
        bar.advance(8, 0.5)
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""
