"""A small project in which every stage has run, made once and read by many tests."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from hypothesis import settings

from tests.browser import MISSING, chromium, chromium_path
from tests.forked import forked_python, serving
from tests.shared import made_once

__all__ = ["chromium"]

ROOT = Path(__file__).resolve().parent.parent

# Two workers of two threads each on two cores wait for one another; set before torch is imported. Stages that
# run inside a test take their threads from the second, and torch keeps as many for all tests that follow.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("CROSSHASH_THREADS", "1")
# Unfinished work of tests stays out of the user's folder.
os.environ.setdefault("CROSSHASH_STATE", str(ROOT / ".pytest_cache/state"))
# A worker ends up with millions of objects that stay: going through all of them takes a second each time.
gc.set_threshold(50_000, 20, 50)
# Containers often keep Python from storing compiled code: each of a thousand processes would compile anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Compiled loops are kept for all processes of all tests, beside pytest's own files.
os.environ.setdefault("NUMBA_CACHE_DIR", str(ROOT / ".pytest_cache"))
# No test asserts how long something takes, and neither does Hypothesis: the first example may load a library.
settings.register_profile("crosshash", deadline=None)
settings.load_profile("crosshash")
LONG = ("pipeline", "flows")
STAGES = (
    "plan",
    "download",
    "convert",
    "embed",
    "centers",
    "transform",
    "train",
    "infer",
    "encode",
    "evaluate",
    "index",
)
# One process for all scripts: importing torch takes longer than they do.
SCRIPT = """
import runpy, sys
dataset, *stages = sys.argv[1:]
for stage in stages:
    sys.argv = [stage, dataset]
    runpy.run_module(f"stages.{stage}", run_name="__main__")
"""


# A process in the background of a shell ignores Ctrl-C, and so do its children; some tests send it to stages.
signal.signal(signal.SIGINT, signal.default_int_handler)


def small_project(folder: Path) -> Path:
    """A folder with params.yaml for few pictures and one epoch, and all that stages read beside it."""
    folder.mkdir()
    for name in ("configs", "examples"):
        shutil.copytree(ROOT / name, folder / name)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["bits"] = 16
    params["scenes"]["count"] = 120
    params["train"] |= {"epochs": 1, "batch": 32}
    params["evaluate"]["bootstrap"] = 50
    params["twdh"]["train_bits"] = 64
    params["index"]["distance"] = "hamming"  # so small a model might choose either
    params["threads"] = 1  # as above
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    return folder


def run_stages(project: Path, *stages: str, dataset: str = "scenes") -> subprocess.CompletedProcess[str]:
    """Run stages as scripts, one after the other; the first that fails ends it."""
    return subprocess.run(
        [forked_python(), "-c", SCRIPT, dataset, *stages],
        cwd=project,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "CROSSHASH_RAW": str(project / "raw"),
            "CROSSHASH_STATE": str(project / "state"),
        },
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="session")
def trained_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's folder."""

    def make(folder: Path) -> None:
        done = run_stages(small_project(folder), *STAGES)
        assert done.returncode == 0, done.stderr

    return made_once(tmp_path_factory, "trained", make)


def pytest_configure(config: pytest.Config) -> None:
    """Have a server fork stages, one for all workers."""
    if sys.platform == "linux" and not hasattr(config, "workerinput"):
        served = ExitStack()
        served.enter_context(serving())
        config.add_cleanup(served.close)


def pytest_collection_finish() -> None:
    """Hide what is loaded from garbage collection: a service that asks for one waited a second each time."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the folders whose files take minutes: at the end one worker would run them alone."""
    items.sort(key=lambda item: item.path.relative_to(ROOT / "tests").parts[0] not in LONG)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it plainly when no page was looked at."""
    if chromium_path() is None:
        terminalreporter.write_line(MISSING, yellow=True)
