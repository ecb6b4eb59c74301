"""Names that the service answers to, and its end."""

from __future__ import annotations

import asyncio
import logging

import pytest

from crosshash.errors import CrosshashError
from crosshash.search import Searcher
from crosshash.service.run import host_name
from tests.service.clients import sent, until, until_closed, upload
from tests.service.conftest import Running, running


def status(service: Running, host: str) -> int:
    return service.client.get("/search?q=red", headers={"Host": host}).status_code


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
def test_names_of_loopback_are_answered(service: Running, host: str) -> None:
    assert status(service, host) == status(service, f"{host}:8000") == 200


@pytest.mark.parametrize("host", ["rebound.example", "localhost.rebound.example", "127.0.0.1.org", "", "a b"])
@pytest.mark.parametrize("path", ["/", "/search?q=red", "/picture?id=images/00007.jpg", "/openapi.json"])
def test_a_page_that_points_its_own_name_here_reads_nothing(service: Running, host: str, path: str) -> None:
    answer = service.client.get(path, headers={"Host": host})
    assert answer.status_code == 400
    assert answer.text in ("Invalid host header", "Invalid HTTP request received.")


def test_names_that_are_allowed_are_answered_beside_loopback(searcher: Searcher) -> None:
    with running(searcher, hosts=[host_name("Search.example.org"), host_name("*.inside.example")]) as own:
        assert status(own, "search.example.org:443") == 200
        assert status(own, "a.b.inside.example") == 200
        assert status(own, "localhost") == 200
        assert status(own, "www.search.example.org") == 400
        assert status(own, "inside.example") == 400


def test_an_address_of_version_6_is_written_as_in_an_address() -> None:
    assert host_name("2001:DB8::1") == host_name("[2001:db8::1]") == "[2001:db8::1]"
    assert host_name("192.0.2.7") == "192.0.2.7"
    assert host_name("*") == "*"


@pytest.mark.parametrize("name", ["http://a.example", "a.example:8000", "a*.example", "*.", "", "a b", "[a]"])
def test_what_is_no_host_name_is_refused(name: str) -> None:
    with pytest.raises(CrosshashError, match="--allow-host"):
        host_name(name)


def test_head_is_answered_as_get_without_the_body(service: Running) -> None:
    item = "images/00007.jpg"
    for path in ("/", "/search?q=red", f"/items/{item}", f"/picture?id={item}", "/nothing"):
        head, full = service.client.head(path), service.client.get(path)
        assert head.status_code == full.status_code
        assert head.content == b""
        for name in ("content-length", "content-type", "content-security-policy"):
            assert head.headers[name] == full.headers[name]


def test_who_is_worked_for_at_the_end_is_told_and_no_traceback_written(
    searcher: Searcher, caplog: pytest.LogCaptureFixture
) -> None:
    """Uploads that wait for their decoding, and one that has not come to its end."""
    told = logging.getLogger("uvicorn.error")
    told.addHandler(caplog.handler)
    try:
        with running(searcher) as own:
            loop, decoders = own.server.servers[0].get_loop(), own.service.decoders
            while not decoders.locked():  # until none is left
                asyncio.run_coroutine_threadsafe(decoders.acquire(), loop).result()
            free = own.service.room.free
            clients = [sent(own, upload(9) + body) for body in (b"123456789", b"123456789", b"1234")]
            until(lambda: own.service.room.free == free - 3 * 9)
            own.server.config.timeout_graceful_shutdown = 0
            own.server.should_exit = True
            answers = [until_closed(client) for client in clients]
            for client in clients:
                client.close()
    finally:
        told.removeHandler(caplog.handler)
    for answer in answers:
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"the service ends" in answer
    assert [one for one in caplog.records if one.exc_info] == []
