from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dvc.repo import Repo

from crosshash.errors import CrosshashError
from flows.worktree import FOLDER, save_experiment, untracked, worktree
from tests.flows.repositories import CHECKOUT, git, state, toy

HOLD = """
import sys, time
from pathlib import Path
from flows.worktree import worktree
with worktree(Path(sys.argv[1]), "killed"):
    print("open", flush=True)
    time.sleep(600)
"""


def trees(checkout: Path) -> list[str]:
    """Worktrees that git knows, and folders that are there."""
    known = git(checkout, "worktree", "list", "--porcelain").split("\n\n")
    return [Path(part.splitlines()[0]).name for part in known[1:]] + [
        p.name for p in (checkout / FOLDER).iterdir()
    ]


def test_a_worktree_stands_as_the_checkout_does_and_leaves_it_alone(tmp_path: Path) -> None:
    checkout = toy(tmp_path / "toy")
    (checkout / "kept.py").write_text("old")
    (checkout / "gone.py").write_text("old")
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "-m", "files")
    (checkout / "kept.py").write_text("edited")
    (checkout / "gone.py").unlink()
    (checkout / "staged.py").write_text("new")
    git(checkout, "add", "staged.py")
    (checkout / "staged.py").write_text("new and edited")
    (checkout / "unknown.py").write_text("new")
    (checkout / "dvc.lock").write_text("schema: '2.0'")
    before = state(checkout)
    with worktree(checkout, "run") as tree:
        assert (tree / "kept.py").read_text() == "edited"
        assert (tree / "staged.py").read_text() == "new and edited"
        assert not (tree / "gone.py").exists()
        assert not (tree / "unknown.py").exists()
        assert git(tree, "rev-parse", "HEAD") == git(checkout, "rev-parse", "HEAD")
        (tree / "kept.py").write_text("the run's")
    assert untracked(checkout) == ["unknown.py"]
    assert state(checkout) == before
    assert trees(checkout) == []


def test_an_edit_of_the_same_size_in_the_same_second_counts(tmp_path: Path) -> None:
    """As git's index keeps whole seconds, `32` to `16` looks unchanged by size and time."""
    checkout = toy(tmp_path / "toy")
    old = (checkout / "params.yaml").read_text()
    when = (checkout / ".git/index").stat().st_mtime_ns
    edit(checkout / "params.yaml", old.replace("32", "16"), when)
    time.sleep(1.1)
    with worktree(checkout, "run") as tree:
        assert (tree / "params.yaml").read_text() == old.replace("32", "16")
        edit(tree / "params.yaml", old.replace("32", "24"), (tree / "params.yaml").stat().st_mtime_ns)
        with Repo(str(tree)) as repo:
            repo.scm.add([str(tree / "dvc.yaml")])  # as DVC does after a stage
        index = Path(git(tree, "rev-parse", "--git-path", "index"))
        os.utime(index, (index.stat().st_mtime + 9,) * 2)  # which is seconds later
        save_experiment(tree, "otter")
    assert git(checkout, "show", f"{experiment(checkout)}:params.yaml") == old.replace("32", "24").strip()


def edit(file: Path, text: str, when: int) -> None:
    """Write a file as if at another time."""
    file.write_text(text)
    os.utime(file, ns=(when, when))


def experiment(checkout: Path) -> str:
    """The ref of the one experiment."""
    (ref,) = git(checkout, "for-each-ref", "--format=%(refname)", "refs/exps").splitlines()
    return ref


def test_hooks_of_the_user_do_not_run(tmp_path: Path) -> None:
    checkout = toy(tmp_path / "toy")
    hook = checkout / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\n")
    hook.chmod(0o755)
    with worktree(checkout, "run"):
        pass
    assert not (tmp_path / "hooked").exists()


def test_the_worktree_has_the_checkouts_cache_and_local_settings(tmp_path: Path) -> None:
    checkout = toy(tmp_path / "toy")
    local = checkout / ".dvc/config.local"
    local.write_text("[cache]\n    dir = ../../cache\n['remote \"mine\"']\n    url = ../../store\n")
    local.chmod(0o600)
    with worktree(checkout, "run") as tree, Repo(str(tree)) as repo:
        assert repo.cache.local_cache_dir == str(tmp_path / "cache")
        assert repo.config["remote"]["mine"]["url"] == str(tmp_path / "store")
        assert Path(repo.site_cache_dir).is_relative_to(tree)
        assert (tree / ".dvc/config.local").stat().st_mode & 0o777 == 0o600
    with worktree(toy(tmp_path / "plain"), "run") as tree, Repo(str(tree)) as repo:
        assert repo.cache.local_cache_dir == str(tmp_path / "plain/.dvc/cache")


def test_a_failed_run_leaves_no_worktree(tmp_path: Path) -> None:
    checkout = toy(tmp_path / "toy")

    def fail() -> None:
        with worktree(checkout, "run") as tree:
            (tree / "half.txt").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert trees(checkout) == []


def test_what_a_killed_run_left_goes_at_the_next_start_and_living_ones_stay(tmp_path: Path) -> None:
    checkout = toy(tmp_path / "toy")
    command = [sys.executable, "-c", HOLD, str(checkout)]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with worktree(checkout, "first"):
            assert sorted(trees(checkout)) == ["first", "first", "killed", "killed"]
        other.send_signal(signal.SIGKILL)
    assert trees(checkout) == ["killed", "killed"]
    with worktree(checkout, "second"), worktree(checkout, "third"):
        assert sorted(trees(checkout)) == ["second", "second", "third", "third"]
    assert trees(checkout) == []


def test_the_experiment_is_one_of_the_checkouts_commit(tmp_path: Path) -> None:
    checkout = toy(tmp_path / "toy")
    before = state(checkout)
    with worktree(checkout, "run") as tree:
        (tree / "params.yaml").write_text("bits: 16\n")
        (tree / "new.csv").write_text("task,recall\n")
        save_experiment(tree, "otter")
        with pytest.raises(CrosshashError, match="update-ref"):
            save_experiment(tree, "otter")
    assert state(checkout) == before
    with Repo(str(checkout)) as repo:
        ((names),) = repo.experiments.ls().values()
        shown = repo.experiments.show()
    assert [name for name, _ in names] == ["otter"]
    bits = [
        e.revs[0].data.params["params.yaml"]["data"]["bits"] for base in shown for e in base.experiments or ()
    ]
    assert bits == [16]
    changed = git(checkout, "diff", "--name-only", "HEAD", experiment(checkout)).splitlines()
    assert changed == ["new.csv", "params.yaml"]


@pytest.mark.parametrize("made", ["nothing", "git", "commit"])
def test_a_folder_without_history_is_refused_with_the_remedy(tmp_path: Path, made: str) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    if made != "nothing":
        git(folder, "init", "--quiet")
    if made == "commit":
        git(folder, "commit", "--quiet", "--allow-empty", "-m", "no DVC")
    with pytest.raises(CrosshashError, match=r"commit once: git add -A"), worktree(folder, "run"):
        pass
    assert not (folder / ".dvc").exists()
