"""What lies nearest to a batch of queries, and how it is told in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal
from urllib.parse import quote

from pydantic import BaseModel

from crosshash.errors import CrosshashError
from crosshash.search import Asked, Hit, Searcher
from crosshash.search.asked import encode
from crosshash.service.batches import Query

Hits = list[Hit]


class FoundItem(BaseModel):
    """An item that was found; `picture` is the address of its picture, if it has one."""

    id: str
    distance: int | None
    score: float | None
    caption: str
    labels: list[str]
    picture: str | None


class Found(BaseModel):
    """An answer: distances are Hamming distances of codes of `bits` bits, whatever `ordered_by`; null where
    items are stored as vectors.

    `unknown_words` are those of the query that the model has never seen.
    """

    task: str
    bits: int
    ordered_by: Literal["hamming", "asymmetric", "two stages"]
    unknown_words: list[str]
    hits: list[FoundItem]


def answer(searcher: Searcher, queries: Sequence[Query]) -> list[Hits | Exception]:
    """Search for queries together; gives the hits of each, or why there are none."""
    answers: list[Hits | Exception] = [[] for _ in queries]
    kinds: dict[tuple[bool, ...], list[int]] = {}
    for place, query in enumerate(queries):
        kinds.setdefault(query.asked.parts, []).append(place)
    for places in kinds.values():
        found = _of_a_kind(searcher, [queries[place] for place in places])
        for place, hits in zip(places, found, strict=True):
            answers[place] = hits
    return answers


def told(searcher: Searcher, query: Query, hits: Hits) -> Found:
    """Write hits as the service answers them."""
    text = query.asked.text
    return Found(
        task=query.task,
        bits=searcher.bits,
        ordered_by=_order(searcher, query),
        unknown_words=[] if text is None else searcher.unknown_words(text),
        hits=[
            FoundItem(
                id=hit.id,
                distance=hit.distance,
                score=hit.score,
                caption=hit.caption,
                labels=list(hit.labels),
                picture=picture_address(hit.id) if hit.image and searcher.shows_pictures else None,
            )
            for hit in hits
        ],
    )


def picture_address(item: str) -> str:
    """Give the address of an item's picture, relative to the page; ids may hold anything."""
    return f"picture?id={quote(item, safe='')}"


def _of_a_kind(searcher: Searcher, queries: Sequence[Query]) -> list[Hits | Exception]:
    """Search for queries of the same parts, which are encoded together."""
    try:
        encoded = encode(searcher, [query.asked for query in queries])
    except CrosshashError as error:
        if len(queries) == 1:
            return [error]
        return [_of_a_kind(searcher, [query])[0] for query in queries]  # who is to blame is seen one by one
    answers: list[Hits | Exception] = [[] for _ in queries]
    for query, places in _alike(queries).items():
        settings = (query.task, query.top, query.labels, query.distance, query.offset)
        try:
            found: Sequence[Hits | Exception] = searcher.find(encoded[places], *settings)
        except CrosshashError as error:
            found = [error] * len(places)
        for place, hits in zip(places, found, strict=True):
            answers[place] = hits
    return answers


def _alike(queries: Sequence[Query]) -> dict[Query, list[int]]:
    """Group the places of queries that differ in what asks alone."""
    groups: dict[Query, list[int]] = {}
    for place, query in enumerate(queries):
        groups.setdefault(replace(query, asked=Asked("")), []).append(place)
    return groups


def _order(searcher: Searcher, query: Query) -> Literal["hamming", "asymmetric", "two stages"]:
    """Say by what the hits of a query are ordered."""
    if query.asked.mixed:
        return "asymmetric"
    both = query.distance or searcher.distance
    return both or ("two stages" if query.asked.like is None else "hamming")
