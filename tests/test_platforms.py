"""What Windows lacks is asked for where it is used, not where it is imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from crosshash.artifacts import write_npz
from crosshash.retrieval.scoring.score_files import score
from tests.conftest import ROOT

SCORED = """
import sys
sys.modules["fcntl"] = None
import crosshash.cli, crosshash.search
crosshash.cli.app(["score", sys.argv[1], "--json"], standalone_mode=False)
"""

# Once more after the libraries, which look for other names on Windows than here.
BARE = """
import importlib, os, pkgutil, signal
del sys.modules["fcntl"]
names = [module.name for module in pkgutil.walk_packages(crosshash.__path__, "crosshash.")]
names += [f"stages.{module.name}" for module in pkgutil.iter_modules(["stages"])]
for name in names:
    importlib.import_module(name)
for name in [name for name in sys.modules if name.partition(".")[0] in ("crosshash", "stages")]:
    del sys.modules[name]
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None
lacking = {
    os: "O_DIRECTORY O_NOFOLLOW fork getuid killpg mkfifo pread sched_getaffinity setsid statvfs sysconf",
    signal: "SIGALRM SIGCHLD SIGHUP SIGKILL SIGPIPE SIGUSR1 SIG_BLOCK pthread_sigmask setitimer",
}
for module, missing in lacking.items():
    for name in missing.split():
        delattr(module, name)
for name in names:
    importlib.import_module(name)
"""

ALONE = """
import signal
del signal.pthread_sigmask
from crosshash.workers.processes import in_processes, workers
with workers(2) as crew:
    print(len(crew), list(in_processes(crew, abs, [-1, -2])))
"""


def output(script: str, *arguments: str | Path) -> str:
    """What a script prints in a process of its own, which must not fail."""
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_without_names_of_posix_codes_are_scored_and_all_modules_imported(tmp_path: Path) -> None:
    signs = np.random.default_rng(0).choice(np.array([-1, 1], np.int8), (12, 16))
    labels = np.eye(3, dtype=np.uint8)[np.arange(12) % 3]
    file = tmp_path / "codes.npz"
    arrays = {"q_img": signs[:4], "q_txt": signs[:4], "r_img": signs[4:], "r_txt": signs[4:]}
    write_npz(file, {**arrays, "q_l": labels[:4], "r_l": labels[4:]})
    expected = score(file, None, "expected", "skip", 1000, 0)
    assert json.loads(output(SCORED + BARE, file)) == json.loads(json.dumps(expected))


def test_where_no_worker_can_be_started_this_process_does_the_work() -> None:
    assert output(ALONE) == "0 [1, 2]\n"
