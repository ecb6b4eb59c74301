from __future__ import annotations

import shlex
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from crosshash.cli import app
from crosshash.config.params import METHODS, Params, load_params, published_of
from crosshash.config.plans.train import TrainPlan
from crosshash.config.presets import Preset, list_presets, read_preset, write_preset
from crosshash.config.resolve import resolve
from crosshash.errors import CrosshashError
from tests.projects import override

ROOT = Path(__file__).resolve().parents[2]
PRESETS = {preset.name: preset for preset in list_presets(ROOT)}
PUBLISHED = [name for name in PRESETS if name.startswith("published/")]

every_preset = pytest.mark.parametrize("name", PRESETS)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(ROOT)  # where the paths of params.yaml lead
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "presets", tmp_path / "presets")
    return tmp_path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["preset", *map(str, arguments)])


def train_plan(project: Path) -> TrainPlan:
    plan = resolve(load_params(project / "params.yaml"))["train"]
    assert isinstance(plan, TrainPlan)
    return plan


def leaves(section: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in section.items():
        found |= leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return found


def values(project: Path) -> dict[str, Any]:
    return leaves(load_params(project / "params.yaml").model_dump())


def wanted(name: str) -> dict[str, Any]:
    return leaves(yaml.safe_load((ROOT / "presets" / f"{name}.yaml").read_text()))


# Those of this project


@every_preset
def test_a_preset_fits_params_and_the_plan_resolves(name: str, project: Path) -> None:
    before = values(project)
    write_preset(project, PRESETS[name])
    assert wanted(name)
    assert values(project) == before | wanted(name)
    train_plan(project)


@every_preset
def test_a_preset_says_in_one_line_what_it_is(name: str) -> None:
    assert 20 < len(PRESETS[name].title) < 100


def test_every_method_whose_paper_has_splits_has_published_presets() -> None:
    """Closed forms are of no paper of the field, and UCCH trains on all that is not query."""
    of_papers = {name for name in METHODS if published_of(name).splits}
    assert {name.removeprefix("published/").partition("-")[0] for name in PUBLISHED} == of_papers
    assert set(METHODS) - of_papers == {"cca", "ridge", "shared", "ucch"}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_preset_sets_all_of_the_method(name: str) -> None:
    """Else it would change with the defaults of params.yaml."""
    settings = yaml.safe_load((ROOT / "presets" / f"{name}.yaml").read_text())
    method, dataset = settings["method"], settings["dataset"]
    assert name == f"published/{method}-{dataset}"
    section: Any = Params.model_fields[method].annotation
    assert set(section.model_fields) <= set(settings[method])
    assert {"image", "text", "pretrained"} <= set(settings["model"])
    assert {"batch", "lr_head", "lr_backbone", "optimizer", "schedule", "select"} <= set(settings["train"])
    assert settings["split"]["val"] == 0
    assert settings["train"]["select"] == "last"


def test_the_fair_preset_gives_all_methods_one_encoder_and_one_training(project: Path) -> None:
    write_preset(project, PRESETS["fair"])
    plans = {}
    for method in METHODS:
        override(project, f"method={method}")
        plans[method] = train_plan(project).model_dump(
            exclude={"method", "supervised", "settings", "train_bits", "select", "model"}
        ) | train_plan(project).model.model_dump(exclude={"layers"})
    assert all(plan == plans["twdh"] for plan in plans.values())


def test_the_rows_of_djsrhs_ablation_add_one_thing_each(project: Path) -> None:
    rows = []
    for row in ("ablation-1", "ablation-2", "ablation-3", "ablation-4", "ablation-5", "full", "ablation-6"):
        shutil.copy(ROOT / "params.yaml", project)
        write_preset(project, PRESETS[f"djsrh/{row}"])
        rows.append(values(project))
    beta = values(ROOT)["djsrh.beta"]
    assert [row["djsrh.beta"] for row in rows] == [1, 0, beta, beta, beta, beta, beta]
    changed = [{key for key in after if after[key] != before[key]} for before, after in pairwise(rows[2:])]
    assert changed == [{"djsrh.eta"}, {"djsrh.mu"}, {"djsrh.lambda1", "djsrh.lambda2"}, {"djsrh.alpha"}]
    assert all(row["djsrh.eta"] == 0 and row["djsrh.mu"] == 1 for row in rows[:3])


# The command


def test_without_a_name_all_are_listed_one_line_each() -> None:
    done = run("--project", ROOT)
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == sorted(PRESETS)
    assert all(PRESETS[line.split()[0]].title in line for line in lines)


@every_preset
def test_a_name_prints_what_a_shell_gives_to_dvc_as_it_is(name: str, project: Path) -> None:
    done = run(name, "--project", ROOT)
    assert done.exit_code == 0
    words = done.stdout.split()
    assert words == shlex.split(done.stdout)
    assert words[::2] == ["-S"] * (len(words) // 2)
    before = values(project)
    override(project, *words[1::2])
    assert values(project) == before | wanted(name)


def test_write_changes_params_and_keeps_their_comments(project: Path) -> None:
    done = run("published/scahn-iaprtc12", "--write", "--project", project)
    assert done.exit_code == 0
    before, after = (ROOT / "params.yaml").read_text(), (project / "params.yaml").read_text()
    assert train_plan(project).model.image == "timm/resnet34"
    for line in before.splitlines():
        _, mark, comment = line.partition("#")
        assert mark + comment.rstrip() in after
    assert before.count("#") == after.count("#")


def test_an_unknown_preset_is_named_with_the_nearest() -> None:
    done = run("publised/hq-nuswid", "--project", ROOT)
    assert done.exit_code == 1
    assert done.stdout == ""
    assert "no preset 'publised/hq-nuswid'" in done.stderr
    assert "did you mean published/hq-nuswide?" in done.stderr


def test_outside_of_a_project_there_are_none(tmp_path: Path) -> None:
    done = run("--project", tmp_path)
    assert done.exit_code == 1
    assert "no presets" in done.stderr
    assert "--project" in done.stderr
    with pytest.raises(CrosshashError, match=r"params\.yaml: not found"):
        write_preset(tmp_path, PRESETS["fair"])


# Those of a user


def test_a_file_of_your_own_is_a_preset(project: Path) -> None:
    folder = project / "presets" / "mine"
    folder.mkdir()
    (folder / "long.yaml").write_text("bits: 64\nmodel: {pretrained: null}\ntransform: {tie_row: false}\n")
    found = read_preset(project, "mine/long")
    assert found == Preset("mine/long", "", ("bits=64", "model.pretrained=null", "transform.tie_row=false"))
    assert "mine/long" in run("--project", project).stdout


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("train: {epoch: 3}\ndcmt: {a: 1}", ["train.epoch: unknown key; did you mean train.epochs", "dcmt"]),
        ("custom: {path: my photos}", ["custom.path: 'my photos' cannot be passed on by -S"]),
        ("model: {pretrained: $HOME/x}", ["cannot be passed on"]),
        ("train: [1, 2]", ["train: '[1, 2]' cannot be passed on"]),
        ("train: {", ["no valid YAML"]),
        ("# nothing", ["holds no settings"]),
    ],
)  # fmt: skip
def test_a_damaged_preset_is_refused_with_all_that_is_wrong(
    project: Path, text: str, problems: list[str]
) -> None:
    (project / "presets" / "mine.yaml").write_text(text)
    with pytest.raises(CrosshashError) as refused:
        read_preset(project, "mine")
    assert "mine.yaml" in str(refused.value)
    for problem in problems:
        assert problem in str(refused.value)


def test_values_that_do_not_fit_leave_params_as_they_were(project: Path) -> None:
    (project / "presets" / "mine.yaml").write_text("bits: 0\ntrain: {epochs: many}\n")
    before = (project / "params.yaml").read_bytes()
    done = run("mine", "--write", "--project", project)
    assert done.exit_code == 1
    assert "preset mine: 2 problem(s)" in done.stderr
    assert "bits" in done.stderr
    assert "train.epochs" in done.stderr
    assert (project / "params.yaml").read_bytes() == before
