"""What a run left behind: everything that the page shows, read and checked before anything is drawn."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crosshash.artifacts import read_json
from crosshash.checksums import file_sha256, folder_digest
from crosshash.config.plans.base import settings_of
from crosshash.errors import CrosshashError, listed
from crosshash.pairs.info import DatasetInfo, read_info
from crosshash.pairs.table import read_columns
from crosshash.retrieval.codefiles.codeset import CodeSet, Modality, read_code_set
from crosshash.retrieval.codefiles.real_queries import NAME as REAL_QUERIES
from crosshash.retrieval.codefiles.real_queries import read_real_queries
from crosshash.retrieval.scoring.metrics_file import read_metrics
from crosshash.retrieval.scoring.query_scores import read_query_scores

PLOTS = ("pr", "pr_by_rank", "precision_at_n", "significance", "rerank")
"""Tables below plots/ that the evaluate stage writes; without rows where a run has nothing of the kind."""
LONG = 1_000
"""Characters that a setting may have to be shown."""


@dataclass(frozen=True)
class Pair:
    """An item of the pair table: its row, captions (the text code stands for the first) and labels."""

    row: int
    captions: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Results:
    """All that a run wrote: `plots` and `plans` by file name, `curves` by metric, `pairs` by id.

    real: real codes int8[Q, K] of the queries by modality; empty where items are stored as signs.
    """

    metrics: dict[str, Any]
    scores: pd.DataFrame
    plots: dict[str, pd.DataFrame]
    per_query: pd.DataFrame
    curves: dict[str, list[tuple[int, float]]]
    centers: dict[str, Any]
    transform: dict[str, Any]
    index: dict[str, Any]
    model: dict[str, Any]
    info: DatasetInfo
    query: CodeSet
    retrieval: CodeSet
    real: dict[Modality, NDArray[np.int8]]
    pairs: dict[str, Pair]
    pairs_sha256: str
    data: Path
    plans: dict[str, str]

    @property
    def by_labels(self) -> bool:
        """Whether relevance comes from labels; without any, the own partner alone counts."""
        return self.metrics["base_rate"] is not None

    @property
    def solved(self) -> bool:
        """Whether the method is a closed form: no epochs, but penalties that were tried."""
        return "quantiser" in self.model.get("settings", {})

    def query_scores(self, task: str, measure: str) -> NDArray[np.float64]:
        """Give what each query scored, by row of the query set: float64[Q], NaN where it has no score."""
        if measure not in self.per_query:
            return np.full(len(self.query), np.nan)
        rows = self.per_query[self.per_query["task"] == task]
        scores = dict(zip(rows["id"], rows[measure], strict=True))
        return np.array([scores.get(str(item), np.nan) for item in self.query.ids], dtype=np.float64)


def read_results(root: Path, dataset: str, bits: int) -> Results:
    """Read the outputs of the other stages below `root`.

    Raises:
        CrosshashError: files are missing (all are named), cut, or of different runs.
    """
    data = root / "data" / dataset
    _check_presence(root, data)
    metrics, pairs = read_metrics(root / "metrics.json"), _pairs(data)
    codes = {side: read_code_set(root / f"artifacts/codes/{side}.npz") for side in ("query", "retrieval")}
    _check_agreement(metrics, codes, pairs, dataset, bits)
    per_query = read_query_scores(root / "artifacts/per_query.parquet", root)  # and the tables, before these
    model = read_json(root / "artifacts/model/model.json")
    return Results(
        metrics=metrics,
        scores=pd.read_csv(root / "artifacts/scores.csv"),
        plots={name: pd.read_csv(root / "plots" / f"{name}.csv") for name in PLOTS},
        per_query=per_query,
        curves=_curves(root / "dvclive/plots/metrics", model.get("curves")),
        centers=read_json(root / "artifacts/centers/statistics.json"),
        transform=read_json(root / "artifacts/transform_statistics.json"),
        index=read_json(root / "artifacts/index/statistics.json"),
        model=without_long_texts(model),
        info=read_info(data),
        query=codes["query"],
        retrieval=codes["retrieval"],
        real=_real(root / "artifacts/codes" / REAL_QUERIES, codes["query"]),
        pairs=pairs,
        pairs_sha256=file_sha256(data / "pairs.parquet"),
        data=data,
        plans={path.name: settings_of(path) for path in sorted((root / "plan").glob("*.yaml"))},
    )


def without_long_texts(value: Any) -> Any:  # noqa: ANN401 - plain values, as JSON has them
    """Put a count in the place of texts that nobody reads, such as a tokenizer."""
    if isinstance(value, dict):
        return {key: without_long_texts(one) for key, one in value.items()}
    if isinstance(value, list):
        return [without_long_texts(one) for one in value]
    return f"({len(value):,} characters)" if isinstance(value, str) and len(value) > LONG else value


def _real(path: Path, query: CodeSet) -> dict[Modality, NDArray[np.int8]]:
    """Read the queries' real codes where searches by them are shown: items are stored as vectors."""
    return {} if query.vector_code is None else read_real_queries(path, query)


