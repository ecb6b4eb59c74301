"""A run: what it scored, query by query, under which settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from crosshash.errors import CrosshashError
from crosshash.experiments.costs import Costs, read_costs
from crosshash.experiments.files import METRICS, SCORES, Files, read_metrics, read_scores, read_settings
from crosshash.experiments.unfinished import why_unfinished
from crosshash.retrieval.codefiles.codeset import TASKS
from crosshash.retrieval.scoring.tables import PARTNER

ROUNDING = 2e-6
"""Figures of metrics.json have six decimals, of older per_query.parquet too."""


@dataclass(frozen=True)
class Run:
    """A run that was scored.

    settings: params.yaml by dotted key, empty where the folder has none; metrics: metrics.json; scores:
    per_query.parquet, task and id and a column per measure, None where it could not be had; unfinished:
    why the scores may be of other settings; costs: bytes and seconds.
    """

    name: str
    settings: Mapping[str, Any]
    metrics: Mapping[str, Any]
    scores: pd.DataFrame | None
    unfinished: str | None
    costs: Costs = field(default_factory=Costs)

    @property
    def stores_vectors(self) -> bool:
        """Say whether its items are vectors: asymmetric distance is then the only one, and stands first."""
        return "vectors" in self.metrics

    @property
    def method(self) -> str:
        """Key of the method, such as twdh."""
        return str(self.metrics["method"])

    @property
    def dataset(self) -> str:
        """Key of the data set."""
        return str(self.metrics["dataset"])

    @property
    def bits(self) -> int:
        """Length of the delivered code."""
        return int(self.metrics["bits"])

    @property
    def seed(self) -> int | None:
        """Seed of the training."""
        return self.settings.get("seed")

    def by_query(self, task: str) -> pd.DataFrame:
        """Give the scores of one task: a float column per measure, indexed by the query's id, maybe none."""
        if self.scores is None:
            return pd.DataFrame()
        rows = self.scores.loc[self.scores["task"] == task].set_index("id")
        rows = rows[[name for name in rows if rows[name].dtype.kind == "f"]].dropna(axis=1, how="all")
        return rows.rename(columns={"AP": "mAP"})

    def mean(self, task: str, measure: str) -> float | None:
        """Give a mean over the queries, as metrics.json states it, or of the scores by query."""
        own = measure.startswith(f"{PARTNER} ")  # beside labels it has a section of its own
        section = self.metrics.get(PARTNER) or {} if own else self.metrics
        stated = (section.get(task) or {}).get(measure.removeprefix(f"{PARTNER} "))
        if stated is not None:
            return float(stated)
        scores = self.by_query(task)
        return float(scores[measure].mean()) if measure in scores else None

    def measures(self, task: str) -> list[str]:
        """Name the measures that the run has for a task."""
        stated = [name for name in self.metrics.get(task) or {} if not name.startswith("mAP_")]
        return list(dict.fromkeys([*stated, *self.by_query(task)]))


def read_run(name: str, files: Files) -> Run:
    """Read metrics.json, params.yaml and per_query.parquet of a run.

    Raises:
        CrosshashError: there are no scores, or a file is damaged, or they are of different runs.
    """
    metrics, settings = read_metrics(name, files), read_settings(name, files)
    unfinished = why_unfinished(name, files, metrics, settings)
    run = Run(name, settings, metrics, read_scores(name, files), unfinished, read_costs(files, metrics))
    for task in TASKS:
        stated, scores = (metrics.get(task) or {}).get("mAP"), run.by_query(task)
        found = float(scores["mAP"].mean()) if "mAP" in scores else stated
        if stated is not None and abs(found - stated) > ROUNDING:
            raise CrosshashError(
                f"{name}: mAP of {task} is {stated} in {METRICS}, {found:.6f} in {SCORES}: they are of "
                "different runs. `dvc repro evaluate` makes both."
            )
    return run
