#!/usr/bin/env bash
# dvc 3.67.1: at the end of a stage dvc.lock is emptied and written again in place, not replaced, and `dvc.repo.Repo` reads it without taking DVC's
# lock. Who asks an open repository for its stages while another stage ends finds half a file: an error, or entries that are missing.
# Seen: the inode of dvc.lock stays the same over a run; cut off after the name of its first stage, reading fails with YAMLValidationError while
# another process holds the lock, and succeeds by `with Repo(..., _wait_for_lock=True) as repo, repo.lock` once that one has put the rest back.
# Guessed: a new file is put in the old one's place, so that a reader finds the one or the other.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "dvc==3.67.1"
export PATH="$work/env/bin:$PATH" DVC_NO_ANALYTICS=1
mkdir "$work/project" && cd "$work/project" && git init --quiet && dvc init --quiet
printf 'stages:\n  copy:\n    cmd: cp in out\n    deps: [in]\n    outs: [out]\n' > dvc.yaml
echo one > in && dvc repro --quiet && before=$(stat -c %i dvc.lock)
echo two > in && dvc repro --quiet && after=$(stat -c %i dvc.lock)
echo "inode of dvc.lock before and after: $before $after"
[ "$before" = "$after" ]
python - <<'P'
import subprocess
import sys
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.repo import Repo

HALF = """
import time
from pathlib import Path
from dvc.repo import Repo
path = Path("dvc.lock")
with Repo(".") as repo, repo.lock:
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"cmd")])
    print("half", flush=True)
    time.sleep(3)
    path.write_bytes(whole)
"""
other = subprocess.Popen([sys.executable, "-c", HALF], stdout=subprocess.PIPE, text=True)
assert other.stdout.readline() == "half\n"
try:
    with Repo(".") as repo:
        print("stages:", repo.index.stages)
    raise SystemExit("reading waits for the lock now, or takes half a file")
except DvcException as error:
    print("read without the lock:", type(error).__name__)
with Repo(".", _wait_for_lock=True) as repo, repo.lock:
    print("read under the lock:", repo.index.stages)
assert other.wait() == 0
P
