"""Addresses below a path, as a server in front passes them on: whole, or cut."""

from __future__ import annotations

import re

import pytest

from crosshash.errors import CrosshashError
from crosshash.service.access.root_path import OWN, checked_root_path
from tests.service.conftest import Running


@pytest.mark.parametrize("before", ["", "/photos"])
@pytest.mark.parametrize("address", ["/", "/docs", "/search?q=red", "/items/images/00007.jpg", "/healthz"])
def test_addresses_below_the_path_are_those_of_the_service(
    behind: Running, service: Running, before: str, address: str
) -> None:
    answer, other = behind.client.get(before + address), service.client.get(address)
    assert answer.status_code == other.status_code == 200
    if address != "/docs":  # which has no /metrics here
        assert answer.content == other.content


def test_all_that_the_page_names_lies_below_the_path(behind: Running) -> None:
    base = f"{behind.base}photos/"
    for link in re.findall(r'(?:src|href)="([^"]*)"', behind.client.get("/photos/").text):
        assert behind.client.get(f"{base}{link}").status_code == 200
    (hit,) = behind.client.get("/photos/search?q=red&top=1").json()["hits"]
    assert behind.client.get(f"{base}{hit['picture']}").status_code == 200


def test_the_path_itself_leads_to_the_page_below_it(behind: Running) -> None:
    answer = behind.client.get("/photos")
    assert (answer.status_code, answer.headers["location"]) == (308, "/photos/")
    asked = behind.client.get("/photos?q=a+r%C3%B6d%20cat&like=a%2Fb")
    assert asked.headers["location"] == "/photos/?q=a+r%C3%B6d%20cat&like=a%2Fb"


@pytest.mark.parametrize("address", ["/photosearch?q=red", "/photos/photos/healthz", "/photos//healthz"])
def test_what_lies_elsewhere_is_not_found(behind: Running, address: str) -> None:
    assert behind.client.get(address).status_code == 404


def test_the_description_says_where_it_is(behind: Running, service: Running) -> None:
    assert behind.client.get("/photos/openapi.json").json()["servers"] == [{"url": "/photos"}]
    assert "servers" not in service.client.get("/openapi.json").json()


def test_paths_that_would_be_taken_for_addresses_of_the_service(service: Running) -> None:
    paths = service.client.get("/openapi.json").json()["paths"]
    assert {path.split("/")[1] for path in paths} <= set(OWN)
    beside = {"page", "docs", "openapi.json"}  # which no description names
    assert {path.split("/")[1] for path in paths} | beside == set(OWN)


def test_what_a_root_path_is() -> None:
    assert [checked_root_path(one) for one in ("", "/", "/photos", "/a/b-2/")] == [
        "",
        "",
        "/photos",
        "/a/b-2",
    ]


@pytest.mark.parametrize(
    "text", ["photos", "/a b", "//a", "/a/../b", "https://a.example/b", "/search", "/items/x", "/page"]
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(CrosshashError, match="--root-path"):
        checked_root_path(text)
