"""The service as a whole: many clients, clients that leave, a full queue, metrics, headers, pages."""

from __future__ import annotations

import asyncio
import re

import httpx
import pytest

from tests.service.clients import get, occupied, sent, until, upload, value
from tests.service.conftest import Running, running

COLOURS = ("red", "blue", "green", "yellow", "purple")
SHAPES = ("circle", "square", "star", "heart", "ring")
GROUNDS = ("white", "grey", "mint", "beige")
TEXTS = [f"a {c} {s} on a {g} ground" for c in COLOURS for s in SHAPES for g in GROUNDS]


def test_a_hundred_clients_at_once_each_get_their_own_answer(service: Running) -> None:
    assert len(set(TEXTS)) == 100
    registry = service.service.metrics.registry
    before = value(registry, "crosshash_batch_size_sum"), value(registry, "crosshash_batch_size_count")

    async def ask() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=100)
        async with httpx.AsyncClient(base_url=service.base, limits=limits, timeout=60) as client:
            with occupied(service):
                asked = [asyncio.create_task(client.get("/search", params={"q": text})) for text in TEXTS]
                while len(service.service.batches) < 100:
                    await asyncio.sleep(0.01)
            return await asyncio.gather(*asked)

    answers = asyncio.run(ask())
    expected = [service.searcher.find(service.searcher.encode_texts([text]), "t2i", 10)[0] for text in TEXTS]
    for answer, hits in zip(answers, expected, strict=True):
        assert answer.status_code == 200
        assert [hit["id"] for hit in answer.json()["hits"]] == [hit.id for hit in hits]
    assert value(registry, "crosshash_batch_size_sum") - before[0] == 1 + 100
    assert value(registry, "crosshash_batch_size_count") - before[1] == 5  # 1, 32, 32, 32, 4


def test_a_full_queue_is_told_with_the_time_to_come_back(service: Running) -> None:
    batches = service.service.batches
    longest, batches.longest_queue = batches.longest_queue, 2
    try:
        with occupied(service):
            clients = [sent(service, get("blue")) for _ in range(2)]
            until(lambda: len(batches) == 2)
            answer = service.client.get("/search", params={"q": "red"})
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert "try again" in answer.json()["detail"]
        for client in clients:
            assert client.recv(15) == b"HTTP/1.1 200 OK"
            client.close()
    finally:
        batches.longest_queue = longest
    assert service.client.get("/search", params={"q": "red"}).status_code == 200


def test_uploads_for_which_there_is_no_room_are_told_to_come_back(service: Running) -> None:
    room = service.service.room
    with room.taken(room.free - 5):
        answer = service.client.post("/search", content=b"123456", headers={"Content-Type": "image/jpeg"})
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"


def test_nobody_searches_for_a_client_that_has_gone(service: Running) -> None:
    batches, registry = service.service.batches, service.service.metrics.registry
    left = {"route": "/search", "method": "GET", "status": "499"}
    before = value(registry, "crosshash_requests_total", **left)
    with occupied(service):
        gone = sent(service, get("blue"))
        until(lambda: len(batches) == 1)
        gone.close()
        until(lambda: len(batches) == 0)
    until(lambda: value(registry, "crosshash_requests_total", **left) == before + 1)


def test_a_client_that_hangs_up_while_it_sends_leaves_nothing_behind(service: Running) -> None:
    registry, room = service.service.metrics.registry, service.service.room
    left = {"route": "/search", "method": "POST", "status": "499"}
    before, free = value(registry, "crosshash_requests_total", **left), room.free
    client = sent(service, upload(1_000_000) + bytes(1000))
    until(lambda: room.free == free - 1_000_000)
    client.close()
    until(lambda: value(registry, "crosshash_requests_total", **left) == before + 1)
    assert room.free == free
    assert service.client.get("/healthz").json()["status"] == "ok"


def test_what_is_no_http_is_refused_and_the_service_lives_on(service: Running) -> None:
    with sent(service, b"\x16\x03\x01 hello\r\n\r\n") as client:
        assert client.recv(12) == b"HTTP/1.1 400"
    assert service.client.get("/healthz").status_code == 200


def test_metrics_count_requests_by_route_and_status(service: Running) -> None:
    registry = service.service.metrics.registry

    def counted(status: str, route: str = "/search", method: str = "GET") -> float:
        labels = {"route": route, "method": method, "status": status}
        return value(registry, "crosshash_requests_total", **labels)

    before = counted("200"), counted("422"), counted("404", "/items/{id:path}"), counted("404", "none")
    times = value(registry, "crosshash_request_seconds_count", route="/search")
    service.client.get("/search", params={"q": "red"})
    service.client.get("/search", params={"q": ""})
    service.client.get("/items/nobody")
    service.client.get("/never/heard/of")
    service.client.request("BREW", "/search")
    after = counted("200"), counted("422"), counted("404", "/items/{id:path}"), counted("404", "none")
    assert [new - old for old, new in zip(before, after, strict=True)] == [1, 1, 1, 1]
    assert counted("405", method="other") >= 1
    assert value(registry, "crosshash_request_seconds_count", route="/search") >= times + 2
    page = service.client.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain")
    assert re.search(r"^crosshash_queue_depth 0.0$", page.text, re.MULTILINE)
    assert "never" not in page.text


def test_a_second_service_has_its_own_limits_and_metrics(service: Running) -> None:
    with running(service.searcher, upload_mb=0.001) as small:
        answer = small.client.post("/search", content=bytes(1001), headers={"Content-Type": "image/png"})
        assert answer.status_code == 413
        assert "0.001 MB" in answer.json()["detail"]
        assert value(small.service.metrics.registry, "crosshash_batch_size_count") == 0


@pytest.mark.parametrize(
    "address", ["/", "/docs", "/page/main.js", "/page/main.py", "/search?q=red", "/search?q="]
)
def test_every_answer_is_locked_down(service: Running, address: str) -> None:
    headers = service.client.get(address).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy.pop("default-src") == policy.pop("frame-ancestors") == policy.pop("base-uri") == "'none'"
    assert set(policy.values()) == {"'self'"}
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers


def test_the_pages_take_nothing_from_elsewhere(service: Running) -> None:
    for address in ("/", "/docs"):
        page = service.client.get(address).text
        links = re.findall(r"(?:src|href)=\"([^\"]*)\"", page)
        assert links
        for link in links:
            assert not re.match(r"[a-z]+:|//", link)
            assert service.client.get(f"/{link.removeprefix('./')}").status_code == 200
        assert not re.search(r"\son\w+=", page)  # no handler within the page
        assert "<style" not in page
        assert not re.search(r"<script(?![^>]*src=)", page)


def test_the_interface_page_says_what_the_description_says(service: Running) -> None:
    page, api = service.client.get("/docs").text, service.client.get("/openapi.json").json()
    assert set(api["paths"]) == {
        "/search",
        "/search/batch",
        "/items/{id}",
        "/picture",
        "/healthz",
        "/readyz",
        "/card",
        "/metrics",
    }
    for path, methods in api["paths"].items():
        for method, route in methods.items():
            assert f"{method.upper()} {path}" in page
            assert route["summary"] in page
            for parameter in route.get("parameters", ()):
                assert f"<code>{parameter['name']}</code>" in page
    answer = service.client.get("/search", params={"q": "red", "top": 1}).json()
    schemas = api["components"]["schemas"]
    assert set(schemas["Found"]["properties"]) == set(answer)
    assert set(schemas["FoundItem"]["properties"]) == set(answer["hits"][0])
