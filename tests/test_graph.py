"""dvc.yaml against the code: what each stage depends on, what there is to choose, what git ignores."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
GRAPH: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())
STAGES: dict[str, dict[str, Any]] = GRAPH["stages"]
ORDER = [
    "plan", "download", "convert", "embed", "centers", "transform", "train", "infer", "encode", "evaluate",
    "index", "report",
]  # fmt: skip
TAKES_DATASET = {"embed", "centers", "transform", "train", "infer", "encode", "index", "report"}
IN_GIT = {
    "metrics.json",
    "plots/pr.csv",
    "plots/pr_by_rank.csv",
    "plots/precision_at_n.csv",
    "plots/rerank.csv",
    "plots/significance.csv",
}


def names_of(entries: list[str | dict[str, Any]]) -> list[str]:
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def outputs(stage: str) -> list[str]:
    return [name for kind in ("outs", "metrics", "plots") for name in names_of(STAGES[stage].get(kind, []))]


def modules(folder: str) -> set[str]:
    return {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"}


def deps(stage: str) -> list[str]:
    return names_of(STAGES[stage].get("deps", []))


def test_the_stages_stand_in_their_order() -> None:
    assert list(STAGES) == ORDER
    assert modules("stages") == set(ORDER)


def test_code_is_no_dep_but_the_plan_which_always_runs_hands_on_a_digest_of_it() -> None:
    """A project need not hold the package: one of `crosshash init` does not."""
    assert not [name for stage in ORDER for name in deps(stage) if name.split("/")[0] in {"src", "stages"}]
    assert STAGES["plan"]["always_changed"] is True


def test_the_file_can_be_read_in_two_minutes() -> None:
    assert len((ROOT / "dvc.yaml").read_text().splitlines()) <= 200


def test_compiled_code_that_python_leaves_behind_changes_no_dep() -> None:
    assert "__pycache__/" in (ROOT / ".dvcignore").read_text().splitlines()


@pytest.mark.parametrize("stage", ORDER)
def test_deps_stand_once(stage: str) -> None:
    names = deps(stage)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("stage", ORDER)
def test_a_stage_runs_its_script_of_this_copy_and_has_a_description(stage: str) -> None:
    argument = " ${dataset}" if stage in TAKES_DATASET else ""
    assert STAGES[stage]["cmd"] == f"python -m stages.{stage}{argument}"
    assert STAGES[stage]["desc"]


@pytest.mark.parametrize("stage", ORDER[1:])
def test_a_stage_depends_on_its_own_plan_and_not_on_the_parameters(stage: str) -> None:
    plans = [name for name in deps(stage) if name.startswith("plan")]
    others = {"report": ["plan"], "encode": ["plan/encode.yaml", "plan/infer.yaml"]}  # it may have to infer
    assert plans == others.get(stage, [f"plan/{stage}.yaml"])
    assert "params" not in STAGES[stage]


def test_the_plan_reads_all_parameters_and_nothing_of_the_data() -> None:
    assert STAGES["plan"]["params"] == [{"params.yaml": None}]
    assert deps("plan") == []


def test_every_other_dep_is_an_output_of_an_earlier_stage_or_a_file_of_the_user() -> None:
    made: list[str] = []
    for stage in ORDER:
        for name in deps(stage):
            given = name == "configs" or name.endswith(".path}")
            assert given or any(name == out or name.startswith(f"{out}/") for out in made), (stage, name)
        made += outputs(stage)


def test_training_depends_on_the_configs_of_its_networks() -> None:
    """They stand in model.json afterwards, so that no later stage reads them."""
    assert "configs" in deps("train")
    assert "configs" in deps("embed")


def test_the_delivered_length_reaches_training_only_by_the_transform_made_for_it() -> None:
    read = deps("train")
    assert "artifacts/transform_training.npz" in read
    assert not {"artifacts/centers/short.npz", "artifacts/transform.npz", "artifacts/centers"} & set(read)


def test_methods_and_data_sets_have_a_module_and_a_section_each() -> None:
    assert modules("src/crosshash/methods") == modules("src/crosshash/config/methods")
    assert modules("src/crosshash/datasets") == modules("src/crosshash/config/datasets")


def test_git_ignores_every_output_but_metrics_and_plots() -> None:
    """DVC would write .gitignore files of its own otherwise, and switching data sets would dirty the tree."""
    names = {
        name.replace("${dataset}", dataset)
        for stage in ORDER
        for name in outputs(stage)
        for dataset in modules("src/crosshash/datasets")
    }
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", "--stdin"],
        input="\n".join(f"{name}/below" for name in names),  # so that a folder need not exist to be one
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert names - {line.removesuffix("/below") for line in done.stdout.splitlines()} == IN_GIT
    ignoring = subprocess.run(
        ["git", "ls-files", "*.gitignore"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert [path for path in ignoring.stdout.split() if path != ".dvc/.gitignore"] == [".gitignore"]


def test_what_git_keeps_is_not_cached_and_the_plan_alone_persists() -> None:
    """A stage with persistent outputs is left out of DVC's run cache; the plan costs no more than that.

    It persists because a setting that is refused would otherwise leave the finished run without its plan.
    """
    for stage in ORDER:
        for kind in ("outs", "metrics", "plots"):
            for entry in STAGES[stage].get(kind, []):
                name, options = (entry, {}) if isinstance(entry, str) else next(iter(entry.items()))
                assert (options or {}).get("cache", True) == (name not in IN_GIT), name
                assert (options or {}).get("persist", False) == (name == "plan"), name


def test_no_output_lies_inside_another() -> None:
    names = [name for stage in ORDER for name in outputs(stage)]
    assert len(names) == len(set(names))
    assert not [(a, b) for a in names for b in names if b.startswith(f"{a}/")]


def test_metrics_and_plots_are_declared() -> None:
    assert "metrics.json" in outputs("evaluate")
    assert "metrics" not in GRAPH  # those of the training are in no commit: `dvc metrics diff` would complain
    files = {file for plot in GRAPH["plots"] for value in plot.values() for file in value.get("y", {})}
    names = ("pr", "pr_by_rank", "precision_at_n", "rerank", "significance")
    assert files == {f"plots/{name}.csv" for name in names}
