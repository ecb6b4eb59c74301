"""Two runs in pairs, query by query: differences of the means, their intervals, and p."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crosshash.errors import CrosshashError, listed
from crosshash.experiments.conditions import REMEDIES, WORDS, conditions_of, differing, ran_on
from crosshash.experiments.files import SCORES
from crosshash.experiments.paired import RESAMPLINGS, paired_bootstrap
from crosshash.experiments.runs import Run
from crosshash.retrieval.codefiles.codeset import TASKS
from crosshash.seeding import stream


@dataclass(frozen=True)
class Difference:
    """One measure of one task: the means of both runs, b - a with its 95 % interval, and two-sided p."""

    task: str
    measure: str
    queries: int
    a: float
    b: float
    difference: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Comparison:
    """Two runs side by side.

    settings: those that differ, as (of a, of b); notes: what else one should know.
    """

    a: str
    b: str
    conditions: dict[str, Any]
    settings: dict[str, tuple[Any, Any]]
    resamplings: int
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


def compare(a: Run, b: Run, resamplings: int = RESAMPLINGS, seed: int = 0) -> Comparison:
    """Compare two runs over the queries that both score, task by task.

    Raises:
        CrosshashError: the runs were scored under different conditions; lists all that differ.
    """
    problems = _problems(a, b)
    if problems:
        raise CrosshashError(f"{a.name} and {b.name} cannot be compared:\n{listed(problems)}")
    tasks = [task for task in TASKS if task in _tasks(a) & _tasks(b)]
    differences = [one for task in tasks for one in _task(a, b, task, resamplings, seed)]
    if not differences:
        raise CrosshashError(f"{a.name} and {b.name} share no measure. Score both: `dvc repro evaluate`.")
    keys = dict.fromkeys([*a.settings, *b.settings])
    return Comparison(
        a=a.name,
        b=b.name,
        conditions=conditions_of(a),
        settings={
            key: (a.settings.get(key), b.settings.get(key))
            for key in keys
            if a.settings.get(key) != b.settings.get(key)
        },
        resamplings=resamplings,
        differences=tuple(differences),
        notes=(*(f"{run.name}: {run.unfinished}" for run in (a, b) if run.unfinished), *_elsewhere(a, b)),
    )


def _elsewhere(a: Run, b: Run) -> list[str]:
    """Say where the networks ran, if not on the same: that alone makes a difference."""
    if ran_on(a) == ran_on(b):
        return []
    return [
        f"the networks of {a.name} ran on {ran_on(a)}, those of {b.name} on {ran_on(b)}: that alone gives "
        "other figures (docs/reproducibility.md says by how much). Train both alike: -S threads=..."
    ]


def _problems(a: Run, b: Run) -> list[str]:
    problems = [
        f"{run.name}: {SCORES} is neither in its folder nor in DVC's cache. {_remedy(run.name)}"
        for run in (a, b)
        if run.scores is None
    ]
    first, second = ({**conditions_of(run), "distance": _distance(run)} for run in (a, b))
    if a.dataset != b.dataset:  # all else differs with it
        return [*problems, f"data set: {a.dataset} and {b.dataset}"]
    keys = differing([first, second])
    problems += [
        f"{WORDS.get(key, key)}: {first.get(key)} and {second.get(key)}"
        + (f" ({REMEDIES[key]})" if key in REMEDIES else "")
        for key in keys
    ]
    if not problems:
        problems = _other_queries(a, b)
    return problems


def _distance(run: Run) -> str:
    return "inner product" if run.stores_vectors else "Hamming"


def _remedy(name: str) -> str:
    if name == "workspace":
        return f"`dvc pull {SCORES}` fetches it, `dvc repro evaluate` makes it."
    return (
        f"`dvc pull {SCORES}` fetches it from a remote (of an experiment: `dvc exp pull origin {name}`); "
        f"`dvc exp apply {name}` (of a commit: `git checkout`) and then `dvc repro` make it."
    )


def _other_queries(a: Run, b: Run) -> list[str]:
    problems = []
    for task in (task for task in TASKS if task in _tasks(a) & _tasks(b)):
        first, second = set(a.by_query(task).index), set(b.by_query(task).index)
        if first != second:
            problems.append(
                f"{task}: {len(first - second)} queries only in {a.name}, {len(second - first)} only in "
                f"{b.name}, {len(first & second)} in both: another split. Give both the same `split` settings"
            )
    if not _tasks(a) & _tasks(b):
        problems.append(f"no task that both have: {sorted(_tasks(a))} and {sorted(_tasks(b))}")
    return problems


def _tasks(run: Run) -> set[str]:
    return set() if run.scores is None else set(run.scores["task"])


def _task(a: Run, b: Run, task: str, resamplings: int, seed: int) -> list[Difference]:
    first = a.by_query(task)
    second = b.by_query(task).loc[first.index]
    names = [name for name in first.columns if name in second.columns]
    both = first[names].notna() & second[names].notna()
    found: dict[str, Difference] = {}
    # measures that are defined for the same queries share their draws; nearly always that is all of them
    for rows, same in _by_defined(both):
        x, y = first.loc[rows, same].to_numpy(), second.loc[rows, same].to_numpy()
        paired = paired_bootstrap(y - x, resamplings, stream(seed, "compare", task))
        columns = zip(same, x.mean(0), y.mean(0), paired.mean, paired.low, paired.high, paired.p, strict=True)
        for name, *values in columns:
            found[name] = Difference(task, name, int(rows.sum()), *map(float, values))
    return [found[name] for name in names if name in found]


def _by_defined(both: pd.DataFrame) -> list[tuple[Any, list[str]]]:
    """Group measures by the queries that both runs have them for: (bool[Q], names)."""
    groups: dict[bytes, list[str]] = {}
    for name in both.columns:
        groups.setdefault(both[name].to_numpy().tobytes(), []).append(name)
    rows = [(np.frombuffer(key, dtype=np.bool_), names) for key, names in groups.items()]
    return [(mask, names) for mask, names in rows if mask.any()]
