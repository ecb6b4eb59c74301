"""All runs as one table: methods down, data sets and lengths across, means and deviations over seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from crosshash.config.params import supervised_by
from crosshash.errors import CrosshashError
from crosshash.experiments.collect import LeftOut
from crosshash.experiments.conditions import conditions_of, differing, in_words, ran_on, split_of
from crosshash.experiments.near import did_you_mean
from crosshash.experiments.runs import Run
from crosshash.experiments.settings import row_settings, telling
from crosshash.experiments.table.cells import Cell, task_cells
from crosshash.experiments.table.points import Point, points_of
from crosshash.report.printed_scores import METHODS, comparable_figures
from crosshash.retrieval.codefiles.codeset import CROSS_MODAL


@dataclass(frozen=True)
class Group:
    """Columns of one data set under one set of conditions.

    difference: what sets it apart from the other groups of the same data set, in words.
    """

    dataset: str
    difference: str
    conditions: dict[str, Any]
    bits: tuple[int, ...]

    @property
    def title(self) -> str:
        """Name the data set, with what sets this group apart."""
        return self.dataset + (f" ({self.difference})" if self.difference else "")


@dataclass(frozen=True)
class Row:
    """A method with one choice of settings; settings: those that its other rows have otherwise.

    cells: by Hamming distance; points: what it costs, and its scores by either distance.
    """

    method: str
    title: str
    settings: dict[str, Any]
    cells: tuple[Cell, ...]
    points: tuple[Point, ...]

    def cell(self, group: int, bits: int, task: str) -> Cell | None:
        """Give the cell of a column, if there is one."""
        places = {(cell.group, cell.bits, cell.task): cell for cell in self.cells}
        return places.get((group, bits, task))


@dataclass(frozen=True)
class Printed:
    """Published figures of one source for one group of columns; values by length and task, as printed."""

    group: int
    method: str
    title: str
    source: str
    metric: str
    protocol: str
    values: dict[int, dict[str, str]]


@dataclass(frozen=True)
class Leaderboard:
    """The table; ran_on: names of its runs by what their networks ran on; left_out: who is not in it."""

    measure: str
    groups: tuple[Group, ...]
    rows: tuple[Row, ...]
    printed: tuple[Printed, ...]
    ran_on: dict[str, tuple[str, ...]]
    left_out: tuple[LeftOut, ...]


def build_leaderboard(
    runs: Sequence[Run], left_out: Sequence[LeftOut] = (), measure: str = "mAP", datasets: Sequence[str] = ()
) -> Leaderboard:
    """Lay runs out as a table; those without the measure are left out.

    Raises:
        CrosshashError: none of these data sets, or no run with this measure.
    """
    there = sorted({run.dataset for run in runs})
    if unknown := [name for name in datasets if name not in there]:
        raise CrosshashError(f"no run on {', '.join(unknown)}; there are runs on: {', '.join(there)}.")
    wanted = [run for run in runs if not datasets or run.dataset in datasets]
    having = [run for run in wanted if _has(run, measure)]
    if not having:
        raise CrosshashError(_no_measure(wanted, measure))
    lacking = [LeftOut(run.name, f"has no {measure}") for run in wanted if run not in having]
    groups, members = _groups(having)
    rows = _rows(having, groups, members, measure)
    printed = _printed(rows, groups, measure)
    places: dict[str, tuple[str, ...]] = {}
    for run in sorted(having, key=lambda one: (ran_on(one), one.name)):
        places[ran_on(run)] = (*places.get(ran_on(run), ()), run.name)
    return Leaderboard(measure, tuple(groups), tuple(rows), tuple(printed), places, (*left_out, *lacking))


def _has(run: Run, measure: str) -> bool:
    """Say whether a run has the measure by either distance; items that are no bits know one alone."""
    asymmetric = run.metrics.get("asymmetric") or {}
    return any(
        run.mean(task, measure) is not None or measure in asymmetric.get(task, {}) for task in CROSS_MODAL
    )


def _no_measure(runs: Iterable[Run], measure: str) -> str:
    known = dict.fromkeys(name for run in runs for task in CROSS_MODAL for name in run.measures(task))
    return f"no run has the measure {measure}{did_you_mean(measure, known)} There are: {', '.join(known)}."


def _groups(runs: Sequence[Run]) -> tuple[list[Group], list[int]]:
    """Find the groups of columns, and the group of each run."""
    keys = [(run.dataset, {**conditions_of(run), **split_of(run)}) for run in runs]
    found = _distinct(keys)
    members = [found.index(key) for key in keys]
    groups = []
    for number, (dataset, conditions) in enumerate(found):
        apart = differing([other for name, other in found if name == dataset])
        words = ", ".join(in_words(key, conditions.get(key)) for key in apart)
        bits = {run.bits for run, group in zip(runs, members, strict=True) if group == number}
        groups.append(Group(dataset, words, conditions, tuple(sorted(bits))))
    return groups, members


def _rows(runs: Sequence[Run], groups: Sequence[Group], members: Sequence[int], measure: str) -> list[Row]:
    keys = [(run.method, row_settings(run.settings, run.method, run.dataset)) for run in runs]
    found = _distinct(keys)
    cells: list[list[Cell]] = [[] for _ in found]
    points: list[list[Point]] = [[] for _ in found]
    for group in range(len(groups)):
        places: dict[tuple[int, int], list[Run]] = {}
        for run, of, key in sorted(zip(runs, members, keys, strict=True), key=lambda one: _order(one[0])):
            if of == group:
                places.setdefault((run.bits, found.index(key)), []).append(run)
        bits_only = {place: [run for run in same if not run.stores_vectors] for place, same in places.items()}
        for task in CROSS_MODAL:
            for row, cell in task_cells(bits_only, group, task, measure):
                cells[row].append(cell)
        for (bits, row), same in sorted(places.items()):
            points[row] += points_of(same, group, bits, measure, supervised_by(found[row][0]))
    rows = []
    for method in dict.fromkeys(method for method, _ in found):
        mine = [row for row, (name, _) in enumerate(found) if name == method]
        told = telling([found[row][1] for row in mine])
        title = METHODS.get(method, method)
        rows += [
            Row(method, title, own, tuple(cells[row]), tuple(points[row]))
            for row, own in zip(mine, told, strict=True)
        ]
    return rows


def _order(run: Run) -> tuple[int, int, str]:
    return run.bits, run.seed or 0, run.name


def _distinct(keys: Iterable[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    """Give each once, in an order that does not depend on which run came first."""
    by_text = {repr((name, sorted(values.items()))): (name, values) for name, values in keys}
    return [by_text[text] for text in sorted(by_text)]


def _printed(rows: Iterable[Row], groups: Sequence[Group], measure: str) -> list[Printed]:
    """Find the published figures of the methods of each group: same measure, data set and length."""
    found: dict[tuple[int, str, str, str, str], dict[int, dict[str, str]]] = {}
    for method, number in sorted({(row.method, cell.group) for row in rows for cell in row.cells}):
        group = groups[number]
        for bits in group.bits:
            for one in comparable_figures(method, group.dataset, bits, (measure,)):
                protocol = f"{one.dataset}; {one.protocol}; backbone: {one.backbone}"
                key = (number, method, one.source, one.metric, protocol)
                found.setdefault(key, {})[bits] = one.values
    return [
        Printed(number, method, METHODS.get(method, method), source, metric, protocol, values)
        for (number, method, source, metric, protocol), values in found.items()
    ]
