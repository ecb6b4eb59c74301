"""Who may change something, and who may read where the token is asked of all."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient

from crosshash.errors import CrosshashError
from crosshash.search import Searcher
from crosshash.service.access.token import Token, needs_token, read_token
from crosshash.service.service import Settings
from tests.service.conftest import Running, running

SECRET = "correct-horse-battery-staple"  # noqa: S105
BEARER = {"Authorization": f"Bearer {SECRET}"}


@pytest.fixture(scope="module")
def shut(searcher: Searcher) -> Iterator[Running]:
    """A service that asks everybody for its token, with a route that changes something."""
    with running(searcher, settings=Settings(token=Token.of(SECRET), all_by_token=True)) as started:

        @started.app.delete("/everything", dependencies=[Depends(needs_token)])
        async def delete() -> str:
            return "gone"

        yield started


def test_who_brings_the_token_is_let_in(shut: Running) -> None:
    assert shut.client.delete("/everything", headers=BEARER).text == '"gone"'
    assert shut.client.get("/search?q=red", headers=BEARER).status_code == 200
    assert shut.client.get("/", headers={"Authorization": f"bearer {SECRET}"}).status_code == 200


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", f"Basic {SECRET}", SECRET, f"Bearer {SECRET}x", f"Bearer {SECRET[:-1]}"],
)
@pytest.mark.parametrize(
    ("method", "address"),
    [("DELETE", "/everything"), ("GET", "/search?q=red"), ("GET", "/search"), ("GET", "/"), ("GET", "/docs")],
)
def test_who_does_not_is_told_what_is_needed(shut: Running, header: str, method: str, address: str) -> None:
    answer = shut.client.request(method, address, headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Bearer realm="crosshash"')
    assert ("invalid_token" in answer.headers["www-authenticate"]) is (header[:8] == "Bearer c")
    assert SECRET not in answer.text


def test_health_is_told_to_everybody(shut: Running) -> None:
    assert {shut.client.get(one).status_code for one in ("/healthz", "/readyz")} == {200}


def test_an_upload_without_the_token_is_read_to_its_end_and_refused(shut: Running) -> None:
    answer = shut.client.post("/search", content=bytes(100_000), headers={"Content-Type": "image/png"})
    assert answer.status_code == 401


def test_the_description_names_the_token_where_it_is_needed(shut: Running, service: Running) -> None:
    for running_service, statuses in ((shut, {"401"}), (service, set())):
        api = running_service.client.get("/openapi.json").json()
        route = api["paths"]["/search"]["get"]
        assert {"401", "403"} & set(route["responses"]) == statuses
        assert ("security" in route) is bool(statuses)
        assert "security" not in api["paths"]["/healthz"]["get"]


def test_without_a_token_nothing_can_be_changed() -> None:
    app = FastAPI(dependencies=[Depends(needs_token)])
    app.state.service = Settings()
    app.get("/")(lambda: "in")
    with TestClient(app) as client:
        for headers in ({}, BEARER):
            answer = client.get("/", headers=headers)
            assert (answer.status_code, "without --token" in answer.text) == (403, True)


@pytest.mark.parametrize(
    "text", ["", "short", "fifteen-letters", "with a space in it", "ümlaut" * 5, "=" * 20]
)
def test_what_is_no_token_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(CrosshashError) as refused:
        Token.of(text)
    assert not text or text not in str(refused.value)


def test_no_token_is_shown_by_what_holds_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "token"
    file.write_text(f"{SECRET}\n")
    settings = Settings(token=Token.of(read_token(file)))
    logging.getLogger("crosshash.service").error("%r", settings)
    assert SECRET not in caplog.text
    with pytest.raises(CrosshashError, match="--token-file"):
        read_token(tmp_path / "none")
