"""Pages of other addresses: those that are named read answers, others do not."""

from __future__ import annotations

import pytest

from crosshash.errors import CrosshashError
from crosshash.service.access.origins import checked_origin
from tests.service.access.conftest import ORIGIN
from tests.service.conftest import Running

PREFLIGHT = {
    "Access-Control-Request-Method": "DELETE",
    "Access-Control-Request-Headers": "authorization, x-request-id",
}


@pytest.mark.parametrize("address", ["/search?q=red", "/search?q=", "/items/nobody", "/healthz"])
def test_a_named_origin_may_read_answers_and_refusals(behind: Running, address: str) -> None:
    headers = behind.client.get(address, headers={"Origin": ORIGIN}).headers
    assert headers["access-control-allow-origin"] == ORIGIN
    assert "Origin" in headers["vary"]
    assert "X-Request-ID" in headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in headers


@pytest.mark.parametrize(
    "origin", ["https://other.example.org", f"{ORIGIN}:444", f"{ORIGIN}.example.com", "null"]
)
def test_no_other_may(behind: Running, origin: str) -> None:
    answer = behind.client.get("/search?q=red", headers={"Origin": origin})
    assert answer.status_code == 200  # scripts of its page cannot read it
    assert "access-control-allow-origin" not in answer.headers
    asked = behind.client.options("/search", headers={"Origin": origin, **PREFLIGHT})
    assert asked.status_code == 400
    assert "access-control-allow-origin" not in asked.headers


def test_a_browser_that_asks_first_is_told_what_it_may_send(behind: Running) -> None:
    asked = behind.client.options("/items/x", headers={"Origin": ORIGIN, **PREFLIGHT})
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == ORIGIN
    assert "DELETE" in asked.headers["access-control-allow-methods"]


def test_where_no_origin_is_named_nothing_is_said_of_any(service: Running) -> None:
    answer = service.client.get("/search?q=red", headers={"Origin": ORIGIN})
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "text", ["*", ORIGIN, "http://localhost:3000", "http://[::1]:80", "http://192.0.2.7"]
)
def test_what_an_origin_is(text: str) -> None:
    assert checked_origin(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "photos.example.org", f"{ORIGIN}/", f"{ORIGIN}/page", "ftp://a.example", "https://*.example.org"],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(CrosshashError, match="--cors-origin"):
        checked_origin(text)
