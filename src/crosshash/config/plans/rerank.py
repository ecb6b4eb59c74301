"""How many candidates the second stage of a search orders anew, checked against the data set."""

from __future__ import annotations

from pydantic import ConfigDict

from crosshash.config.plans.base import Plan
from crosshash.errors import CrosshashError

LARGEST_CUT = 50
"""The largest cut-off that a list ordered anew is scored at."""


class RerankPlan(Plan):
    """What training looks at in plan/evaluate.yaml, beforehand: nothing that it learns depends on it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    rerank: int | None


def check_candidates(r_h: int, least: int, most: int) -> None:
    """See that `r_h` items can be ordered anew out of those searched, between `least` and `most`.

    Raises:
        CrosshashError: there are fewer, or the largest cut-off lies beyond the candidates.
    """
    lowest = min(LARGEST_CUT, most)
    remedy = f"{most}, all of them" if lowest == most else f"a number from {lowest} to {most}"
    if r_h > most:
        finding = f"candidates, but only {most} items are searched"
    elif r_h < min(LARGEST_CUT, least):
        finding = f"candidates are less than {lowest}, up to which their order is scored"
    else:
        return
    raise CrosshashError(
        f"params.yaml: hq.rerank: {r_h} {finding}. Set hq.rerank to {remedy}; no training depends on it."
    )
