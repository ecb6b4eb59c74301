"""What lies nearest to a batch of queries, and how it is told in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal
from urllib.parse import quote

from fastapi import Response
from pydantic import BaseModel

from crosshash.errors import CrosshashError
from crosshash.search import Asked, Hit, Searcher
from crosshash.search.asked import encode
from crosshash.service.batches import Query
from crosshash.service.live.state import State

SHOWN = 12
"""Digits of a digest in the address of a picture."""

Hits = list[Hit]
Answer = tuple[State, Hits]
"""Hits, and the state that they were found in."""


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

    `unknown_words` are those of the query that the model has never seen. model, index: digests of what
    answered, all of it, as /card tells them.
    """

    task: str
    bits: int
    ordered_by: Literal["hamming", "asymmetric", "two stages"]
    unknown_words: list[str]
    model: str
    index: str | None
    hits: list[FoundItem]


def answer_by(state: State, queries: Sequence[Query]) -> list[Answer | Exception]:
    """Search as `answer` does, all in one state."""
    found = answer(state.searcher, queries)
    return [hits if isinstance(hits, Exception) else (state, hits) for hits in found]


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


def told(state: State, query: Query, hits: Hits) -> Found:
    """Write hits as the service answers them."""
    searcher, text = state.searcher, query.asked.text
    return Found(
        task=query.task,
        bits=searcher.bits,
        ordered_by=_order(searcher, query),
        unknown_words=[] if text is None else searcher.unknown_words(text),
        model=state.model,
        index=state.index,
        hits=[
            FoundItem(
                id=hit.id,
                distance=hit.distance,
                score=hit.score,
                caption=hit.caption,
                labels=list(hit.labels),
                picture=picture_address(hit.id, state.index)
                if hit.image and searcher.shows_pictures
                else None,
            )
            for hit in hits
        ],
    )


def picture_address(item: str, index: str | None = None) -> str:
    """Give the address of an item's picture, relative to the page; ids may hold anything.

    index: its digest, for a browser that keeps pictures: the next index may have another one of that id.
    """
    of = "" if index is None else f"&index={index[:SHOWN]}"
    return f"picture?id={quote(item, safe='')}{of}"


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


def as_json(value: BaseModel, status: int = 200) -> Response:
    """Write an answer; it is what its model says, so that the framework need not check it once more."""
    return Response(value.model_dump_json(), status, media_type="application/json")
