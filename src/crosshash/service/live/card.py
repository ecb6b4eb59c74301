"""The card of what is searched: where its codes come from, how good they were, which files they stand in."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from crosshash.codes.real_codes import Distance


class Score(BaseModel):
    """Mean average precision of a task on the run's queries, and its 95 % interval."""

    mAP: float  # noqa: N815 - as in metrics.json
    mAP_low: float  # noqa: N815
    mAP_high: float  # noqa: N815


class Card(BaseModel):
    """What is searched.

    distance: by which, where a request names none; null: in two stages. items: how many can be found by their
    image, and by their text. scores: by task, empty where the run has none of this model; warning: what is
    wrong with them. model: digest of networks, transform and bits, which make codes of texts and pictures;
    index: digest of the files of codes and items, null where they lie in a store, which changes by itself.
    """

    method: str
    dataset: str
    bits: int
    distance: Distance | None
    items: dict[str, int]
    scores: dict[Literal["i2t", "t2i", "i2i", "t2t"], Score]
    warning: str | None
    model: str
    index: str | None
