"""Stages are killed: `python -m faults.kill [FOLDER [KIND|SIGNAL...]]`. Does `dvc repro` then heal it?

Each of the twelve stages, over pictures and over vectors: SIGKILL for the process group, DVC alone and
the stage alone, early, in the middle and while it writes; SIGINT as from Ctrl-C; SIGTERM for DVC alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from faults.projects import KINDS, LIMIT, STAGES, Project, Said, healed
from faults.tries import Try, last_lines, record

SHARES = {"early": 0.2, "middle": 0.65}
"""Of the stage's processor time."""
MOMENTS = (*SHARES, "writing")
VICTIMS = ("group", "dvc", "stage")
AGAIN = 4
"""Times that a fault is tried which came too late: some files are written in a millisecond."""
SOONER = 0.75
"""Of the processor time, with each further try: a stage takes more of it while others work beside it."""


@dataclass(frozen=True)
class Kill:
    """A signal, to whom, and when."""

    stage: str
    number: signal.Signals
    victim: str
    moment: str

    def __str__(self) -> str:
        return f"{self.stage}: {self.number.name} to {self.victim}, {self.moment}"


@dataclass(frozen=True)
class Whole:
    """A run in which nothing goes wrong: the project before each stage, at the end, processor seconds."""

    before: dict[str, Project]
    after: Project
    cpu: dict[str, float]


def kills() -> Iterator[Kill]:
    """Give five faults per stage; of the nine ways of SIGKILL each stage takes three."""
    for place, stage in enumerate(STAGES):
        for turn, victim in enumerate(VICTIMS):
            yield Kill(stage, signal.SIGKILL, victim, MOMENTS[(place + turn) % 3])
        yield Kill(stage, signal.SIGINT, "group", MOMENTS[place % 3])
        yield Kill(stage, signal.SIGTERM, "dvc", MOMENTS[(place + 1) % 3])


def stages_run(kind: str, folder: Path) -> Whole:
    """Run the pipeline stage by stage, and keep the project as it was before each."""
    project, before, cpu = Project.new(kind, folder / "whole"), {}, {}
    for stage in STAGES:
        before[stage] = project.copy(folder / f"before-{stage}")
        with (folder / "whole.log").open("w", encoding="utf-8") as log:
            process = project.start(["dvc", "repro", "--single-item", stage], log)
            used = 0.0
            while process.poll() is None:
                if found := stage_of(process, stage):
                    used = max(used, cpu_seconds(found))
                time.sleep(0.02)
        if process.returncode:
            raise RuntimeError((folder / "whole.log").read_text(encoding="utf-8"))
        cpu[stage] = used
    return Whole(before, project, cpu)


def stage_of(process: subprocess.Popen[str], stage: str) -> psutil.Process | None:
    """Find the stage's own process among those that DVC has started."""
    with suppress(psutil.Error):
        for one in psutil.Process(process.pid).children(recursive=True):
            if one.cmdline()[1:3] == ["-m", f"stages.{stage}"]:
                return one
    return None


def cpu_seconds(process: psutil.Process) -> float:
    """Processor time of a process and all that it started."""
    used = 0.0
    with suppress(psutil.Error):
        for one in (process, *process.children(recursive=True)):
            times = one.cpu_times()
            used += times.user + times.system
    return used


def strike(kill: Kill, project: Project, places: list[Path], cpu: float) -> tuple[bool, Said]:
    """Start a stage and send the signal when its moment has come; says whether it came before the end."""
    log = project.folder / "first.log"
    with log.open("w", encoding="utf-8") as output:
        process = project.start(["dvc", "repro", "--single-item", kill.stage], output)
    found, due, late = None, False, time.monotonic() + LIMIT
    while process.poll() is None and not due and time.monotonic() < late:
        found = found or stage_of(process, kill.stage)
        if kill.moment == "writing":
            due = found is not None and any(place.exists() for place in places)
        else:
            due = found is not None and cpu_seconds(found) >= SHARES[kill.moment] * cpu
            time.sleep(0.01)
    with held(process):  # to list the family takes longer than some files take to be written
        family = [found, *found.children(recursive=True)] if found is not None and found.is_running() else []
        with suppress(ProcessLookupError, psutil.Error):
            send(kill, process, found)
    try:
        status: int | None = process.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        status = None
    _, alive = psutil.wait_procs(family, timeout=10)
    said = log.read_text(encoding="utf-8", errors="replace")
    for one in alive:  # works on, though who started it is gone
        said += f"\nleft at work: {' '.join(one.cmdline())}"
        one.kill()
    return due and bool(family), Said(None if alive else status, said)


@contextmanager
def held(process: subprocess.Popen[str]) -> Iterator[None]:
    """Stop all that DVC has started for a while; signals that come meanwhile are met on the way on."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGCONT)


def send(kill: Kill, process: subprocess.Popen[str], stage: psutil.Process | None) -> None:
    """Send the signal."""
    if kill.victim == "group":
        os.killpg(process.pid, kill.number)
    elif kill.victim == "dvc":
        process.send_signal(kill.number)
    elif stage is not None:
        stage.send_signal(kill.number)


def attempt(kill: Kill, whole: Whole, folder: Path) -> tuple[str, str]:
    """Kill a stage of a copy, then run it again."""
    outs = [whole.after.tree / out["path"] for out in whole.after.recorded(kill.stage)[kill.stage]["outs"]]
    for turn in range(AGAIN):
        project = whole.before[kill.stage].copy(folder / "try")
        places = [project.tree / one.relative_to(whole.after.tree) for one in outs]
        places = [one.with_name(f".{one.name}.part") for one in places]
        places += [project.folder / "raw/scenes"] if kill.stage == "download" else []
        places += [project.tree / "report/.index.html.part"] if kill.stage == "report" else []
        hit, said = strike(kill, project, places, whole.cpu[kill.stage] * SOONER**turn)
        if hit:
            return healed(project, whole.after, kill.stage, said)
    return "missed", said.text


def tries(folder: Path) -> Iterator[Try]:
    """Every fault over both kinds of data."""
    words = sys.argv[2:]
    for kind in set(KINDS) & set(words) or KINDS:
        whole = stages_run(kind, folder / kind)
        for kill in kills():
            if not {kill.number.name} & set(words) and any(word.startswith("SIG") for word in words):
                continue
            outcome, said = attempt(kill, whole, folder / kind)
            yield Try(f"{kind}: {kill.number.name}", outcome, str(kill), last_lines(said))


if __name__ == "__main__":
    record("kill", tries)
