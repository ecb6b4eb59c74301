"""Small projects to break: copies of this one, with raw files and states of their own, run by real DVC."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import yaml

from faults.tries import TRACEBACK
from tests.projects import commit, copy_project, environment, override

STAGES = (
    *("plan", "download", "convert", "embed", "centers", "transform"),
    *("train", "infer", "encode", "evaluate", "index", "report"),
)
SMALL = ("bits=16", "evaluate.bootstrap=20", "report.queries=1", "report.extremes=1", "twdh.train_bits=64")
KINDS: dict[str, tuple[str, ...]] = {
    "pictures": ("scenes.count=120", "split.val=0.1", "train.epochs=2", "train.batch=32"),
    "vectors": ("dataset=features", "model.hidden=32", "train.epochs=4", "train.batch=16"),
}
LIMIT = 900
"""Seconds after which a command hangs."""
BESIDE = ("project", "raw", "state")


@dataclass(frozen=True)
class Said:
    """How a command ended, None if it had to be ended, and all that it printed."""

    status: int | None
    text: str

    @property
    def wrong(self) -> str | None:
        """The outcome, if that says enough."""
        if self.status is None:
            return "hang"
        if TRACEBACK in self.text:
            return "traceback"
        return "crash" if self.status < 0 else None


@dataclass(frozen=True)
class Project:
    """A folder with a project, its raw files and its training states."""

    folder: Path

    @property
    def tree(self) -> Path:
        """The project itself."""
        return self.folder / "project"

    @classmethod
    def new(cls, kind: str, folder: Path) -> Project:
        """Copy this project, with the smallest settings of a kind."""
        shutil.rmtree(folder, ignore_errors=True)
        for name in BESIDE:
            (folder / name).mkdir(parents=True)
        tree = copy_project(folder / "project")
        override(tree, *SMALL, *KINDS[kind])
        commit(tree, "small")
        return cls(folder)

    def copy(self, folder: Path) -> Project:
        """Copy it with all that belongs to it: nothing is shared with the original."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        subprocess.run(["cp", "-a", *(self.folder / name for name in BESIDE), folder], check=True)
        return Project(folder)

    def environment(self, **more: str) -> dict[str, str]:
        """Its own code, raw files and states."""
        own = {"PYTHONPATH": str(self.tree / "src"), "DVC_SITE_CACHE_DIR": str(self.folder / "site")}
        return environment(self.folder) | own | {"COLUMNS": "140"} | more

    def start(self, command: Sequence[str], output: IO[Any] | int, **more: str) -> subprocess.Popen[str]:
        """Start a command in it, in a process group of its own."""
        return subprocess.Popen(
            command,
            cwd=self.tree,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )

    def run(self, command: Sequence[str], **more: str) -> Said:
        """Run a command in it to its end."""
        return ended(self.start(command, subprocess.PIPE, **more))

    def recorded(self, until: str = STAGES[-1]) -> dict[str, Any]:
        """What dvc.lock says of the stages up to one of them."""
        stages = yaml.safe_load((self.tree / "dvc.lock").read_text(encoding="utf-8"))["stages"]
        return {name: stages[name] for name in STAGES[: STAGES.index(until) + 1]}

    def outputs(self, until: str = STAGES[-1]) -> dict[str, str]:
        """Hash every output file of the stages up to one of them."""
        found = {}
        for stage in self.recorded(until).values():
            for out in stage["outs"]:
                path = self.tree / out["path"]
                for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                    if file.is_file():
                        name = str(file.relative_to(self.tree))
                        found[name] = hashlib.sha256(file.read_bytes()).hexdigest()
        return found

    def left_over(self) -> list[str]:
        """List half-written files and folders."""
        places = [self.folder / "raw", self.folder / "state", self.tree]
        return [
            str(one.relative_to(self.folder))
            for place in places
            for folder, folders, files in os.walk(place)
            for one in map(Path(folder).joinpath, [*folders, *files])
            if one.name.startswith(".") and one.name.endswith(".part")
        ]

    def drop(self) -> None:
        """Remove it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def ended(process: subprocess.Popen[str], limit: float = LIMIT) -> Said:
    """Wait for a command; end it, with all that it started, if that takes too long."""
    try:
        text, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        text, _ = process.communicate()
        return Said(None, text or "")
    return Said(process.returncode, text or "")


def whole_run(project: Project) -> Project:
    """Run the pipeline, with nothing in its way."""
    said = project.run(["dvc", "repro"])
    if said.status != 0:
        raise RuntimeError(said.text)
    return project


def healed(project: Project, whole: Project, stage: str, before: Said | None = None) -> tuple[str, str]:
    """Run `dvc repro STAGE`, and compare with a project in which nothing went wrong: outcome, and why.

    before: what the run in which something went wrong has said.
    """
    if before is not None and before.wrong in ("hang", "traceback"):
        return before.wrong, before.text
    said = project.run(["dvc", "repro", stage])
    if said.wrong or said.status:
        return said.wrong or "not healed", said.text
    if project.outputs(stage) != whole.outputs(stage) or project.recorded(stage) != whole.recorded(stage):
        return "silent", said.text
    if f"'{stage}':" in said.text and (left := project.left_over()):  # what did not run again sweeps nothing
        return "left over", "\n".join(left)
    return "healed", ""
