from __future__ import annotations

import json
from pathlib import Path

import pytest
from dvc.repo import Repo
from typer.testing import CliRunner

from crosshash.cli import app
from tests.experiments.repository import git


def run(project: Path, *arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["leaderboard", *arguments, "--project", str(project)])
    return done.exit_code, done.stdout, done.stderr


def test_markdown_is_the_default(experiments: Path) -> None:
    code, text, _ = run(experiments)
    assert code == 0
    assert [line.split(" | ")[0] for line in text.splitlines()[2:4]] == ["| DCMHT", "| TwDH"]
    assert "(2)" in text.splitlines()[3]
    assert "- broken: failed; `dvc queue logs broken` says why" in text
    assert "- waiting: waits in the queue" in text


def test_json(experiments: Path) -> None:
    code, text, _ = run(experiments, "--format", "json", "--measure", "P@10")
    assert code == 0
    found = json.loads(text)
    assert found["measure"] == "P@10"
    assert [one["name"] for one in found["left_out"]] == ["broken", "waiting"]
    cells = {(row["method"], cell["task"]): cell for row in found["rows"] for cell in row["cells"]}
    assert cells["twdh", "i2t"]["seeds"] == [0, 1]
    assert (cells["twdh", "t2i"]["verdict"], cells["dcmht", "t2i"]["verdict"]) == ("best", "worse")


@pytest.mark.parametrize(
    ("name", "start"),
    [("a.html", "<!doctype html>"), ("a.tex", "% needs"), ("a.md", "| mAP"), ("a.json", "{")],
)
def test_the_ending_says_the_form(experiments: Path, tmp_path: Path, name: str, start: str) -> None:
    code, text, _ = run(experiments, "--output", str(tmp_path / name))
    assert (code, text.strip()) == (0, str(tmp_path / name))
    assert (tmp_path / name).read_text().startswith(start)


def test_an_ending_that_says_no_form_is_refused_unless_the_form_is_given(
    experiments: Path, tmp_path: Path
) -> None:
    for name in ("board.xyz", "board"):
        code, _, error = run(experiments, "--output", str(tmp_path / name))
        assert code == 1
        assert f"{name}: the ending says no form. Let it end in one of .html .tex .md .json" in error
    assert list(tmp_path.iterdir()) == []
    code, _, _ = run(experiments, "--format", "json", "--output", str(tmp_path / "board.txt"))
    assert code == 0
    assert (tmp_path / "board.txt").read_text().startswith("{")


def test_unknown_data_set_and_measure(experiments: Path, tmp_path: Path) -> None:
    """A clear word, and no file."""
    for arguments, words in (
        (("--dataset", "coco2017"), "no run on coco2017; there are runs on: scenes"),
        (("--measure", "map"), "did you mean mAP?"),
    ):
        code, _, error = run(experiments, *arguments, "--output", str(tmp_path / "a.html"))
        assert code == 1
        assert words in error
    assert list(tmp_path.iterdir()) == []


def test_nothing_yet(tmp_path: Path) -> None:
    """A project without a run: what makes one."""
    git(tmp_path, "init", "--quiet")
    Repo.init(str(tmp_path)).close()
    code, _, error = run(tmp_path)
    assert code == 1
    assert "no experiment has scores yet" in error
    assert "dvc exp run -S bits=16" in error


def test_no_project(tmp_path: Path) -> None:
    code, _, error = run(tmp_path)
    assert code == 1
    assert "--project" in error
