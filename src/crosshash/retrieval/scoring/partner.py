"""Search for the own partner, the other half of a query's pair: a score of any set that has pairs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from crosshash.errors import CrosshashError
from crosshash.retrieval.codefiles.codeset import TASKS, CodeSet, Modality
from crosshash.retrieval.measures.instance import partner_scores, real_partner_scores
from crosshash.retrieval.ranking.tied_ranking import Ties
from crosshash.retrieval.scoring.report_measures import PARTNER_MEASURES
from crosshash.retrieval.scoring.scores import TaskReport


def score_partners(
    query: CodeSet,
    retrieval: CodeSet,
    task: str,
    ties: Ties,
    real: Mapping[Modality, NDArray[np.int8]] | None = None,
) -> TaskReport:
    """Search the other half of every query pair, among those of all query and retrieval items.

    real: real codes int8[Q, K] of the queries by modality, for asymmetric distance.

    Raises:
        CrosshashError: no query has both image and text.
    """
    asks, answers = TASKS[task]
    rows = np.flatnonzero(query.has_text)
    if not rows.size:
        raise CrosshashError(f"{task}: no query has both image and text, so no partner can be found.")
    own = query.packed(answers)
    others = np.setdiff1d(np.flatnonzero(query.has(answers)), rows)
    pool = np.concatenate([own[rows], own[others], retrieval.packed(answers)[retrieval.has(answers)]])
    if real is None:
        values = partner_scores(query.packed(asks)[rows], pool, PARTNER_MEASURES, ties=ties)
    else:
        code = retrieval.vector_code
        values = real_partner_scores(real[asks][rows], pool, PARTNER_MEASURES, ties=ties, code=code)
    last = PARTNER_MEASURES[-1]
    chance = (str(last), min(1.0, last.k / len(pool)))
    return TaskReport(query.ids[rows], values, tuple(values), {}, np.empty((0, 2)), np.empty((0, 3)), chance)
