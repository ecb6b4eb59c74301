"""One column of the table: means over seeds, and who is as good as the best by the paired test."""

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


def column_cells(
    by_row: Mapping[int, Sequence[Run]], group: int, bits: int, task: str, measure: str
) -> dict[int, Cell]:
    """Give the cells of one column, by row; runs without the measure are none."""
    having = {
        row: [run for run in runs if run.mean(task, measure) is not None] for row, runs in by_row.items()
    }
    values = {
        row: np.array([run.mean(task, measure) for run in runs], np.float64)
        for row, runs in having.items()
        if runs
    }
    if not values:
        return {}
    best = max(values, key=lambda row: values[row].mean())
    reference = _over_seeds(having[best], task, measure)
    cells = {}
    for row, found in values.items():
        p = None if row == best else _p(reference, _over_seeds(having[row], task, measure), bits, task)
        cells[row] = Cell(
            group=group,
            bits=bits,
            task=task,
            mean=float(found.mean()),
            deviation=float(found.std(ddof=1)) if len(found) > 1 else None,
            seeds=tuple(run.seed for run in having[row]),
            runs=tuple(run.name for run in having[row]),
            verdict=_verdict(row == best, len(values), p),
            p=p,
        )
    return cells


def _verdict(best: bool, rows: int, p: float | None) -> Verdict:
    if best:
        return "best" if rows > 1 else "alone"
    if p is None:
        return "untested"
    return "tied" if p >= LEVEL else "worse"


def _over_seeds(runs: Sequence[Run], task: str, measure: str) -> pd.Series[float] | None:
    """Average over seeds, query by query; None if a run has no scores by query, or other queries."""
    tables = [run.by_query(task) for run in runs]
    if any(measure not in table for table in tables):
        return None
    parts = [table[measure].dropna() for table in tables]
    if any(set(part.index) != set(parts[0].index) for part in parts):
        return None
    return pd.concat(parts, axis=1).mean(axis=1).sort_index()


def _p(best: pd.Series[float] | None, other: pd.Series[float] | None, bits: int, task: str) -> float | None:
    """Give p of the paired test between two cells of a column; None where their queries are not the same."""
    if best is None or other is None or not best.index.equals(other.index):
        return None
    differences = np.asarray(best - other, dtype=np.float64)[:, None]
    return float(paired_bootstrap(differences, RESAMPLINGS, stream(0, "leaderboard", bits, task)).p[0])
