"""Score the codes: metrics.json, curves, and what every query scores."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from crosshash.artifacts import atomic_path, read_npz, write_json
from crosshash.codes.bit_index import BitIndex, read_bit_index
from crosshash.config.plans.base import read_plan
from crosshash.config.plans.evaluate import EvaluatePlan
from crosshash.errors import CrosshashError, listed
from crosshash.retrieval.codefiles.codeset import CROSS_MODAL, CodeSet, check_fit, read_code_set
from crosshash.retrieval.codefiles.real_queries import NAME as REAL_QUERIES
from crosshash.retrieval.codefiles.real_queries import read_real_queries
from crosshash.retrieval.measures.average_precision import AP
from crosshash.retrieval.measures.mean_ap import mean_average_precision
from crosshash.retrieval.rerank.quantised import QuantisedSet, read_quantised, read_real
from crosshash.retrieval.scoring.evaluation import evaluate, have_labels, task_map
from crosshash.retrieval.scoring.printed_table import score_table
from crosshash.retrieval.scoring.query_scores import write_query_scores
from crosshash.retrieval.scoring.scores import DIGITS, RetrievalReport
from crosshash.retrieval.scoring.significance import significance_section, significance_table
from crosshash.retrieval.scoring.tables import (
    interval_table,
    precision_table,
    query_table,
    radius_table,
    rank_table,
)
from crosshash.retrieval.scoring.two_stage_scores import (
    TwoStageScores,
    candidate_table,
    compare_tasks,
    two_stage_search,
    two_stage_section,
    two_stage_table,
)
from stages import run

CODES = Path("artifacts/codes")
PER_QUERY = Path("artifacts/per_query.parquet")
log = logging.getLogger(__name__)


def main() -> None:
    """Read codes and plan, score, and write the eight outputs."""
    plan = read_plan("evaluate", EvaluatePlan)
    query, retrieval = _read("query", "retrieval", plan.bits)
    long = _read("query_long", "retrieval_long", plan.train_bits)
    report = evaluate(
        query,
        retrieval,
        ties=plan.ties,
        undefined=plan.undefined,
        headline=AP(plan.headline_k, plan.headline_norm),
        bootstrap=plan.bootstrap,
        seed=plan.seed,
        real=read_real_queries(CODES / REAL_QUERIES, query),
    )
    quantised = read_quantised(CODES / "quantised.npz", len(retrieval), len(query))
    stages = _two_stages(query, retrieval, quantised, plan)
    kept = read_bit_index(CODES)
    metrics = {
        "method": plan.method,
        "dataset": plan.dataset,
        "bits": plan.bits,
        "train_bits": plan.train_bits,
        "protocol": plan.protocol,
        "threads": plan.threads,
        **report.counts(),
        "target_mAP": _target_map(query, retrieval, plan),
        "train_bits_mAP": None if retrieval.vector_code else _long_map(*long, plan),
        "significance": significance_section(kept, *long, plan.ties, plan.undefined, plan.seed),
        "rerank": two_stage_section(stages, plan.rerank),
        **report.scores(),
        "asymmetric": report.asymmetric_scores(),
        "partner": report.partner_scores(),
        "bytes": _bytes(retrieval, quantised),
    }
    if retrieval.vector_code is not None:
        metrics["vectors"] = retrieval.vector_code.kind
    _write(report, stages, kept, metrics)
    Console().print(score_table(metrics))
    if metrics["warning"]:
        log.warning("warning: %s", metrics["warning"])
    if metrics["rerank"]:
        Console().print(two_stage_table(metrics["rerank"]))


def _read(query_name: str, retrieval_name: str, bits: int) -> tuple[CodeSet, CodeSet]:
    paths = (CODES / f"{query_name}.npz", CODES / f"{retrieval_name}.npz")
    sets = (read_code_set(paths[0]), read_code_set(paths[1]))
    problems = [
        f"{path} has {codes.bits} bits, plan/evaluate.yaml says {bits}"
        for path, codes in zip(paths, sets, strict=True)
        if codes.bits != bits
    ]
    if problems:
        raise CrosshashError(f"codes and plan are of different runs; run `dvc repro`:\n{listed(problems)}")
    check_fit(*sets, (str(paths[0]), str(paths[1])))
    return sets


def _target_map(query: CodeSet, retrieval: CodeSet, plan: EvaluatePlan) -> float | None:
    """Score the training targets of the same items as if they were codes: what the codes could reach."""
    path = CODES / "targets.npz"
    targets = read_npz(path)
    if not targets.get("used") or not have_labels(query, retrieval):
        return None
    if (len(targets["query"]), len(targets["retrieval"])) != (len(query), len(retrieval)):
        raise CrosshashError(f"{path}: its rows are not those of the codes; run `dvc repro encode`.")
    score = mean_average_precision(
        targets["query"][query.has_labels],
        targets["retrieval"][retrieval.has_labels],
        query.labels[query.has_labels],
        retrieval.labels[retrieval.has_labels],
        plan.ties,
        plan.undefined,
    )
    return round(score, DIGITS)


def _long_map(query: CodeSet, retrieval: CodeSet, plan: EvaluatePlan) -> dict[str, float] | None:
    """Score the codes that the network learned, before they were cut to the delivered length."""
    if not have_labels(query, retrieval):
        return None
    return {
        task: round(task_map(query, retrieval, task, plan.ties, plan.undefined), DIGITS)
        for task in CROSS_MODAL
        if retrieval.has_text.any()
    }


def _bytes(retrieval: CodeSet, quantised: QuantisedSet | None) -> dict[str, int]:
    """Count what an item of one modality takes in memory to be searched.

    codes: its code; factors: what a second stage of search wants of it; ids: the number of its row, by which
    an index knows it.
    """
    words = np.zeros((0, 0), np.uint8) if quantised is None else quantised.words["image"]
    return {
        "codes": retrieval.image.packed.shape[1],
        "factors": words.shape[1] * words.itemsize,
        "ids": np.dtype(np.int64).itemsize,
    }


def _two_stages(
    query: CodeSet, retrieval: CodeSet, found: QuantisedSet | None, plan: EvaluatePlan
) -> dict[str, TwoStageScores]:
    """Score the vectors of a method that quantises beside its codes; none for others, or without labels."""
    if found is None or plan.rerank is None or not have_labels(query, retrieval):
        return {}
    real = read_real(CODES / "real.npz", len(retrieval), found.codebook.dictionaries.shape[2])
    searches = {task: two_stage_search(query, retrieval, found, real, task) for task in CROSS_MODAL}
    return compare_tasks(searches, plan.rerank, plan.ties, plan.undefined)


def _write(
    report: RetrievalReport,
    stages: dict[str, TwoStageScores],
    kept: BitIndex | None,
    metrics: dict[str, Any],
) -> None:
    tables = {
        "plots/pr.csv": radius_table(report),
        "plots/pr_by_rank.csv": rank_table(report),
        "plots/precision_at_n.csv": precision_table(report),
        "plots/rerank.csv": candidate_table(stages),
        "plots/significance.csv": significance_table(kept),
        "artifacts/scores.csv": interval_table(report),
    }
    for name, table in tables.items():
        with atomic_path(Path(name)) as temporary:
            table.to_csv(temporary, index=False)
    write_query_scores(PER_QUERY, query_table(report), list(tables))
    write_json(Path("metrics.json"), metrics)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    run(main)
