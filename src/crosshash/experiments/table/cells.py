"""Cells of the table: means over seeds, and who is as good as the best of a column by the paired test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from crosshash.experiments.paired import LEVEL, RESAMPLINGS, paired_bootstrap
from crosshash.experiments.runs import Run
from crosshash.seeding import stream

Verdict = Literal["alone", "best", "tied", "worse", "untested"]
Place = tuple[int, int]
"""Length of the code, and row of the table."""


@dataclass(frozen=True)
class Cell:
    """What the runs of one method scored: mean and deviation (n - 1) over seeds.

    verdict: the highest of its column, tied with it (p of the paired test at least 0.05), worse, or
    untested for want of scores by query; alone where there is nothing to compare with.
    """

    group: int
    bits: int
    task: str
    mean: float
    deviation: float | None
    seeds: tuple[int | None, ...]
    runs: tuple[str, ...]
    verdict: Verdict
    p: float | None

    @property
    def bold(self) -> bool:
        """Say whether it is the best of its column, or as good by the test."""
        return self.verdict in ("best", "tied")


def task_cells(
    runs: Mapping[Place, Sequence[Run]], group: int, task: str, measure: str
) -> list[tuple[int, Cell]]:
    """Give the cells of one task in all lengths of a group, each with its row; runs without the measure none.

    All tests of a task share their draws of queries.
    """
    values = {place: [run.mean(task, measure) for run in same] for place, same in runs.items()}
    found = {
        place: np.array([value for value in of if value is not None], np.float64)
        for place, of in values.items()
    }
    found = {place: of for place, of in found.items() if len(of)}
    best = {
        bits: max((at for at in found if at[0] == bits), key=lambda at: found[at].mean()) for bits, _ in found
    }
    p = _tested({place: runs[place] for place in found}, best, task, measure)
    cells = []
    for place, of in found.items():
        rivals = sum(other[0] == place[0] for other in found)
        having = [run for run, value in zip(runs[place], values[place], strict=True) if value is not None]
        cell = Cell(
            group=group,
            bits=place[0],
            task=task,
            mean=float(of.mean()),
            deviation=float(of.std(ddof=1)) if len(of) > 1 else None,
            seeds=tuple(run.seed for run in having),
            runs=tuple(run.name for run in having),
            verdict=_verdict(best[place[0]] == place, rivals, p.get(place)),
            p=p.get(place),
        )
        cells.append((place[1], cell))
    return cells


def _verdict(best: bool, rivals: int, p: float | None) -> Verdict:
    if best:
        return "best" if rivals > 1 else "alone"
    if p is None:
        return "untested"
    return "tied" if p >= LEVEL else "worse"


def _tested(
    runs: Mapping[Place, Sequence[Run]], best: Mapping[int, Place], task: str, measure: str
) -> dict[Place, float]:
    """Test each cell against the best of its column where both have the same queries: p by place."""
    means = {place: _over_seeds(same, task, measure) for place, same in runs.items()}
    by_queries: dict[tuple[str, ...], dict[Place, pd.Series[float]]] = {}
    for place, own in means.items():
        reference = means[best[place[0]]]
        if place == best[place[0]] or own is None or reference is None:
            continue
        if own.index.equals(reference.index):
            by_queries.setdefault(tuple(own.index), {})[place] = reference - own
    p: dict[Place, float] = {}
    for differences in by_queries.values():
        matrix = np.column_stack([np.asarray(one, np.float64) for one in differences.values()])
        paired = paired_bootstrap(matrix, RESAMPLINGS, stream(0, "leaderboard", task))
        p |= dict(zip(differences, paired.p.tolist(), strict=True))
    return p


def _over_seeds(runs: Sequence[Run], task: str, measure: str) -> pd.Series[float] | None:
    """Average over seeds, query by query; None if a run has no scores by query, or other queries."""
    tables = [run.by_query(task) for run in runs]
    if any(measure not in table for table in tables):
        return None
    parts = [table[measure].dropna() for table in tables]
    if any(set(part.index) != set(parts[0].index) for part in parts):
        return None
    return pd.concat(parts, axis=1).mean(axis=1).sort_index()
