from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from crosshash.errors import CrosshashError
from crosshash.experiments.collect import collect_runs
from crosshash.experiments.comparison import compare
from crosshash.experiments.revisions import find_run, list_experiments
from tests.experiments.repository import experiment, git, scored_project


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one run, which tests may change and must put back."""
    return scored_project(tmp_path_factory.mktemp("own") / "project")


def refusal(name: str, project: Path) -> str:
    with pytest.raises(CrosshashError) as error:
        find_run(name, project)
    return str(error.value)


def test_all_experiments_with_their_states(experiments: Path) -> None:
    found = {one.name: one.state for one in list_experiments(experiments)}
    assert found.pop("workspace") == "finished"
    assert found in (
        {
            "second": "finished",
            "rival": "finished",
            "broken": "failed",
            "waiting": "queued",
            branch: "finished",
        }
        for branch in ("main", "earlier")
    )


def test_runs_and_those_left_out(experiments: Path) -> None:
    """The workspace is as `rival` left it, so it is told once."""
    runs, left = collect_runs(experiments)
    assert sorted((run.method, run.seed) for run in runs) == [("dcmht", 0), ("twdh", 0), ("twdh", 1)]
    reasons = {one.name: one.reason for one in left}
    assert set(reasons) == {"broken", "waiting"}
    assert "dvc queue logs broken" in reasons["broken"]
    assert "dvc queue start" in reasons["waiting"]


def test_names_of_all_kinds(experiments: Path) -> None:
    commit = git(experiments, "rev-parse", "main")
    runs = {name: find_run(name, experiments) for name in ("main", "earlier", "HEAD", commit, commit[:8])}
    assert {run.metrics["i2t"]["mAP"] for run in runs.values()} == {runs["main"].metrics["i2t"]["mAP"]}
    rivals = [find_run(name, experiments) for name in ("rival", "workspace", str(experiments))]
    assert {(run.method, run.metrics["i2t"]["mAP"]) for run in rivals} == {
        ("dcmht", rivals[0].metrics["i2t"]["mAP"])
    }
    assert {run.unfinished for run in [*runs.values(), *rivals]} == {None}


def test_an_experiment_is_read_without_checking_it_out(experiments: Path) -> None:
    before = git(experiments, "status", "--porcelain"), (experiments / "metrics.json").read_bytes()
    second = find_run("second", experiments)
    assert second.seed == 1
    assert second.scores is not None
    assert second.by_query("i2t")["mAP"].mean() == pytest.approx(second.metrics["i2t"]["mAP"], abs=1e-6)
    assert before == (git(experiments, "status", "--porcelain"), (experiments / "metrics.json").read_bytes())


def test_two_experiments_by_name(experiments: Path) -> None:
    """twdh draws around 0.7, dcmht around 0.4, both within 0.1: every query is worse."""
    found = compare(find_run("second", experiments), find_run("rival", experiments), 200)
    assert found.settings == {"method": ("twdh", "dcmht"), "seed": (1, 0)}
    assert {(one.queries, one.p) for one in found.differences} == {(40, 2 / 201)}
    assert all(-0.4 < one.low < one.difference < one.high < -0.2 for one in found.differences)


def test_unknown_names_tell_near_ones(experiments: Path) -> None:
    assert "did you mean second?" in refusal("secnd", experiments)
    assert "dvc exp list" in refusal("zzzzzz", experiments)


def test_folders(experiments: Path, tmp_path: Path) -> None:
    """Copied results are enough: no git, no DVC."""
    for name in ("metrics.json", "artifacts/per_query.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(experiments / name, tmp_path / name)
    assert find_run(str(tmp_path), experiments).settings == {}
    assert find_run(str(tmp_path), tmp_path).method == "dcmht"
    (tmp_path / "metrics.json").unlink()
    assert "dvc repro" in refusal(str(tmp_path), tmp_path)


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(CrosshashError, match="no project of DVC"):
        list_experiments(tmp_path)
    assert "no folder" in refusal("second", tmp_path)


def test_a_remote_that_dvc_lacks_the_package_for_is_named(own: Path) -> None:
    """hdfs is such a kind: no requirement of the project brings it."""
    config = own / ".dvc" / "config.local"
    config.write_text("[core]\n    remote = far\n['remote \"far\"']\n    url = hdfs://host/folder\n")
    try:
        with pytest.raises(CrosshashError, match=r"dvc-hdfs.*dvc remote remove NAME"):
            find_run("HEAD", own)
    finally:
        config.unlink()


def test_scores_that_the_cache_has_lost(own: Path) -> None:
    """Gone from workspace and cache: the run is read, without scores by query; compare tells the remedy."""
    kept = {path: path.read_bytes() for path in (own / ".dvc/cache/files").rglob("*") if path.is_file()}
    lost = own / "artifacts/per_query.parquet"
    content = lost.read_bytes()
    try:
        shutil.rmtree(own / ".dvc/cache/files")
        lost.unlink()
        for name in ("main", "workspace"):
            run = find_run(name, own)
            assert run.scores is None
            with pytest.raises(CrosshashError, match=r"dvc pull artifacts/per_query\.parquet"):
                compare(run, run)
    finally:
        for path, old in kept.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(old)
        lost.parent.mkdir(exist_ok=True)
        lost.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        (
            "params.yaml",
            lambda text: text.replace("bits: 32", "bits: 16"),
            "says bits 16, the scores are of 32",
        ),
        (
            "params.yaml",
            lambda text: text.replace("epochs: 8", "epochs: 9"),
            "says train.epochs 9, stage plan",
        ),
        ("params.yaml", lambda text: text.replace("threads: 1", "threads: 2"), "says threads 2, stage plan"),
        ("metrics.json", lambda text: text.replace("400", "401"), "is not the one that dvc.lock records"),
    ],
)
def test_a_workspace_that_was_changed_since_is_not_finished(
    own: Path, name: str, change: object, words: str
) -> None:
    assert callable(change)
    before = (own / name).read_text()
    try:
        (own / name).write_text(change(before))
        assert words in (find_run("workspace", own).unfinished or "")
        runs, left = collect_runs(own)
        assert [run.name for run in runs] == ["main"]
        assert [one.name for one in left] == ["workspace"]
    finally:
        (own / name).write_text(before)


def test_a_run_that_ended_between_two_stages_is_not_finished(own: Path) -> None:
    """dvc.lock as a kill after stage plan leaves it: evaluate depends on another plan than there is."""
    before = (own / "dvc.lock").read_text()
    lock = yaml.safe_load(before)
    lock["stages"]["evaluate"]["deps"][0]["md5"] = "0" * 32
    try:
        (own / "dvc.lock").write_text(yaml.safe_dump(lock))
        assert "stage evaluate has not run since plan/evaluate.yaml" in str(
            find_run("workspace", own).unfinished
        )
    finally:
        (own / "dvc.lock").write_text(before)
    assert find_run("workspace", own).unfinished is None


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("params.yaml", lambda text: text.replace("alpha: 0.4", "alpha: 0.5")),
        ("dvc.lock", lambda text: text + REPORT),
    ],
)
def test_what_scores_do_not_depend_on_may_be_newer(own: Path, name: str, change: object) -> None:
    """Settings of another method; a report that was not made since."""
    assert callable(change)
    before = (own / name).read_text()
    try:
        (own / name).write_text(change(before))
        assert (own / name).read_text() != before
        assert find_run("workspace", own).unfinished is None
    finally:
        (own / name).write_text(before)


REPORT = """\
  report:
    cmd: make report
    deps:
    - path: plan/evaluate.yaml
      hash: md5
      md5: '00000000000000000000000000000000'
