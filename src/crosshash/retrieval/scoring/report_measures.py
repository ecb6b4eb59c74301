"""Which measures every search task is scored by, and which of them metrics.json shows."""

from __future__ import annotations

from crosshash.retrieval.measures.average_precision import AP, NORMS
from crosshash.retrieval.measures.ranking_measures import (
    NDCG,
    Measure,
    Precision,
    PrecisionWithin,
    Recall,
    RecallWithin,
)

MEASURES: tuple[Measure, ...] = (
    AP(),
    *(AP(50, norm) for norm in NORMS),
    AP(500, "min"),
    *(AP(5000, norm) for norm in NORMS),
    *(Precision(n) for n in (1, 10, 100, 1000)),
    *(Recall(n) for n in (10, 100, 1000)),
    NDCG(1000),
    PrecisionWithin(2),
    RecallWithin(2),
)
"""Those of artifacts/per_query.parquet, in its order."""

HIDDEN = (
    AP(50, "all"),
    AP(50, "first"),
    AP(5000, "hits"),
    AP(5000, "all"),
    AP(5000, "first"),
    Precision(1),
    Recall(10),
)
"""Those that metrics.json leaves out to stay readable, unless one is the headline of the protocol."""

PARTNER_MEASURES = (Recall(1), Recall(5), Recall(10))
"""Those of sets without labels."""
