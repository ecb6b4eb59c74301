"""What users hand over, at random: `python -m faults.fuzz [FOLDER [COUNT [KIND...]]]`.

Codes for `crosshash score`, pairs.csv, .mat triples, params.yaml and pictures. What is accepted has to mean
what an independent reading says; what is not has to be refused by a CrosshashError, within seconds.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import random
import shutil
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

from crosshash.errors import CrosshashError
from faults.fuzzed.given import Given, MeaninglessError
from faults.tries import Try, record
from tests.projects import ROOT

KINDS = ("codes", "pairs", "mat", "params", "picture")
COUNT = 5000
CHUNK = 1000
SECONDS = 30
WAITING = 20  # times longer may it take where other programs work too


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """End what takes longer, in processor time, or waits for ever.

    Raises:
        TimeoutError: it did.
    """

    def end(*_: object) -> None:
        raise TimeoutError

    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, end)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.alarm(WAITING * seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)


def judged(given: Given) -> tuple[str, str]:
    """Read what was given, by this project and otherwise: outcome, and what was said."""
    try:
        with limited(SECONDS):
            found = given.read()
    except CrosshashError as error:
        return "refused", str(error)
    except TimeoutError:
        return "hang", ""
    except Exception:
        return "traceback", traceback.format_exc()
    try:
        meant = given.meant()
    except MeaninglessError as error:
        return "silent", f"read as {found!r}, though: {error}"
    return ("accepted", "") if found == meant else ("silent", f"read as {found!r}, meant: {meant!r}")


def chunk(kind: str, start: int, stop: int, folder: Path) -> list[Try]:
    """Make and judge some files, in a worker process."""
    warnings.simplefilter("ignore")
    os.chdir(folder)
    module = importlib.import_module(f"faults.fuzzed.{kind}")
    (folder / "at-work").mkdir(exist_ok=True)
    tries = []
    for number in range(start, stop):
        given = module.make(random.Random(f"{kind} {number}"), folder / "at-work")
        outcome, said = judged(given)
        kept = said if outcome not in ("accepted", "refused") else said[:200]
        tries.append(Try(kind, outcome, f"{number}: {given.which}", kept))
    return tries


def tries(folder: Path) -> Iterator[Try]:
    """Every kind, in one worker process after the other; one that dies is a crash of the try it was at."""
    count = int(sys.argv[2]) if len(sys.argv) > 2 else COUNT
    shutil.copy(ROOT / "params.yaml", folder)
    for name in ("configs", "examples"):
        shutil.copytree(ROOT / name, folder / name, dirs_exist_ok=True)
    for kind in sys.argv[3:] or KINDS:
        for start in range(0, count, CHUNK):
            yield from alone(kind, start, min(start + CHUNK, count), folder)


def alone(kind: str, start: int, stop: int, folder: Path) -> list[Try]:
    """Run a chunk in a process of its own; if it dies, its two halves, down to the one that kills it."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(chunk, kind, start, stop, folder).result()
        except BrokenProcessPool:
            if stop - start == 1:
                return [Try(kind, "crash", f"{start}")]
    middle = (start + stop) // 2
    return alone(kind, start, middle, folder) + alone(kind, middle, stop, folder)


if __name__ == "__main__":
    record("fuzz", tries)
