"""Change the code in small ways, one at a time, and count the changes that no test sees: `make mutants`.

mutmut makes the changes and sees which tests call which function; forks.py runs the tests on each. They work
in a copy, since mutmut leaves decorated functions alone: there their decorators go (numba's, caches) or move
to a call of the function.
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

from tests.mutation.forks import ASKED, SEEN, TRIED

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {"methods": ("methods", "losses")}
"""What counts as one folder; all others are themselves."""
MACHINE_CODE = "lookup"
"""A folder whose loops call instructions of the processor: they cannot run as plain Python."""
APART = (
    "tests/retrieval/ranking/test_compiled.py",
    "tests/training/test_ranks.py",
    "tests/retrieval/scoring/test_memory.py",
)
"""Tests that start Python where mutmut does not find its settings, or are too much for plain loops."""


def main() -> None:
    """Read the command line, make the copy, run, print a row of docs/mutants.md and the survivors."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("folder", help="codes, centers, index, retrieval, methods or training")
    parser.add_argument("--share", type=float, default=1.0, help="of the mutants, drawn by --seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=6.0, help="of tests for each, the quickest first")
    wanted = parser.parse_args()
    folders = FOLDERS.get(wanted.folder, (wanted.folder,))
    copy = ROOT / ".mutants" / wanted.folder
    make_copy(copy, folders)
    names = make_mutants(copy)
    chosen = random.Random(wanted.seed).sample(names, round(wanted.share * len(names)))
    came = try_mutants(copy, folders, chosen, wanted.seconds)
    told = ", ".join(f"{word} {count}" for word, count in sorted(Counter(came.values()).items()))
    print(f"{wanted.folder}: made {len(names)}, tried {len(chosen)}: {told}")
    print(f"cd {copy.relative_to(ROOT)} and `mutmut show NAME` says what was changed:")
    for name in sorted(name for name, word in came.items() if word in ("survived", "not tested")):
        print(f"  {name}: {came[name]}")


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
        settings.write(f"pytest_add_cli_args_test_selection = {json.dumps(selected(folders))}\n")
    subprocess.run(["git", "init", "--quiet"], cwd=copy, check=True)  # what tests do to git stays there
    for folder in folders:
        for path in (copy / "src/crosshash" / folder).rglob("*.py"):
            if path.parent.name != MACHINE_CODE:
                path.write_text(opened(path.read_text()))


def selected(folders: tuple[str, ...]) -> list[str]:
    """Give pytest the tests of some folders."""
    return [*(f"tests/{one}" for one in folders), *(f"--ignore={one}" for one in APART)]


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


def make_mutants(copy: Path) -> list[str]:
    """Have mutmut make them all and see which tests call which function; give their names."""
    # It is asked for one mutant that is not there, so that it tries none.
    made = subprocess.run(
        [sys.executable, "-m", "mutmut", "run", "--max-children", "1", "nothing"],
        cwd=copy, env=environment(), capture_output=True, text=True,
    )  # fmt: skip
    found: set[str] = set()
    for path in (copy / "mutants").rglob("*.py.meta"):
        found |= json.loads(path.read_text())["exit_code_by_key"].keys()
    if not found or not (copy / "mutants" / SEEN).exists():
        sys.exit(made.stdout + made.stderr)
    return sorted(found)


def try_mutants(copy: Path, folders: tuple[str, ...], names: list[str], seconds: float) -> dict[str, str]:
    """Run the tests on each; what came of it, by name. Processes of tests use one thread."""
    place = copy / "mutants"
    (place / ASKED).write_text(json.dumps({"names": names, "seconds": seconds}))
    command = [sys.executable, "-m", "pytest", "-q", "--tb=native", "--timeout=0", "-p", "no:cacheprovider"]
    command += ["-p", "no:faulthandler", "-p", "tests.mutation.forks", "-m", "not slow and not gpu"]
    paths = {"PYTHONPATH": str(place / "src"), "MUTANT_UNDER_TEST": ""}
    with subprocess.Popen([*command, *selected(folders)], cwd=place, env=environment() | paths) as running:
        if running.wait():
            sys.exit(running.returncode)
    return dict(json.loads(line) for line in (place / TRIED).read_text().splitlines())


def environment() -> dict[str, str]:
    """Processes of one thread; no folder of the project, which would win over the copy."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return kept | {"OMP_NUM_THREADS": "1", "CROSSHASH_THREADS": "1"}


if __name__ == "__main__":
    main()
