"""The table as LaTeX, with the rules of booktabs. tabulate has no heads over one another."""

from __future__ import annotations

from collections.abc import Iterable

from crosshash.experiments.table.cells import Cell
from crosshash.experiments.table.leaderboard import Group, Leaderboard
from crosshash.experiments.table.points_table import POINTS, heads, text_rows
from crosshash.experiments.table.words import columns, conditions, label, notes, score, source, sources
from crosshash.retrieval.codefiles.codeset import CROSS_MODAL

SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "±": r"$\pm$",
    "†": r"$^{\dagger}$",
    "–": "--",
    "’": "'",
}


def latex_table(board: Leaderboard) -> str:
    """Write a `table*` that needs the package booktabs alone. Who is left out stands as comments."""
    places = [(group, *column) for group, of in enumerate(board.groups) for column in columns(of)]
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table*}",
        r"\centering",
        rf"\caption{{{_caption(board)}}}",
        rf"\begin{{tabular}}{{l{'r' * len(places)}}}",
        r"\toprule",
        *_head(board.groups),
        r"\midrule",
    ]
    for row in board.rows:
        cells = (_cell(row.cell(*place)) for place in places)
        lines.append(_line([escaped(label(row)), *cells]))
    if board.printed:
        lines.append(r"\midrule")
    for one in board.printed:
        number = sources(board).index(source(one)) + 1
        values = (
            escaped(one.values.get(bits, {}).get(task, "–")) if group == one.group else "--"
            for group, bits, task in places
        )
        lines.append(_line([rf"\textit{{{escaped(one.title)}, published}} [{number}]", *values]))
    lines += [r"\bottomrule", r"\end{tabular}", r"\end{table*}"]
    for group in range(len(board.groups)):
        lines += _points(board, group)
    lines += [
        f"% not in the table: {' '.join(f'{one.name}: {one.reason}'.split())}" for one in board.left_out
    ]
    return "\n".join(lines) + "\n"


def _points(board: Leaderboard, group: int) -> list[str]:
    """Write the table of costs and scores of a group."""
    head = heads(board)
    body = []
    for row in text_rows(board, group):
        marked = zip(map(escaped, row.cells), row.bold, strict=True)
        body.append(_line(rf"\textbf{{{cell}}}" if bold else cell for cell, bold in marked))
    return [
        r"\begin{table*}",
        r"\centering",
        rf"\caption{{{escaped(f'{board.groups[group].title}: what a byte buys. {POINTS}')}}}",
        rf"\begin{{tabular}}{{ll{'r' * (len(head) - 2)}}}",
        r"\toprule",
        _line(map(escaped, head)),
        r"\midrule",
        *body,
        *(r"\bottomrule", r"\end{tabular}", r"\end{table*}"),
    ]


def escaped(text: str) -> str:
    """Write text so that LaTeX prints it as it is, in one line."""
    return "".join(SPECIAL.get(sign, sign) for sign in " ".join(text.split()))


def _caption(board: Leaderboard) -> str:
    parts = [
        f"{board.measure}.",
        *notes(board),
        *(f"{group.title}: {conditions(group)}." for group in board.groups),
        *(f"[{number}] {text}." for number, text in enumerate(sources(board), 1)),
    ]
    return escaped(" ".join(parts))


def _head(groups: Iterable[Group]) -> list[str]:
    """Write three lines over one another: data set, length, task."""
    datasets, lengths, tasks, rules = [""], [""], ["Method"], ["", ""]
    first = 2
    for group in groups:
        width = len(columns(group))
        datasets.append(rf"\multicolumn{{{width}}}{{c}}{{{escaped(group.title)}}}")
        rules[0] += rf"\cmidrule(lr){{{first}-{first + width - 1}}}"
        for bits in group.bits:
            lengths.append(rf"\multicolumn{{{len(CROSS_MODAL)}}}{{c}}{{{bits} bits}}")
            rules[1] += rf"\cmidrule(lr){{{first}-{first + len(CROSS_MODAL) - 1}}}"
            tasks += CROSS_MODAL
            first += len(CROSS_MODAL)
    return [_line(datasets), rules[0], _line(lengths), rules[1], _line(tasks)]


def _cell(cell: Cell | None) -> str:
    mean, rest = score(cell)
    mean = rf"\textbf{{{mean}}}" if cell is not None and cell.bold else escaped(mean)
    return mean + (rf" {{\scriptsize {escaped(rest)}}}" if rest else "")


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"
