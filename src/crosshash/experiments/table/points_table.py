"""Points as rows of text: what every form of the table shows of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crosshash.experiments.table.leaderboard import Leaderboard
from crosshash.experiments.table.points import PARTNER, Point, front
from crosshash.experiments.table.words import label
from crosshash.retrieval.codefiles.codeset import CROSS_MODAL

NONE = "–"
POINTS = (
    "Bytes of one item of one modality. In memory: its code; as factors, what else its distance or a second "
    "stage needs; the number of its row. On disk: of the index's files. partner: how often the other half of "
    "a query's own pair is among the first 1, 5, 10 of all. Scores: image to text / text to image. Bold: no "
    "other has as much, on the mean of both, for as few bytes of code and factors (the Pareto front)."
)


@dataclass(frozen=True)
class TextRow:
    """A point in words; bold: whether the cell belongs to the front of its measure."""

    cells: tuple[str, ...]
    bold: tuple[bool, ...]


def heads(board: Leaderboard) -> list[str]:
    """Name the columns."""
    return [
        *(
            "method",
            "labels",
            "bits",
            "distance",
            "codes, B",
            "factors, B",
            "ids, B",
            "disk, B",
            "fitting, s",
        ),
        *measures(board),
    ]


def measures(board: Leaderboard) -> list[str]:
    """Name the measures that points are shown by: that of the table, and the own partner's."""
    return [*dict.fromkeys((board.measure, *PARTNER))]


def points_in(board: Leaderboard, group: int) -> list[tuple[str, Point]]:
    """List the points of a group of columns with what their row is called."""
    return [(label(row), point) for row in board.rows for point in row.points if point.group == group]


def text_rows(board: Leaderboard, group: int) -> list[TextRow]:
    """Lay out the points of a group: by method, length and distance."""
    named = points_in(board, group)
    best = [front((point for _, point in named), name) for name in measures(board)]
    return [_row(title, point, [point in one for one in best], board) for title, point in named]


def _row(title: str, point: Point, best: Sequence[bool], board: Leaderboard) -> TextRow:
    costs = point.costs
    labels = NONE if point.supervised is None else "yes" if point.supervised else "no"
    cells = [title, labels, str(point.bits), point.distance]
    cells += [_number(value) for value in (costs.codes, costs.factors, costs.ids)]
    cells += [_number(costs.disk, 1), _number(costs.seconds)]
    plain = len(cells)
    cells += [" / ".join(_score(point, task, name) for task in CROSS_MODAL) for name in measures(board)]
    return TextRow(tuple(cells), (*[False] * plain, *best))


def _score(point: Point, task: str, measure: str) -> str:
    found = point.scores[task].get(measure)
    return NONE if found is None else f"{found.mean:.3f}"


def _number(value: float | None, digits: int = 0) -> str:
    return NONE if value is None else f"{value:.{digits}f}"
