"""What the name of a figure means, and what a random order would score: nothing is shown without either."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

DIVISORS = {
    "min": "over the smaller of {k} and the relevant items",
    "hits": "over the relevant items among the first {k}",
    "all": "up to rank {k}, over all relevant items",
    "first": "mean over the first {k} relevant items, wherever they stand",
}
"""What the precisions at the relevant items up to rank k are divided by; `first` looks beyond that rank."""

TIES = {
    "expected": "items at equal distance: the mean over all their orders, exactly",
    "by_id": "items at equal distance: in the order of the retrieval set",
    "optimistic": "items at equal distance: most shared labels first",
    "pessimistic": "items at equal distance: fewest shared labels first",
}

UNDEFINED = {
    "skip": "queries without a relevant item: left out of the means",
    "skip_without_hit": "queries without a relevant item among the first 50: left out of the means",
    "zero": "queries without a relevant item: counted as 0",
    "error": "queries without a relevant item: refused, so there are none",
}

PROTOCOLS = {
    "strict": "protocol strict: no figure depends on the convention of a paper",
    "published": "protocol published: the convention of the method’s own paper",
}


def meaning(measure: str, by_labels: bool) -> str:
    """Say in words what a measure is; empty for one that is not known here."""
    if measure == "mAP":
        return "over the whole retrieval set"
    if found := re.fullmatch(r"AP@(\d+)\[(\w+)\]", measure):
        return DIVISORS.get(found[2], found[2]).format(k=found[1])
    if found := re.fullmatch(r"nDCG@(\d+)", measure):
        return "gain: the number of shared labels"
    if found := re.fullmatch(r"(P|recall)@radius(\d+)", measure):
        over = "all items there (none: 0)" if found[1] == "P" else "all relevant items"
        return f"relevant within distance {found[2]}, over {over}"
    if found := re.fullmatch(r"(P|recall)@(\d+)", measure):
        if not by_labels:
            return f"own partner among the first {found[2]}"
        over = found[2] if found[1] == "P" else "all relevant items"
        return f"relevant among the first {found[2]}, over {over}"
    return ""


def chance_of(measure: str, base_rate: float | None, items: int) -> float | None:
    """Give what a random order of so many items scores, where that is simple.

    For mAP that is about the share of relevant items, for P@n it is that share, for recall@n it is n / items.
    """
    if base_rate is not None and (measure == "mAP" or re.fullmatch(r"P@\d+", measure)):
        return base_rate
    if found := re.fullmatch(r"recall@(\d+)", measure):
        return min(1.0, int(found[1]) / items)
    return None


def conventions(metrics: Mapping[str, Any]) -> list[str]:
    """Say which rules all scores of a run follow."""
    found = (
        PROTOCOLS.get(metrics["protocol"], f"protocol {metrics['protocol']}"),
        TIES.get(metrics["ties"], metrics["ties"]),
        f"{UNDEFINED.get(metrics['undefined'], metrics['undefined'])} ({metrics['n_undefined']} here)",
    )
    return list(found if metrics["base_rate"] is not None else found[:2])