"""


def test_the_newest_of_equal_settings_counts(own: Path) -> None:
    """An older commit with the same settings and other scores is told of, not averaged."""
    lock = (own / "dvc.lock").read_text()
    git(own, "checkout", "--quiet", "-b", "newer")
    script = (own / "score.py").read_text()
    try:
        (own / "score.py").write_text(script.replace("0.7", "0.8"))
        experiment(own, "changed")
        runs, left = collect_runs(own)
        assert [run.name for run in runs] == ["workspace"]
        assert [one.reason for one in left] == ["workspace has the same settings, other scores, and is newer"]
    finally:
        git(own, "checkout", "--quiet", "--force", "main")
    assert (own / "dvc.lock").read_text() == lock


def test_of_equal_settings_on_other_threads_the_newest_counts(tmp_path: Path) -> None:
    """A second one would count a seed twice."""
    project = scored_project(tmp_path / "project")
    experiment(project, "wider", "threads=2")
    runs, left = collect_runs(project)
    assert [(run.name, run.metrics["threads"]) for run in runs] == [("workspace", 2)]
    place = "it ran on 2 CPU threads, not 1 CPU thread"
    reason = f"workspace has the same settings, other scores ({place}), and is newer"
    assert [(one.name, one.reason) for one in left] == [("main", reason)]
