"""Tries changed functions in processes that are forked off one which has collected the tests (pytest plugin).

Collecting takes longer than most changes live: 0.05 to 0.3 s each this way, in place of 2 to 6. A child runs
the tests that call the function, the quickest first, until one fails.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest
from _pytest.runner import runtestprotocol
from mutmut.mutation.trampoline import set_mutant_under_test

ASKED = Path("asked.json")
"""names: of the mutants; seconds: of tests for each."""
SEEN = Path("mutmut-stats.json")
"""Which tests call which function, and what they last."""
TRIED = Path("tried.jsonl")
"""A line for each: [name, what came of it]."""


@dataclass(frozen=True)
class Child:
    """A process with one changed function, how much of the processor it may take, and its files."""

    name: str
    seconds: int
    folder: Path


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Try all that are asked for, in place of running the tests."""
    if session.testsfailed:
        return None
    asked, seen = json.loads(ASKED.read_text()), json.loads(SEEN.read_text())
    items = {item.nodeid: item for item in session.items}
    with TRIED.open("w") as tried:
        for name in asked["names"]:
            calling = seen["tests_by_mangled_function_name"].get(name.rpartition("__mutmut_")[0], ())
            lasts = {one: seen["duration_by_test"].get(one, 0.0) for one in calling if one in items}
            chosen = quickest(lasts, asked["seconds"])
            came = tried_by([items[one] for one in chosen], name, sum(lasts[one] for one in chosen))
            tried.write(json.dumps([name, came]) + "\n")
            tried.flush()
    return True


def quickest(lasts: dict[str, float], seconds: float) -> list[str]:
    """Choose tests by what each lasts: the quickest first, one at least, until they take so long."""
    chosen: list[str] = []
    for one in sorted(lasts, key=lambda name: (lasts[name], name)):
        if chosen and seconds < lasts[one]:
            break
        chosen.append(one)
        seconds -= lasts[one]
    return chosen


def tried_by(tests: list[pytest.Item], name: str, seconds: float) -> str:
    """Run tests with one changed function: killed, survived, timeout, crash or not tested."""
    if not tests:
        return "not tested"
    child = Child(name, int(4 * seconds) + 6, Path(tempfile.mkdtemp(prefix="mutant")))
    until = time.monotonic() + 20 * child.seconds  # for what sleeps, on a machine that does more besides
    process = os.fork()
    if not process:
        run(tests, child)
    ended = (0, 0)
    while not ended[0] and time.monotonic() < until:
        time.sleep(0.005)
        ended = os.waitpid(process, os.WNOHANG)
    if not ended[0]:
        os.killpg(process, signal.SIGKILL)
        os.waitpid(process, 0)
    shutil.rmtree(child.folder, ignore_errors=True)
    if not ended[0]:
        return "timeout"
    status = os.waitstatus_to_exitcode(ended[1])
    return {0: "survived", 1: "killed", -signal.SIGXCPU: "timeout", -signal.SIGKILL: "timeout"}.get(
        status, "crash"
    )


def run(tests: list[pytest.Item], child: Child) -> NoReturn:
    """Be the child: leave with 1 at the first test that fails."""
    status = 1
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (child.seconds, child.seconds + 1))
        silence = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(silence, number)
        tests[0].config._tmp_path_factory._basetemp = child.folder  # type: ignore[attr-defined]
        set_mutant_under_test(child.name)
        later = [*tests[1:], None]
        passed = (
            not any(report.failed for report in runtestprotocol(test, log=False, nextitem=after))
            for test, after in zip(tests, later, strict=True)
        )
        status = 0 if all(passed) else 1
    finally:
        os._exit(status)
