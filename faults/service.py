"""The search service under fire: `python -m faults.service [FOLDER [CASES [SECONDS]]]`.

schemathesis makes requests of what /openapi.json describes, right ones and wrong ones, with the token that
lets it put items in and take them out; benchmarks.soak sends mixed ones for some time, loads the pages again
and again, and hangs up on some.
"""

from __future__ import annotations

import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.service import serving
from faults.projects import Project, whole_run
from faults.tries import TRACEBACK, Try, last_lines, record
from tests.projects import ROOT
from tests.service.test_schema import CONFIG

CASES, SECONDS = 2000, 600
PER_OPERATION = 400
MADE = re.compile(r"(\d+) generated")


def tries(folder: Path) -> Iterator[Try]:
    """Both, on a project with pictures."""
    cases = int(sys.argv[2]) if len(sys.argv) > 2 else CASES
    seconds = sys.argv[3] if len(sys.argv) > 3 else str(SECONDS)
    project = whole_run(Project.new("pictures", folder / "whole"))
    yield from described(project, folder, cases)
    soak = [sys.executable, "-m", "benchmarks.soak", str(project.tree), seconds]
    done = subprocess.run(soak, cwd=ROOT, capture_output=True, text=True)
    said = done.stdout + done.stderr
    wrong = "traceback" if TRACEBACK in said else "not healed"
    yield Try("soak", wrong if TRACEBACK in said or done.returncode else "same", said=said)


def described(project: Project, folder: Path, cases: int) -> Iterator[Try]:
    """Ask for what is described, until so many requests were made; each round with a seed of its own."""
    st = [str(Path(sys.executable).with_name("st")), "--config-file", str(CONFIG), "run", "--no-color"]
    made, token = 0, secrets.token_urlsafe(32)
    st += ["--header", f"Authorization: Bearer {token}"]
    with serving(project.tree, f"--token={token}") as server:  # it may begin with a hyphen
        url = f"http://127.0.0.1:{server.port}/openapi.json"
        for seed in range(50):
            command = [*st, "--max-examples", str(PER_OPERATION), "--seed", str(seed), url]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
            text = done.stdout + done.stderr
            count = sum(map(int, MADE.findall(text)))
            made += count
            outcome = "same" if done.returncode == 0 else "not healed"
            yield Try("schemathesis", outcome, f"seed {seed}: {count} requests", last_lines(text, 30))
            if made >= cases or not count:
                return


if __name__ == "__main__":
    record("service", tries)
