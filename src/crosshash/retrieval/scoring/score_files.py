"""Scores of codes in files, of this project or of any other code base, in the form of metrics.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crosshash.config.params import METHODS, published_of
from crosshash.errors import CrosshashError
from crosshash.retrieval.codefiles.codeset import CodeSet, check_fit, read_code_set
from crosshash.retrieval.codefiles.foreign import read_foreign
from crosshash.retrieval.codefiles.item_codes import code_sets, read_items
from crosshash.retrieval.measures.average_precision import AP
from crosshash.retrieval.measures.mean_ap import Undefined
from crosshash.retrieval.ranking.tied_ranking import Ties
from crosshash.retrieval.scoring.evaluation import evaluate


def score(
    query_path: Path,
    retrieval_path: Path | None,
    ties: Ties,
    undefined: Undefined | None,
    bootstrap: int,
    seed: int,
    protocol: str = "strict",
) -> dict[str, Any]:
    """Score six arrays of a file or folder, or this project's query.npz and retrieval.npz.

    protocol: `strict`, or the method whose paper decides what is compared and what becomes of queries without
    a relevant item; undefined: that rule under `strict`, `skip` unless given.
    Gives what metrics.json holds, as far as files tell it; `read_as`: what the files were taken for; and
    `measures`: mean, low and high of every measure.

    Raises:
        CrosshashError: a file cannot be read as codes, the codes cannot be scored, there is no such protocol,
            or it has another rule than `undefined`.
    """
    headline, rule = _convention(protocol, undefined)
    query, retrieval, read_as = _read(query_path, retrieval_path)
    report = evaluate(
        query, retrieval, ties=ties, undefined=rule, headline=headline, bootstrap=bootstrap, seed=seed
    )
    return {
        "read_as": read_as,
        "bits": report.bits,
        "protocol": protocol,
        **report.counts(),
        **report.scores(),
        "partner": report.partner_scores(),
        "measures": report.measures(),
    }


def _convention(protocol: str, undefined: Undefined | None) -> tuple[AP, Undefined]:
    """Settle what methods are compared by, and the rule for queries without a relevant item."""
    if protocol == "strict":
        return AP(), undefined or "skip"
    if protocol not in METHODS:
        raise CrosshashError(
            f"there is no protocol '{protocol}'; there are strict and those of the papers of "
            f"{', '.join(METHODS)}."
        )
    paper = published_of(protocol)
    if undefined not in (None, paper.undefined):
        raise CrosshashError(
            f"the protocol of {protocol} has the rule {paper.undefined} for queries without a relevant item, "
            f"not {undefined}; give one of the two alone."
        )
    return AP(paper.k, paper.norm), paper.undefined


def _read(query_path: Path, retrieval_path: Path | None) -> tuple[CodeSet, CodeSet, str]:
    if retrieval_path is None:
        return read_foreign(query_path)
    if {query_path.suffix, retrieval_path.suffix} == {".parquet"}:
        return _read_items(query_path, retrieval_path)
    mats = [str(path) for path in (query_path, retrieval_path) if path.suffix != ".npz"]
    if mats:
        raise CrosshashError(
            f"{', '.join(mats)}: two files are scored together when both are .npz files of the encode stage, "
            "or both .parquet files of `crosshash export`; a .mat file or a folder of .npy files holds "
            "queries and retrieval set and is given alone."
        )
    query, retrieval = read_code_set(query_path), read_code_set(retrieval_path)
    check_fit(query, retrieval, (str(query_path), str(retrieval_path)))
    return query, retrieval, f"packed codes of the encode stage, {query.bits} bits, 1 = +1"


def _read_items(query_path: Path, retrieval_path: Path) -> tuple[CodeSet, CodeSet, str]:
    names = (str(query_path), str(retrieval_path))
    tables, heads = zip(read_items(query_path), read_items(retrieval_path), strict=True)
    query, retrieval = code_sets(tables, [head.bits for head in heads], names)
    check_fit(query, retrieval, names)
    return query, retrieval, f"items of parquet files, codes of {query.bits} bits, 1 = +1"
