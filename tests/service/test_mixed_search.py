"""Searches over HTTP by items, by a text beside a picture or an item, by pages, and several at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crosshash.search import Asked, Searcher
from crosshash.search.asked import encode
from tests.service.conftest import Running
from tests.service.test_search import JPEG, RED, a_picture, found, refusal, told

ITEM = "images/00007.jpg"


def expected(searcher: Searcher, asked: Asked, top: int, task: str = "i2i") -> list[tuple[Any, ...]]:
    (hits,) = searcher.find(encode(searcher, [asked]), task, top)
    assert hits
    return told(hits)


@pytest.mark.parametrize(
    ("parameters", "asked", "task"),
    [
        ({"like": ITEM}, Asked(like=ITEM), "i2i"),
        ({"like": ITEM, "task": "i2t"}, Asked(like=ITEM), "i2t"),
        ({"like": ITEM, "q": RED}, Asked(RED, like=ITEM), "i2i"),
        ({"like": ITEM, "q": RED, "weight": 0.8, "task": "t2t"}, Asked(RED, like=ITEM, weight=0.8), "t2t"),
    ],
)
def test_items_ask_alone_and_beside_a_text(
    service: Running, parameters: dict[str, Any], asked: Asked, task: str
) -> None:
    answer = service.client.get("/search", params=parameters | {"top": 9})
    assert found(answer) == expected(service.searcher, asked, 9, task)
    assert answer.json()["task"] == task
    assert answer.json()["ordered_by"] == ("asymmetric" if asked.mixed else "hamming")


def test_a_text_goes_beside_a_picture(service: Running) -> None:
    data = a_picture(service)
    small = service.searcher.clean_picture(data)
    for weight in (0.5, 0.9):
        parameters = {"q": RED, "weight": weight, "top": 9}
        answer = service.client.post("/search", params=parameters, content=data, headers=JPEG)
        assert found(answer) == expected(service.searcher, Asked(RED, small, weight=weight), 9)
        assert (answer.json()["task"], answer.json()["ordered_by"]) == ("i2i", "asymmetric")
    captions = {"q": RED, "task": "i2t"}
    answer = service.client.post("/search", params=captions, content=data, headers=JPEG)
    assert found(answer) == expected(service.searcher, Asked(RED, small), 10, "i2t")


def test_pages_join_to_the_whole(service: Running) -> None:
    whole = found(service.client.get("/search", params={"q": RED, "top": 108}))
    pages = [
        found(service.client.get("/search", params={"q": RED, "top": 30, "offset": start}))
        for start in range(0, 150, 30)
    ]
    assert [len(page) for page in pages] == [30, 30, 30, 18, 0]
    assert [hit for page in pages for hit in page] == whole


def test_several_queries_are_answered_in_their_order_as_if_alone(service: Running) -> None:
    queries = [{"text": RED}, {"like": ITEM}, {"text": RED, "like": ITEM, "weight": 0.2}, {"text": "a star"}]
    shared: dict[str, Any] = {"top": 4, "offset": 2, "labels": ["circle", "star"], "distance": "asymmetric"}
    answer = service.client.post("/search/batch", json={"queries": queries, **shared})
    assert answer.status_code == 200, answer.text
    answers = answer.json()["answers"]
    assert [one["task"] for one in answers] == ["t2i", "i2i", "i2i", "t2i"]
    for query, one in zip(queries, answers, strict=True):
        named = {"q" if key == "text" else key: value for key, value in query.items()}
        alone = {**named, **shared, "label": shared["labels"]}
        alone.pop("labels")
        assert service.client.get("/search", params=alone).json() == one
    many = {"queries": [{"text": f"a red circle {number}"} for number in range(64)]}
    assert len(service.client.post("/search/batch", json=many).json()["answers"]) == 64


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the body is empty"),
        (b"{", "body: Invalid JSON"),
        (b"[1]", "body: Input should be an object"),
        ({}, "queries: Field required"),
        ({"queries": []}, "queries: "),
        ({"queries": [{"text": "x"}] * 65}, "queries: "),
        ({"queries": [{"text": "x"}], "top": 0}, "top: "),
        ({"queries": [{"text": "x"}], "up": 0}, "up: Extra"),
        ({"queries": [{"text": "x" * 2001}]}, "queries.0.text: "),
        ({"queries": [{"text": "red"}, {}]}, "queries.1: q: is absent"),
        ({"queries": [{"text": "red"}, {"text": " "}]}, "queries.1: q: the query is empty"),
        ({"queries": [{"text": "red"}, {"like": "nobody"}]}, "queries.1: no item of the index has the id"),
        ({"queries": [{"text": "red"}], "task": "i2t"}, "queries.0: task: "),
        ({"queries": [{"text": "red"}], "labels": ["starr"]}, "no item has the label"),
        ({"queries": [{"text": "red"}], "labels": ["star"] * 101}, "labels: "),
        (b'{"queries": [{"text": "red", "weight": NaN}]}', "queries.0.weight: "),
        (b'{"queries": [{"text": "\xff"}]}', "body: Invalid JSON"),
        (b'{"queries": [{"text": "\\ud800"}]}', "body: Invalid JSON"),
        (b"[" * 100_000, "body: Invalid JSON"),
    ],
)
def test_several_queries_are_refused_with_the_place_of_what_is_wrong(
    service: Running, body: bytes | dict[str, Any], reason: str
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    json_type = {"Content-Type": "application/json"}
    detail = refusal(service.client.post("/search/batch", content=content, headers=json_type), 422, service)
    assert reason in detail
    assert "\n" not in detail


def test_a_body_of_many_queries_has_a_kind_and_a_size(service: Running) -> None:
    answer = service.client.post("/search/batch", content=b"{}", headers={"Content-Type": "text/plain"})
    assert "application/json" in refusal(answer, 415, service)
    long = b'{"queries": [' + b" " * 2_000_000 + b"]}"
    answer = service.client.post("/search/batch", content=long, headers={"Content-Type": "application/json"})
    assert "2 MB" in refusal(answer, 413, service)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("?like=nobody", "no item of the index has the id 'nobody'"),
        (f"?like={ITEM}&task=t2i", "task: should be 'i2t' or 'i2i'"),
        (f"?like={ITEM}&q=", "the query is empty"),
        (f"?like={ITEM}&q=red&weight=1.5", "weight: "),
        (f"?like={ITEM}&q=red&weight=nan", "weight: "),
        (f"?like={ITEM}&q=red&distance=hamming", "no Hamming distance"),
        (f"?q=red{'&label=star' * 101}", "label: "),
        ("?like=%00", "no item of the index has the id"),
        ("?q=red&offset=-1", "offset: "),
        ("?q=red&offset=1000", "offset: "),
        ("?q=red&top=10&offset=991", "offset is 991, top 10"),
    ],
)
def test_what_cannot_be_mixed_or_paged_is_refused(service: Running, address: str, reason: str) -> None:
    assert reason in refusal(service.client.get(f"/search{address}"), 422, service)


def test_a_picture_and_an_item_do_not_ask_together(service: Running) -> None:
    asked = {"like": "images/00007.jpg", "q": "red"}
    answer = service.client.post("/search", params=asked, content=b"no picture", headers=JPEG)
    assert "give one of them" in refusal(answer, 422, service)
