"""Every kind of page: self-contained, in order, with words for whatever is drawn."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from tests.report.html import Page

PAGES = ("default_page", "odd_page", "bare_page", "paper_page", "large_page")


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_loaded_from_anywhere(request: pytest.FixtureRequest, name: str) -> None:
    html = request.getfixturevalue(name)
    page = Page(html)
    sources = [
        a[name] for _, a in page.tags for name in ("src", "href", "srcset", "data", "action") if name in a
    ]
    inside = ("#", "data:image/jpeg;base64,", "data:image/png;base64,")
    assert sources
    assert all(source and source.startswith(inside) for source in sources)
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "link", "iframe", "object", "embed", "base", "form"}
    assert "@import" not in html
    assert "url(http" not in html


@pytest.mark.parametrize("name", PAGES)
def test_references_inside_the_page_lead_somewhere(request: pytest.FixtureRequest, name: str) -> None:
    page = Page(request.getfixturevalue(name))
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    targets = {a["href"] for _, a in page.tags if (a.get("href") or "").startswith("#")}
    targets |= {f"#{a['aria-labelledby']}" for _, a in page.tags if "aria-labelledby" in a}
    assert {"#scores", "#examples", "#table-scores"} <= targets <= {f"#{one}" for one in ids}


@pytest.mark.parametrize("name", PAGES)
def test_contents_list_every_section_in_order(request: pytest.FixtureRequest, name: str) -> None:
    page = Page(request.getfixturevalue(name))
    sections = [a["id"] for tag, a in page.tags if tag == "section"]
    links = [a["href"] for tag, a in page.tags if tag == "a"]
    assert links == [f"#{section}" for section in sections]


@pytest.mark.parametrize("name", PAGES)
def test_headings_go_down_by_one(request: pytest.FixtureRequest, name: str) -> None:
    levels = [int(tag[1]) for tag, _ in Page(request.getfixturevalue(name)).tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("name", PAGES)
def test_every_picture_and_drawing_says_what_it_shows(request: pytest.FixtureRequest, name: str) -> None:
    page = Page(request.getfixturevalue(name))
    assert all((a["alt"] or "").strip() for tag, a in page.tags if tag == "img")
    drawings = [a for tag, a in page.tags if tag == "svg"]
    assert drawings
    assert all(a["role"] == "img" and a["aria-label"] for a in drawings)
    assert all(a["tabindex"] == "0" for _, a in page.tags if a.get("class") == "wide")


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_light(request: pytest.FixtureRequest, name: str) -> None:
    assert len(request.getfixturevalue(name)) < 1_000_000