def _check_presence(root: Path, data: Path) -> None:
    """Name every missing file at once."""
    needed = [root / "metrics.json", *(root / "plots" / f"{name}.csv" for name in PLOTS)]
    needed += [root / "artifacts/codes" / f"{side}.npz" for side in ("query", "retrieval")]
    needed += [
        root / "artifacts" / name for name in ("per_query.parquet", "scores.csv", "transform_statistics.json")
    ]
    needed += [root / "artifacts/centers/statistics.json", root / "artifacts/model/model.json"]
    needed += [root / "artifacts/index/statistics.json"]
    needed += [root / "dvclive/plots/metrics", data / "info.json", data / "pairs.parquet", data / "shards"]
    missing = [str(path) for path in needed if not path.exists()]
    if missing:
        raise CrosshashError(
            f"the report needs files that are not there; `dvc repro` makes them:\n{listed(missing)}"
        )


def _curves(folder: Path, written: str | None) -> dict[str, list[tuple[int, float]]]:
    """Read DVCLive's files, one metric each: tab-separated, with the step and, last, the value.

    written: their digest, as training has kept it.
    """
    if written and folder_digest(folder) != written:
        raise CrosshashError(
            f"{folder}: damaged, changed, or not of the training that left artifacts/model. Delete it and "
            "run `dvc repro train`."
        )
    curves = {}
    for path in sorted(folder.rglob("*.tsv")):
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file, delimiter="\t")
        step = header.index("step")
        points = [(int(row[step]), float(row[-1])) for row in rows]
        curves[path.relative_to(folder).with_suffix("").as_posix()] = [
            p for p in points if math.isfinite(p[1])
        ]
    return curves


def _check_agreement(
    metrics: Mapping[str, Any],
    codes: Mapping[str, CodeSet],
    pairs: Mapping[str, Pair],
    dataset: str,
    bits: int,
) -> None:
    """Refuse files of different runs side by side."""
    lengths = {
        "metrics.json": metrics["bits"],
        **{f"{side}.npz": known.bits for side, known in codes.items()},
    }
    problems = [f"{name} has {k} bits, the plan says {bits}" for name, k in lengths.items() if k != bits]
    if metrics["dataset"] != dataset:
        problems.append(f"metrics.json is of data set '{metrics['dataset']}', the plan says '{dataset}'")
    for side, known in codes.items():
        strangers = [item for item in known.ids.tolist() if item not in pairs]
        if strangers:
            problems.append(
                f"{side}.npz has {len(strangers)} ids that pairs.parquet lacks, as '{strangers[0]}'"
            )
    if problems:
        raise CrosshashError(f"these results are of different runs; run `dvc repro`:\n{listed(problems)}")


def _pairs(data: Path) -> dict[str, Pair]:
    columns = read_columns(data, ["id", "captions", "labels"]).to_pydict()
    rows = enumerate(zip(columns["id"], columns["captions"], columns["labels"], strict=True))
    return {item: Pair(row, tuple(captions), tuple(labels)) for row, (item, captions, labels) in rows}
