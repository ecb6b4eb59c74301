from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo

from crosshash.errors import CrosshashError
from flows.dvc_tasks import RUNNING, end_stages, environment, reproduce, stages_of
from flows.worktree import worktree
from tests.experiments.test_stored import copying, small_files
from tests.flows.repositories import CHECKOUT, state, toy


def test_stages_come_after_those_they_depend_on(tmp_path: Path) -> None:
    checkout = toy(tmp_path / "toy")
    (checkout / "photos").mkdir()
    with Repo(str(checkout)) as repo:
        repo.add(str(checkout / "photos"))  # data of the user is no stage to run
    needed = stages_of(checkout)
    assert needed == {"plan": [], "left": ["plan"], "right": ["plan"], "last": ["left", "right"]}
    assert next(iter(needed)) == "plan"
    assert list(needed)[-1] == "last"


def test_the_projects_own_graph_is_read_whole() -> None:
    needed = stages_of(CHECKOUT)
    stages = yaml.safe_load((CHECKOUT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert set(needed) == set(stages)
    done: set[str] = set()
    for stage, before in needed.items():
        assert done.issuperset(before), stage
        done.add(stage)
    assert {"plan", "train", "transform"} <= set(needed["encode"])


def test_a_graph_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    checkout = toy(tmp_path / "toy")
    (checkout / "dvc.yaml").write_text("stages: {plan: {cmd: 'echo ${missing.key}'}}")
    with pytest.raises(CrosshashError, match=r"cannot be read with these settings: .*missing\.key"):
        stages_of(checkout)


def test_a_stage_runs_in_the_worktree_its_result_goes_to_the_shared_cache(tmp_path: Path) -> None:
    """Run once, then in a second worktree, where it comes back from the cache without running."""
    checkout = toy(tmp_path / "toy")
    before = state(checkout)
    logs: list[list[str]] = [[], []]
    for name, log in zip(("first", "second"), logs, strict=True):
        with worktree(checkout, name) as tree:
            for stage in ("plan", "left"):
                reproduce(tree, stage, {}, log.append)
            assert (tree / "left.txt").read_text() == (checkout / "params.yaml").read_text()
    assert "words of the left stage" in logs[0]
    assert "words of the left stage" not in logs[1]
    assert any("cached" in line for line in logs[1])
    assert state(checkout) == before
    assert not (checkout / "left.txt").exists()


def test_a_failed_stage_is_named_with_its_last_lines(tmp_path: Path) -> None:
    checkout = toy(tmp_path / "toy", right="echo the reason >&2; exit 3")
    log: list[str] = []
    reproduce(checkout, "plan", {}, log.append)
    with pytest.raises(CrosshashError, match=r"(?s)^stage right failed .*first words.*the reason"):
        reproduce(checkout, "right", {}, log.append)
    assert "the reason" in log
    assert RUNNING == {}


def test_a_stage_whose_output_does_not_fit_into_the_cache_has_failed(tmp_path: Path) -> None:
    checkout = copying(tmp_path / "toy")
    reproduce(checkout, "plan", {}, print)
    with (
        small_files(),
        pytest.raises(CrosshashError, match=r"lacks outputs .*\n  - right.txt \(stage right\)"),
    ):
        reproduce(checkout, "right", {}, print)
    reproduce(checkout, "right", {}, print)


def test_ending_the_stages_of_a_run_ends_all_that_they_started_and_no_other(tmp_path: Path) -> None:
    checkout = toy(tmp_path / "toy", right=f"sleep 600 & echo $! > {tmp_path}/pid; echo asleep; wait")
    log: list[str] = []
    failures: list[CrosshashError] = []

    def run() -> None:
        try:
            reproduce(checkout, "right", {}, log.append)
        except CrosshashError as error:
            failures.append(error)

    reproduce(checkout, "plan", {}, log.append)
    thread = threading.Thread(target=run)
    thread.start()
    while "asleep" not in log:
        assert thread.is_alive()
        time.sleep(0.05)
    end_stages(tmp_path / "another")
    assert thread.is_alive()
    end_stages(checkout)
    thread.join(timeout=30)
    assert not thread.is_alive()
    assert len(failures) == 1
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 30
    while alive(pid):
        assert time.monotonic() < deadline, "the stage's own process still runs"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """A process that ended counts as gone even where nobody has asked for its status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_stages_find_this_python_and_its_dvc_whatever_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = {name: shutil.which(name, path=environment({})["PATH"]) for name in ("python", "dvc")}
    assert None not in found.values()
