"""Change the code in small ways, one at a time, and count the changes that no test sees: `make mutants`.

mutmut makes the changes and runs the tests of the same folder on each. It works in a copy, since it leaves
decorated functions alone: there their decorators go (numba's, caches) or move to a call of the function.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {"methods": ("methods", "losses")}
"""What counts as one folder; all others are themselves."""
MACHINE_CODE = "lookup"
"""A folder whose loops call instructions of the processor: they cannot run as plain Python."""
WORDS = {0: "survived", 5: "not tested", 33: "not tested", 24: "timeout", -24: "timeout", 36: "timeout"}
"""Exit codes of the tests; any other one is a kill."""


def main() -> None:
    """Read the command line, make the copy, run, print a row of docs/mutants.md and the survivors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="codes, centers, index, retrieval, methods or training")
    parser.add_argument("--share", type=float, default=1.0, help="of the mutants, drawn by --seed")
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    copy = ROOT / ".mutants" / wanted.folder
    make_copy(copy, FOLDERS.get(wanted.folder, (wanted.folder,)))
    made = run(copy, "nothing")  # makes the mutants, sees which tests call which function, finds no such name
    names = sorted(results(copy))
    if not names:
        sys.exit(made.stdout + made.stderr)
    chosen = random.Random(wanted.seed).sample(names, round(wanted.share * len(names)))
    tried = run(copy, *chosen)
    if tried.returncode:
        sys.exit(tried.stdout + tried.stderr)
    found = results(copy)
    words = {name: WORDS.get(found[name], "killed") for name in chosen}
    counts = Counter(words.values())
    told = ", ".join(f"{word} {count}" for word, count in sorted(counts.items()))
    print(f"{wanted.folder}: made {len(names)}, tried {len(chosen)}: {told}")
    print(f"cd {copy.relative_to(ROOT)} and `mutmut show NAME` says what was changed:")
    for name in sorted(name for name, word in words.items() if word in ("survived", "not tested")):
        print(f"  {name}: {words[name]}")


def make_copy(copy: Path, folders: tuple[str, ...]) -> None:
    """Copy what git knows or would add, with the folders' own part of mutmut's settings."""
    shutil.rmtree(copy, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    with (copy / "pyproject.toml").open("a") as settings:  # its last table is mutmut's
        settings.write(f"only_mutate = {json.dumps([f'src/crosshash/{one}/*' for one in folders])}\n")
        tests = [f"tests/{one}" for one in folders]
        settings.write(f"pytest_add_cli_args_test_selection = {json.dumps(tests)}\n")
    for folder in folders:
        for path in (copy / "src/crosshash" / folder).rglob("*.py"):
            if path.parent.name != MACHINE_CODE:
                path.write_text(opened(path.read_text()))


def opened(code: str) -> str:
    """Take the decorators off compiled and cached functions; let properties and contexts call a function."""
    code = re.sub(r"^@(?:lru_cache\(.*\)|compiled)\n", "", code, flags=re.M)
    code = re.sub(r"^popcount = .*", "popcount = np.bitwise_count", code, flags=re.M)
    code = re.sub(
        r"^( +)@(cached_property|property)\n +def (\w+)\(self\)",
        r"\1@\2\n\1def \3(self):\n\1    return self.held_\3()\n\n\1def held_\3(self)",
        code,
        flags=re.M,
    )
    return re.sub(
        r"^@contextmanager\ndef (\w+)\(",
        r"def \1(*given):\n    return contextmanager(held_\1)(*given)\n\n\ndef held_\1(",
        code,
        flags=re.M,
    )


def run(copy: Path, *names: str) -> subprocess.CompletedProcess[str]:
    """Let mutmut try some mutants; one process, one thread."""
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", "1", *names]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONPATH", None)  # would win over the copy
    return subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True)


def results(copy: Path) -> dict[str, int | None]:
    """Exit codes of the tests by mutant; None where it was not tried."""
    found: dict[str, int | None] = {}
    for path in (copy / "mutants").rglob("*.py.meta"):
        found |= json.loads(path.read_text())["exit_code_by_key"]
    return found


if __name__ == "__main__":
    main()
