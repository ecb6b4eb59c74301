"""Repositories of git and DVC for tests: a toy with three quick stages, and a copy of this checkout."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from dvc.repo import Repo

CHECKOUT = Path(__file__).resolve().parents[2]
AUTHOR = ("-c", "user.name=tester", "-c", "user.email=tester@localhost")

GRAPH = """
stages:
  plan:
    cmd: cp params.yaml plan.txt
    params: [params.yaml: ]
    outs: [plan.txt]
  left:
    cmd: echo words of the left stage; cp plan.txt left.txt
    deps: [plan.txt]
    outs: [left.txt]
  right:
    cmd: echo first words; {right}
    deps: [plan.txt]
    outs: [right.txt]
  last:
    cmd: cat left.txt right.txt > last.txt
    deps: [left.txt, right.txt]
    metrics: [last.txt: {{cache: false}}]
"""
PARAMS = "# settings\nbits: 32  # length\nseed: 0\ncustom:\n  path: photos\n"


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *AUTHOR, *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def toy(folder: Path, right: str = "cp plan.txt right.txt") -> Path:
    """A repository: plan before left and right, both before last; `right` is the command of one of them."""
    folder.mkdir()
    git(folder, "init", "--quiet")
    Repo.init(str(folder)).close()
    (folder / "dvc.yaml").write_text(GRAPH.format(right=right), encoding="utf-8")
    (folder / "params.yaml").write_text(PARAMS, encoding="utf-8")
    (folder / ".gitignore").write_text("/plan.txt\n/left.txt\n/right.txt\n", encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "start")
    return folder


def copy_of_checkout(folder: Path) -> Path:
    """This checkout as it stands, uncommitted and new files included, as one commit."""
    listed = git(CHECKOUT, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    for name in filter(None, listed.split("\0")):
        if (CHECKOUT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "start")
    return folder


def state(folder: Path) -> tuple[str, str, str, bytes]:
    """All that a run must leave alone: branch, workspace, stash, and the index byte for byte."""
    index = (folder / ".git/index").read_bytes()
    return git(folder, "rev-parse", "HEAD"), git(folder, "diff", "HEAD"), git(folder, "stash", "list"), index
