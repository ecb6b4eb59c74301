"""A copy of this project in a temporary folder, with a git history of its own, to run real DVC in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.forked import forked_python

ROOT = Path(__file__).resolve().parent.parent
OUTPUTS = {"dvc.lock", "metrics.json", "plots"}


def copy_project(target: Path) -> Path:
    """Copy the files that git tracks or would track, uncommitted edits included, no results."""
    listed = _run(["git", "ls-files", "-co", "--exclude-standard", "-z"], ROOT).split("\0")
    for name in filter(None, listed):
        source = ROOT / name
        if Path(name).parts[0] in OUTPUTS or not source.is_file():
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target / name)
    for compiled in (ROOT / "src").rglob("__pycache__"):  # still good, and compiling takes seconds
        shutil.copytree(compiled, target / compiled.relative_to(ROOT), dirs_exist_ok=True)
    _run(["git", "init", "--quiet", "--initial-branch=main"], target)
    commit(target, "start")
    return target


def commit(project: Path, message: str) -> None:
    """Commit everything, under a name of the test's own."""
    _run(["git", "add", "--all"], project)
    author = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    _run(["git", *author, "commit", "--quiet", "--no-verify", "-m", message], project)


def environment(folder: Path, python: str = sys.executable) -> dict[str, str]:
    """Raw files and checkpoints under `folder`; stages are run by `python`, all else by this interpreter."""
    inherited = {
        key: value for key, value in os.environ.items() if not key.startswith(("DVC", "PREFECT", "GIT_"))
    }
    return inherited | {
        "PATH": os.pathsep.join(
            [*(str(Path(one).parent) for one in (python, sys.executable)), os.environ["PATH"]]
        ),
        "CROSSHASH_RAW": str(folder / "raw"),
        "CROSSHASH_STATE": str(folder / "state"),
        "GIT_AUTHOR_NAME": "test",
        "GIT_AUTHOR_EMAIL": "test@example.org",
        "GIT_COMMITTER_NAME": "test",
        "GIT_COMMITTER_EMAIL": "test@example.org",
        "OMP_NUM_THREADS": "1",
        "CROSSHASH_THREADS": "1",
    }


def run(
    project: Path, command: Sequence[str], folder: Path, *, real: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a command in a project; output and errors come back as one text.

    real: DVC starts stages as it does for users; else they are forked, which costs less.
    """
    return subprocess.run(
        command,
        cwd=project,
        env=environment(folder, sys.executable if real else forked_python()),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=280,
    )


def override(project: Path, *settings: str) -> None:
    """Write `key.inner=value` settings into params.yaml, the way `-S` does."""
    from dvc.utils.hydra import apply_overrides

    apply_overrides(project / "params.yaml", list(settings))


def _run(command: Sequence[str], folder: Path) -> str:
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
