"""The table as Markdown. tabulate leaves `|` in cells, which ends them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from crosshash.experiments.table.leaderboard import Leaderboard
from crosshash.experiments.table.points_table import POINTS, heads, text_rows
from crosshash.experiments.table.words import columns, conditions, label, notes, score, source, sources


def markdown_table(board: Leaderboard) -> str:
    """Write the table, and below it what its marks mean, its conditions, sources and who is left out."""
    places = [(group, *column) for group, of in enumerate(board.groups) for column in columns(of)]
    head = [f"{board.groups[group].title}, {bits} bits, {task}" for group, bits, task in places]
    lines = [line([f"{board.measure}", *head]), line(["---", *("---:" for _ in places)])]
    for row in board.rows:
        cells = []
        for place in places:
            cell = row.cell(*place)
            mean, rest = score(cell)
            shown = f"**{mean}**" if cell is not None and cell.bold else mean
            cells.append(f"{shown} {rest}")
        lines.append(line([label(row), *cells]))
    for one in board.printed:
        number = sources(board).index(source(one)) + 1
        values = [
            one.values.get(bits, {}).get(task, "–") if group == one.group else "–"
            for group, bits, task in places
        ]
        lines.append(line([f"{one.title}, published [{number}]", *values]))
    below = [
        *notes(board),
        *(f"{group.title}: {conditions(group)}." for group in board.groups),
        *(f"[{number}] {text}" for number, text in enumerate(sources(board), 1)),
    ]
    for number, group in enumerate(board.groups):
        lines += ["", f"{group.title}: what a byte buys", "", *_points(board, number)]
    below.insert(1, POINTS)
    if board.left_out:
        below += ["Not in the table:", *(f"{one.name}: {one.reason}" for one in board.left_out)]
    return "\n".join([*lines, "", *(f"- {_safe(line)}" for line in below)]) + "\n"


def _points(board: Leaderboard, group: int) -> list[str]:
    """Write the table of costs and scores of a group."""
    head = heads(board)
    lines = [line(head), line(["---", *("---:" for _ in head[1:])])]
    for row in text_rows(board, group):
        marked = zip(row.cells, row.bold, strict=True)
        lines.append(line([f"**{cell}**" if bold else cell for cell, bold in marked]))
    return lines


def line(cells: Sequence[str]) -> str:
    """Write a row of a table; a text with `|` or line ends stays in its cell."""
    return "| " + " | ".join(_cells(cells)) + " |"


def _cells(cells: Iterable[str]) -> Iterable[str]:
    return (_safe(cell).replace("|", "\\|") for cell in cells)


def _safe(text: str) -> str:
    """Keep text in its line."""
    return " ".join(text.split())
