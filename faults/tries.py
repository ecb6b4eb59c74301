"""A try and what came of it: a line of JSON for each, a table of all, and a verdict."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

WRONG = ("silent", "traceback", "crash", "hang", "not healed", "left over")
"""Outcomes that nothing excuses: another result without a word, or an end that is no message."""

TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True)
class Try:
    """One fault.

    case: its row of the table; outcome: one of WRONG, or how it went well: `same`, `refused`, `healed`,
    `accepted`; `missed` if it came too late to be one. which: enough to do it again; said: what was printed.
    """

    case: str
    outcome: str
    which: str = ""
    said: str = ""


def record(part: str, tries: Callable[[Path], Iterable[Try]]) -> None:
    """Run a part in the folder that the command line names, or a temporary one; status 1 if any try is wrong.

    Its lines go to `<part>.jsonl` in that folder; wrong tries are printed at once.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)  # children of a background job ignore it else
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="crosshash-faults-"))
    place = place.resolve()
    (place / part).mkdir(parents=True, exist_ok=True)
    lines = place / f"{part}.jsonl"
    started = time.monotonic()
    with lines.open("w", encoding="utf-8") as file:
        for one in tries(place / part):
            file.write(json.dumps(asdict(one)) + "\n")
            file.flush()
            if one.outcome in WRONG:
                print(f"{one.outcome}: {one.case}, {one.which!a}\n{one.said!a}", flush=True)
    wrong = show([lines])
    print(f"{part}: {time.monotonic() - started:.0f} s, lines in {lines}")
    sys.exit(1 if wrong else 0)


def show(files: Iterable[Path]) -> int:
    """Print a table of what came of all tries in these files; give the number of wrong ones."""
    table = Table("part", "case", "tries", "outcomes", "wrong")
    total = 0
    for file in files:
        rows: dict[str, Counter[str]] = {}
        for line in file.read_text(encoding="utf-8").splitlines():
            one = json.loads(line)
            rows.setdefault(one["case"], Counter())[one["outcome"]] += 1
        for case, outcomes in rows.items():
            wrong = sum(outcomes[name] for name in WRONG)
            counts = ", ".join(f"{count} {name}" for name, count in outcomes.most_common())
            table.add_row(file.stem, case, str(outcomes.total()), counts, str(wrong))
            total += wrong
    Console(width=120).print(table)
    return total


def last_lines(text: str, count: int = 12) -> str:
    """Give the end of what a command printed, from its first traceback on where there is one."""
    lines = [line for line in text.splitlines() if line.strip()]
    first = next((number for number, line in enumerate(lines) if TRACEBACK in line), len(lines))
    return "\n".join(lines[min(first, max(0, len(lines) - count)) :])
