"""Too little of something: `python -m faults.limits [FOLDER [LIMIT...]]`; then a run that has enough again.

Full disks are small file systems of their own, in a mount namespace that ends with the command: for that the
user is root, or the system lets users have such namespaces (`unshare`). Else these tries are skipped.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from faults.kill import stage_of
from faults.projects import Project, Said, healed, whole_run
from faults.tries import Try, last_lines, record

KIND = "pictures"
PAGE = 4096
MOUNTED = """
set -e
room=$1 place=$2 kept=$3; shift 3
mount -t tmpfs -o "size=$room" tmpfs "$place"
cp -a "$kept/." "$place"
set +e
"$@"
status=$?
rm -rf "$kept" && cp -a "$place" "$kept"
exit $status
"""
"""Run a command with `place` on a file system of `room`, filled from `kept` before and written back there."""

SHARED = 'mount -t tmpfs -o size=1m tmpfs /dev/shm && exec "$@"'
LIMITED = '#!/bin/sh\nexec prlimit "$LIMITED" {python} "$@"\n'
"""In place of Python: the stage is limited, not DVC."""


@dataclass(frozen=True)
class Full:
    """A folder of which only half as much room is left as a stage needs."""

    place: str
    stage: str


FULL = (
    Full("project/artifacts", "train"),
    Full("project/artifacts", "index"),
    Full("project/data", "convert"),
    Full("project/.dvc/cache", "convert"),
    Full("project/.dvc/cache", "train"),
    Full("raw", "download"),
    Full("state", "train"),
)
LEAST: dict[str, dict[str, tuple[int, ...]]] = {
    "fsize": {"convert": (100_000,), "train": (200_000,), "index": (2_000,)},
    "nofile": {"convert": (16, 10, 9, 8, 7, 5), "train": (16, 10, 9, 8, 7, 5)},
}
"""Of what a stage is given less and less until it fails: bytes of a file, open files."""
SHARES = (0.9, 0.7, 0.5, 0.43, 0.36, 0.25, 0.18)
"""Of the memory that a stage asked for where it could have all."""


def unshare() -> list[str] | None:
    """Give the command that starts another with mounts of its own; None where this user has none."""
    for more in ([], ["--map-root-user"]):
        command = ["unshare", "--mount", *more]
        done = subprocess.run([*command, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True)
        if done.returncode == 0:
            return command
    return None


def again(stage: str) -> list[str]:
    """Run a stage though nothing has changed."""
    return ["dvc", "repro", "--force", "--single-item", stage]


def size_of(path: Path) -> int:
    """Bytes that a file, or the files of a folder, take on a disk."""
    files = path.rglob("*") if path.is_dir() else [path]
    sizes = [file.stat().st_size for file in files if file.is_file() and not file.is_symlink()]
    return sum(-(-size // PAGE) * PAGE for size in sizes)


def emptied(project: Project, one: Full) -> None:
    """Take away what the stage writes there, so that it needs the room."""
    outs = project.recorded()[one.stage]["outs"]
    if one.place == "raw":
        shutil.rmtree(project.folder / "raw")
    elif one.place.endswith("cache"):
        for out in outs:
            path = project.tree / ".dvc/cache/files/md5" / out["md5"][:2] / out["md5"][2:]
            inner = json.loads(path.read_bytes()) if path.suffix == ".dir" else []
            for md5 in (out["md5"], *(file["md5"] for file in inner)):
                (path.parents[1] / md5[:2] / md5[2:]).unlink(missing_ok=True)
    else:
        for out in outs:
            path = project.tree / out["path"]
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def full(project: Project, whole: Project, one: Full, mounts: list[str]) -> tuple[str, str]:
    """Run a stage with a full disk, then with room: outcome, and what was said."""
    outs = sum(size_of(whole.tree / out["path"]) for out in whole.recorded()[one.stage]["outs"])
    emptied(project, one)
    place, kept = project.folder / one.place, project.folder / "kept"
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", place, kept], check=True)
    room = size_of(kept) + (size_of(whole.folder / "raw") if one.place == "raw" else outs) // 2
    mounted = [*mounts, "bash", "-c", MOUNTED, "mounted", str(room), str(place), str(kept)]
    said = project.run([*mounted, *again(one.stage)])
    shutil.rmtree(place)
    kept.rename(place)
    if said.status == 0:  # DVC's own view of a cache that could not take the outputs
        said = project.run(["crosshash", "stored"])
    return after(project, whole, one.stage, said)


def after(project: Project, whole: Project, stage: str, said: Said) -> tuple[str, str]:
    """Judge a run that had too little, and the next one; one that did not fail was not limited.

    It must have made the same bytes, though, or the cache keeps others.
    """
    if said.status == 0:
        same = project.outputs(stage) == whole.outputs(stage)
        return "missed" if same else "silent", said.text
    if said.wrong:
        return said.wrong, said.text
    outcome, why = healed(project, whole, stage)
    return outcome, f"{said.text}\n{why}"


def lowered(
    project: Project, whole: Project, stage: str, name: str, values: Iterable[int]
) -> tuple[str, str]:
    """Give a stage less and less of what `prlimit` calls `name`, until it fails."""
    place = project.folder / "limited"
    place.mkdir()
    python = place / "python"
    python.write_text(LIMITED.format(python=sys.executable), encoding="utf-8")
    python.chmod(0o755)
    outcome, text = "missed", ""
    for most in values:
        path = f"{place}:{project.environment()['PATH']}"
        said = project.run(again(stage), PATH=path, LIMITED=f"--{name}={most}", CROSSHASH_THREADS="2")
        outcome, text = after(project, whole, stage, said)
        if outcome != "missed":
            return outcome, f"--{name}={most}\n{text}"
    return outcome, text


def addresses(project: Project, stage: str) -> int:
    """Measure how many bytes of addresses a stage asks for."""
    process = project.start(again(stage), subprocess.DEVNULL, CROSSHASH_THREADS="2")
    most = 0
    while process.poll() is None:
        if found := stage_of(process, stage):
            with suppress(psutil.Error):
                most = max(most, found.memory_info().vms)
        time.sleep(0.02)
    return most


def tries(folder: Path) -> Iterator[Try]:
    """Every limit, or those that the command line names, each on a copy of a project that has run."""
    blank = Project.new(KIND, folder / "blank")
    whole = whole_run(blank.copy(folder / "whole"))
    chosen = sys.argv[2:] or ["full", "shared", *LEAST, "memory"]
    mounts = unshare()
    for name in chosen:
        if name in LEAST:
            yield from of_files(name, whole, folder / "try")
        elif name == "memory":
            yield from of_memory(whole, folder / "try")
        elif mounts is None:
            yield Try(name, "skipped", said="this user may mount nothing: run it as root")
        elif name == "full":
            yield from of_disks(whole, folder / "try", mounts)
        else:
            yield of_shared_memory(blank.copy(folder / "try"), whole, mounts)


def of_files(name: str, whole: Project, place: Path) -> Iterator[Try]:
    """Their size, or how many are open."""
    for stage, values in LEAST[name].items():
        outcome, text = lowered(whole.copy(place), whole, stage, name, values)
        yield Try(f"prlimit --{name}", outcome, stage, last_lines(text))


def of_memory(whole: Project, place: Path) -> Iterator[Try]:
    """Less and less of what a stage asks for: each share of it may fail elsewhere."""
    for stage in ("convert", "train", "evaluate", "index"):
        most = addresses(whole.copy(place), stage)
        for share in SHARES:
            outcome, text = lowered(whole.copy(place), whole, stage, "as", [int(share * most)])
            outcome = "same" if outcome == "missed" else outcome  # it was enough
            yield Try("memory", outcome, f"{stage}, {share} of {most} bytes", last_lines(text))


def of_disks(whole: Project, place: Path, mounts: list[str]) -> Iterator[Try]:
    """Full ones."""
    for one in FULL:
        outcome, text = full(whole.copy(place), whole, one, mounts)
        yield Try(f"full: {one.place}", outcome, one.stage, last_lines(text))


def of_shared_memory(project: Project, whole: Project, mounts: list[str]) -> Try:
    """Hardly any, for a run from nothing."""
    said = project.run([*mounts, "bash", "-c", SHARED, "shared", "dvc", "repro"], CROSSHASH_THREADS="2")
    outcome, text = healed(project, whole, "report", said)
    return Try("shared memory of 1 MB", said.wrong or outcome, "all stages", last_lines(text or said.text))


if __name__ == "__main__":
    record("limits", tries)
