"""What the table says in words, whatever its form."""

from __future__ import annotations

from collections.abc import Sequence

from crosshash.experiments.conditions import in_words
from crosshash.experiments.table.cells import Cell
from crosshash.experiments.table.leaderboard import Group, Leaderboard, Printed, Row
from crosshash.retrieval.codefiles.codeset import CROSS_MODAL

LEGEND = (
    "Mean over seeds ± standard deviation (number of seeds). Bold: the best of its column, and those that a "
    "paired bootstrap over the queries, averaged over seeds first, does not tell from it (p at least 0.05)."
)
UNTESTED = "†: could not be tested against the best for want of scores by query; not bold."
ELSEWHERE = "Not all networks ran on the same, which alone gives other figures (docs/reproducibility.md)"
PUBLISHED = (
    "Published figures stand as their papers print them: same measure, data set and length, but a split and "
    "a training of their own. They take no part in bold."
)


def score(cell: Cell | None) -> tuple[str, str]:
    """Write a mean, and the rest of its cell: deviation, number of seeds, mark."""
    if cell is None:
        return "–", ""
    deviation = "" if cell.deviation is None else f"± {cell.deviation:.4f} "
    return f"{cell.mean:.4f}", f"{deviation}({len(cell.runs)}){'†' if cell.verdict == 'untested' else ''}"


def label(row: Row) -> str:
    """Write a method with the settings that tell its rows apart."""
    return ", ".join([row.title, *settings(row)])


def settings(row: Row) -> list[str]:
    """Write the settings that tell the rows of a method apart."""
    return [f"{key} {'null' if value is None else value}" for key, value in row.settings.items()]


def conditions(group: Group) -> str:
    """Write under which conditions the scores of a group were made."""
    told = {key: value for key, value in group.conditions.items() if key != "dataset" and value is not None}
    return "; ".join(in_words(key, value) for key, value in told.items())


def notes(board: Leaderboard) -> list[str]:
    """Say what the marks of the table mean."""
    untested = any(cell.verdict == "untested" for row in board.rows for cell in row.cells)
    return [
        *(LEGEND, _ran_on(board)),
        *([UNTESTED] if untested else []),
        *([PUBLISHED] if board.printed else []),
    ]


def _ran_on(board: Leaderboard) -> str:
    """Say what the networks ran on."""
    if len(board.ran_on) == 1:
        return f"All networks ran on {next(iter(board.ran_on))}."
    runs = "; ".join(f"{place} ({', '.join(names)})" for place, names in board.ran_on.items())
    return f"{ELSEWHERE}: {runs}."


def source(one: Printed) -> str:
    """Say where a published row comes from."""
    return f"{one.title}: {one.source}. {one.metric}; {one.protocol}"


def sources(board: Leaderboard) -> list[str]:
    """List the sources of published rows, each once; their places are the numbers in the table."""
    return list(dict.fromkeys(source(one) for one in board.printed))


def columns(group: Group) -> Sequence[tuple[int, str]]:
    """Give length and task of each column of a group."""
    return [(bits, task) for bits in group.bits for task in CROSS_MODAL]
