from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from typer.testing import CliRunner, Result

import crosshash
from crosshash.artifacts import read_json, write_json
from crosshash.cli import app
from crosshash.config.params import DATASETS
from crosshash.models.weights.tensors import read_tensors


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def run_json(*arguments: str | Path) -> Any:  # noqa: ANN401
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def refused(*arguments: str | Path) -> str:
    """The one message of a command that fails."""
    done = run(*arguments)
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == done.stderr.strip().count("\n") + 1
    return done.stderr


def test_the_installed_command_tells_its_version() -> None:
    command = Path(sys.executable).parent / "crosshash"
    for option in ("--version", "-V"):
        done = subprocess.run([command, option], capture_output=True, text=True, check=True)
        assert done.stdout == f"{crosshash.__version__}\n"


def test_help_is_short_and_long_for_every_command() -> None:
    for command in ((), ("search",), ("encode",), ("weights", "convert")):
        short, long = run(*command, "-h"), run(*command, "--help")
        assert short.exit_code == 0
        assert short.output == long.output


def test_a_shell_completes_commands_and_options() -> None:
    command = Path(sys.executable).parent / "crosshash"
    asked = {"COMP_WORDS": "crosshash sc", "COMP_CWORD": "1", "_CROSSHASH_COMPLETE": "complete_bash"}
    done = subprocess.run([command], env={**os.environ, **asked}, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["score", "scores"]
    assert "--install-completion" in run("-h").output


def test_without_a_command_there_is_help() -> None:
    for arguments in ((), ("--help",)):
        output = run(*arguments).output
        for command in ("data", "search", "encode", "score", "scores", "weights"):
            assert command in output


def test_the_code_files_that_readme_scores_are_those_of_a_run(trained_project: Path) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    commands = [
        line.partition("#")[0].split() for line in readme.splitlines() if line.startswith("crosshash score ")
    ]
    files = [word for command in commands for word in command[2:] if "/" in word]
    assert len(files) == 4
    assert [name for name in files if not (trained_project / name).is_file()] == []


# data


def test_data_sets_are_listed(trained_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSHASH_RAW", str(trained_project / "raw"))
    entries = {entry["name"]: entry for entry in run_json("data", "--project", trained_project)}
    assert set(entries) == set(DATASETS)
    assert (entries["scenes"]["state"], entries["scenes"]["pairs"]) == ("converted", 120)
    done = run("data", "--project", trained_project)
    assert done.exit_code == 0, done.output
    for name in DATASETS:
        assert name[:6] in done.stdout


def test_data_sets_with_wrong_settings_are_told_below_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSHASH_RAW", str(tmp_path / "raw"))
    (tmp_path / "params.yaml").write_text("custom: {path: none, layout: auto, follow_links: false}\n")
    done = run("data", "--project", tmp_path)
    assert done.exit_code == 0, done.output
    assert f"custom: params.yaml: custom.path: '{tmp_path / 'none'}' is not there." in done.stdout
    (tmp_path / "params.yaml").write_text("[")
    assert "params.yaml: is not valid YAML" in refused("data", "--project", tmp_path)


# scores


def test_a_project_that_has_not_run_has_no_scores(tmp_path: Path) -> None:
    assert "metrics.json: not found" in refused("scores", "--project", tmp_path)


def test_the_scores_of_the_last_run_and_the_place_of_its_report(
    trained_project: Path, tmp_path: Path
) -> None:
    shutil.copy(trained_project / "metrics.json", tmp_path)
    done = run("scores", "--project", tmp_path)
    assert done.exit_code == 0
    metrics = read_json(trained_project / "metrics.json")
    assert f"{metrics['i2t']['mAP']:.4f}" in done.stdout
    assert "16 bits" in done.stdout
    assert "report: none yet, `dvc repro` writes it" in done.stdout
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "index.html").touch()
    done = run("scores", "--project", tmp_path)
    assert f"report: {tmp_path.resolve()}/report/index.html" in done.stdout.replace("\n", "")
    assert run_json("scores", "--project", tmp_path) == metrics


def test_scores_that_are_those_of_chance_say_so(trained_project: Path, tmp_path: Path) -> None:
    metrics = read_json(trained_project / "metrics.json")
    for warning in (None, "no sign of anything learnt: all is chance"):
        write_json(tmp_path / "metrics.json", {**metrics, "warning": warning})
        lines = run("scores", "--project", tmp_path).stdout.splitlines()
        assert (f"warning: {warning}" in lines) == (warning is not None)


def test_damaged_scores_are_told(tmp_path: Path) -> None:
    for content in ("[]", "{}", '{"bits": 16, "i2t": {"mAP": "high"}}', "{"):
        (tmp_path / "metrics.json").write_text(content)
        assert "metrics.json: " in refused("scores", "--project", tmp_path)
        assert "metrics.json: " in refused("scores", "--project", tmp_path, "--json")


def test_codes_in_files_score_as_in_the_pipeline(trained_project: Path) -> None:
    """By this project's packed files and by the .mat file that published code would read."""
    codes = trained_project / "artifacts" / "codes"
    metrics = json.loads((trained_project / "metrics.json").read_text())
    del metrics["partner"]["asymmetric"]  # files of codes hold no real ones
    for files in ((codes / "query.npz", codes / "retrieval.npz"), (codes / "codes.mat",)):
        found = run_json("score", *files, "--bootstrap", "50")
        assert "16 bits" in found.pop("read_as")
        assert found.pop("measures")["t2i"]["AP@50[hits]"]["mean"] == found["t2i"]["AP@50[hits]"]
        assert found == {key: metrics[key] for key in found}
        assert {"i2t", "t2i", "i2i", "t2t", "base_rate", "n_query", "ties"} <= set(found)


def test_the_conventions_of_a_score_can_be_chosen(trained_project: Path) -> None:
    mat = trained_project / "artifacts" / "codes" / "codes.mat"
    low, middle, high = (
        run_json("score", mat, "--bootstrap", "2", "--ties", ties)["t2i"]["mAP"]
        for ties in ("pessimistic", "expected", "optimistic")
    )
    assert low < middle < high
    assert run("score", mat, "--ties", "whatever").exit_code == 2


def test_scores_of_files_are_shown_as_a_table_with_what_they_were_read_as(trained_project: Path) -> None:
    done = run("score", trained_project / "artifacts" / "codes" / "codes.mat", "--bootstrap", "2")
    assert done.exit_code == 0
    assert done.stdout.startswith("read as: six arrays of codes of 16 bits")
    assert "i2t" in done.stdout


def test_files_that_are_no_codes_are_told(trained_project: Path, tmp_path: Path) -> None:
    assert "none.mat: not found" in refused("score", tmp_path / "none.mat")
    query = trained_project / "artifacts" / "codes" / "query.npz"
    assert "scored with its retrieval.npz" in refused("score", query)
    assert "ids are in both" in refused("score", query, query)


# weights


def test_an_archive_is_converted_and_its_use_told(tmp_path: Path) -> None:
    source, target = tmp_path / "in.pt", tmp_path / "out.safetensors"
    torch.jit.script(nn.Linear(2, 3)).save(str(source))  # type: ignore[no-untyped-call]
    done = run("weights", "convert", source, target)
    assert done.exit_code == 0
    assert f"model.pretrained={target}" in done.stdout.replace("\n", "")
    assert read_tensors(target, "").keys() == {"weight", "bias"}


def test_what_is_no_archive_is_told(tmp_path: Path) -> None:
    (tmp_path / "in.pt").write_text("text")
    message = refused("weights", "convert", tmp_path / "in.pt", tmp_path / "out.safetensors")
    assert "in.pt: is not a TorchScript archive" in message
    assert "none.pt: not found" in refused(
        "weights", "convert", tmp_path / "none.pt", tmp_path / "o.safetensors"
    )
    assert not (tmp_path / "out.safetensors").exists()
