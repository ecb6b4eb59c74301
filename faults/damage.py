"""Damaged files: `python -m faults.damage [FOLDER [SEED]]`. Who reads one says so, or has the same as before.

The kinds of files and their readers are those of tests/test_damage.py: 30 single bits and four cuts each, at
other places than there.
"""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from crosshash.errors import CrosshashError
from faults.fuzz import SECONDS, limited
from faults.tries import Try, record
from tests.conftest import STAGES, run_stages, small_project
from tests.test_damage import READERS, damages, every_kind, told

CUTS = ("empty", "half", "without its last byte", "zeros")


def judged(read: Callable[[Path], object], path: Path, wanted: object) -> tuple[str, str]:
    """Read a damaged file: outcome, and what was said."""
    try:
        with limited(SECONDS):
            found = told(read(path))
    except CrosshashError as error:
        return "refused", str(error)
    except TimeoutError:
        return "hang", ""
    except Exception:
        return "traceback", traceback.format_exc()
    return ("same", "") if found == wanted else ("silent", "")


def tries(folder: Path) -> Iterator[Try]:
    """Every kind of file of a small project that has run."""
    seed = sys.argv[2] if len(sys.argv) > 2 else "1"
    warnings.simplefilter("ignore")
    done = run_stages(small_project(folder / "trained"), *STAGES)
    if done.returncode:
        raise RuntimeError(done.stderr)
    with every_kind(folder / "trained", folder / "project"):
        for name, read in READERS:
            path = sorted(Path().glob(name))[0]
            whole = path.read_bytes()
            wanted = told(read(path))
            ways = list(damages(whole, f"{name} {seed}"))
            flips = len(ways) - len(CUTS)
            for number, data in enumerate(ways):
                path.unlink()
                path.write_bytes(data)
                outcome, said = judged(read, path, wanted)
                path.unlink()
                path.write_bytes(whole)
                case = "one bit" if number < flips else "cut"
                which = f"flip {number}" if number < flips else CUTS[number - flips]
                yield Try(case, outcome, f"{name}: {which}", said)


if __name__ == "__main__":
    record("damage", tries)
