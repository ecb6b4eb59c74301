"""What the search service tells, and that it does not answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeVar

from crosshash.errors import CrosshashError

Task = Literal["t2i", "t2t", "i2t", "i2i"]
Distance = Literal["hamming", "asymmetric"]
T = TypeVar("T")


class Refused(CrosshashError):  # noqa: N818 - it is told to users, whom "error" tells nothing more
    """The service does not answer a request.

    status: of HTTP, 404 where there is no such item; reason: why; retry_after: seconds, None where coming
    back is no use.
    """

    def __init__(self, status: int, reason: str, retry_after: int | None = None) -> None:
        super().__init__(f"{reason} ({status})")
        self.status, self.reason, self.retry_after = status, reason, retry_after


@dataclass(frozen=True)
class Hit:
    """A found item; distance: Hamming, None where items are stored as vectors; score: None by Hamming."""

    id: str
    distance: int | None
    score: float | None
    caption: str
    labels: list[str]
    picture: str | None


@dataclass(frozen=True)
class Found:
    """Hits, nearest first; model, index: digests of what answered."""

    task: Task
    bits: int
    ordered_by: str
    unknown_words: list[str]
    model: str
    index: str | None
    hits: list[Hit]


@dataclass(frozen=True)
class Item:
    """An item; picture: address of its picture below that of the service, None where there is none."""

    id: str
    caption: str
    labels: list[str]
    picture: str | None


@dataclass(frozen=True)
class Added(Item):
    """An item that was added; index: digest of the files in which it is searched."""

    change: Literal["new", "replaced", "unchanged"]
    index: str | None


@dataclass(frozen=True)
class Card:
    """What a service searches, as its /card tells."""

    method: str
    dataset: str
    bits: int
    distance: Distance | None
    items: dict[str, int]
    scores: dict[str, dict[str, float]]
    warning: str | None
    model: str
    index: str | None


def found(told: Mapping[str, Any]) -> Found:
    """Make hits of what a search told."""
    return made(Found, {**told, "hits": [made(Hit, hit) for hit in told["hits"]]})


def all_found(told: Mapping[str, Any]) -> list[Found]:
    """Make the answers of what several searches in one request told."""
    return [found(one) for one in told["answers"]]


def made(kind: type[T], told: Mapping[str, Any]) -> T:
    """Take the fields that are known; a newer service may tell more."""
    return kind(**{one.name: told[one.name] for one in fields(kind)})  # type: ignore[arg-type]
