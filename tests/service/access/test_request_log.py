"""Each request has an id, and where it is wished a line of JSON."""

from __future__ import annotations

import json
import logging
import re

import pytest

from tests.service.clients import get, sent
from tests.service.conftest import Running

OURS = re.compile(r"[0-9a-f]{32}")


@pytest.mark.parametrize("given", ["7", "a-1_b.c:d/e+f=", "x" * 128])
def test_the_id_of_the_server_in_front_is_kept(service: Running, given: str) -> None:
    for address in ("/healthz", "/nothing", "/search?q="):
        answer = service.client.get(address, headers={"X-Request-ID": given})
        assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, 'a"b', "<b>", "ü"])
def test_one_that_is_no_plain_word_is_replaced(service: Running, given: str) -> None:
    answer = service.client.get("/healthz", headers={"X-Request-ID": given.encode()})  # type: ignore[dict-item]
    assert OURS.fullmatch(answer.headers["x-request-id"])


def test_every_request_has_one_of_its_own(service: Running) -> None:
    ids = {service.client.get("/healthz").headers["x-request-id"] for _ in range(5)}
    assert len(ids) == 5


def test_a_request_is_a_line_without_what_was_searched_for(
    service: Running, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"X-Request-ID": "mine", "Authorization": "Bearer secret"}
    with caplog.at_level(logging.INFO, "crosshash.access"):
        answer = service.client.get("/search", params={"q": "my own words"}, headers=headers)
        head = service.client.head("/nothing%0A%22")
        with sent(service, get("red")) as client:
            assert client.recv(15) == b"HTTP/1.1 200 OK"
    lines = [json.loads(one.message) for one in caplog.records if one.name == "crosshash.access"]
    assert [line["id"] for line in lines[:2]] == ["mine", head.headers["x-request-id"]]
    first = lines[0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", first.pop("time"))
    assert 0 < first.pop("seconds") < 60
    size = len(answer.content)
    assert first == {
        "id": "mine",
        "client": "127.0.0.1",
        "method": "GET",
        "path": "/search",
        "status": 200,
        "bytes": size,
    }
    assert (lines[1]["method"], lines[1]["status"], lines[1]["bytes"]) == ("HEAD", 404, 0)
    assert lines[1]["path"] == '/nothing\n"'
    assert "own words" not in caplog.text
    assert "secret" not in caplog.text


def test_nothing_is_written_unless_it_is_wished(service: Running, caplog: pytest.LogCaptureFixture) -> None:
    service.client.get("/healthz")
    assert [one for one in caplog.records if one.name == "crosshash.access"] == []
