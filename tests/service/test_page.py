"""The search page as somebody uses it, in Chromium."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from crosshash.search import Asked, Searcher
from crosshash.search.asked import encode, of_items
from tests.conftest import ROOT
from tests.service.conftest import HOSTILE, Running, running

WAIT = 15_000  # milliseconds, at most
LARGEST_SHOT = 300_000
DROP = """
([name, type, content, padding]) => {
    const bytes = [Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0)), new Uint8Array(padding)];
    const transfer = new DataTransfer();
    transfer.items.add(new File(bytes, name, { type }));
    for (const kind of ["dragover", "drop"])
        document.querySelector("#picture").dispatchEvent(
            new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
}
"""
LOADED = "images => images.every(image => image.complete && image.naturalWidth > 0)"


@pytest.fixture
def page(chromium: Browser, service: Running) -> Iterator[Page]:
    """The page, which asks nobody else for anything and has nothing to complain about."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    with opened(context, service.base) as shown:
        yield shown
    context.close()


class opened:  # noqa: N801 - reads as a verb
    """Open an address; at the end, no request has left for elsewhere, and no script has failed."""

    def __init__(self, context: BrowserContext, base: str) -> None:
        self.base, self.page = base, context.new_page()
        self.page.set_default_timeout(WAIT)
        self.asked: list[str] = []
        self.complaints: list[str] = []

    def __enter__(self) -> Page:
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.goto(self.base)
        return self.page

    def __exit__(self, *failure: object) -> None:
        assert all(url.startswith(self.base) for url in self.asked), self.asked
        refusals = re.compile("Failed to load resource: the server responded with a status of 4")
        assert [text for text in self.complaints if not refusals.match(text)] == []


def ask(page: Page, text: str) -> None:
    page.fill("#q", text)
    page.press("#q", "Enter")
    expect(page.locator("#status")).to_contain_text(f"“{text}”", timeout=WAIT)


def drop(page: Page, name: str, content: bytes, padding: int = 0) -> None:
    page.evaluate(DROP, [name, "image/jpeg", base64.b64encode(content).decode(), padding])


def picture(searcher: Searcher, item: str = "images/00007.jpg") -> bytes:
    data = searcher.picture(item)
    assert data is not None
    return data


def test_a_typed_text_shows_pictures_with_caption_and_distance(page: Page, service: Running) -> None:
    ask(page, "a red circle")
    hits = service.searcher.find(service.searcher.encode_texts(["a red circle"]), "t2i", 24)[0]
    cards = page.locator("#hits li")
    expect(cards).to_have_count(24)
    for card, hit in list(zip(cards.all(), hits, strict=True))[:6]:
        expect(card.locator(".caption")).to_have_text(hit.caption)
        expect(card.locator(".figures")).to_have_text(f"distance {hit.distance} of 16")
        expect(card.locator(".labels")).to_contain_text(", ".join(hit.labels))
    page.wait_for_function(f"() => ({LOADED})([...document.querySelectorAll('#hits img')].slice(0, 6))")
    expect(page.locator("#status")).to_contain_text("24 pictures nearest to")


def test_hits_are_coloured_when_the_text_names_labels(page: Page, service: Running) -> None:
    ask(page, "two red Circles")
    cards = page.locator("#hits li")
    expect(cards).to_have_count(24)
    for card in cards.all():
        right = "circle" in card.locator(".labels").inner_text()
        assert card.get_attribute("class") == ("hit" if right else "miss")
        assert card.locator(".labels").inner_text()[0] == ("✓" if right else "✗")
    count = page.locator("#hits .hit").count()
    expect(page.locator("#status")).to_contain_text(f"{count} of them share a label with it (circle)")
    ask(page, "something red")
    expect(page.locator("#hits .hit, #hits .miss")).to_have_count(0)


def test_captions_can_be_looked_for_and_fewer_or_more(page: Page) -> None:
    ask(page, "a red circle")
    with page.expect_response(re.compile("task=t2t")):
        page.check("input[value=t]")
    expect(page.locator("#status")).to_contain_text("24 captions")
    page.select_option("#top", "60")
    expect(page.locator("#hits li")).to_have_count(60)


def test_a_dropped_picture_is_searched_for(page: Page, service: Running) -> None:
    data = picture(service.searcher)
    drop(page, "mine.jpg", data)
    expect(page.locator("#status")).to_contain_text("nearest to the picture mine.jpg")
    expect(page.locator("#shown")).to_be_visible()
    assert page.evaluate("document.querySelector('#shown').width") > 0
    hits = service.searcher.find(service.searcher.encode_pictures([data]), "i2i", 24)[0]
    assert page.locator("#hits .caption").all_inner_texts() == [hit.caption for hit in hits]
    assert "?find=i" in page.url  # a visitor's file does not enter the address
    page.click("#forget")
    expect(page.locator("#shown")).to_be_hidden()
    expect(page.locator("#hits li")).to_have_count(0)


def test_a_chosen_file_is_searched_for(page: Page, service: Running, tmp_path: Path) -> None:
    path = tmp_path / "chosen.jpg"
    path.write_bytes(picture(service.searcher))
    with page.expect_file_chooser() as chooser:
        page.click("#choose")
    chooser.value.set_files(path)
    expect(page.locator("#status")).to_contain_text("nearest to the picture chosen.jpg")
    ask(page, "a red circle")  # a text stands beside it
    expect(page.locator("#status")).to_contain_text("nearest to the picture chosen.jpg and “a red circle”")
    page.click("#forget")
    expect(page.locator("#status")).to_contain_text("nearest to “a red circle”")
    expect(page.locator("#named")).to_be_hidden()


def test_an_error_is_shown_as_text_and_the_next_search_works(page: Page) -> None:
    ask(page, "a red circle")
    drop(page, "picture.jpg", b"PK\x03\x04 no picture at all")
    error = page.locator("#error")
    expect(error).to_be_visible()
    expect(error).to_contain_text("not a picture in a known format")
    assert error.get_attribute("role") == "alert"
    expect(page.locator("#hits li")).to_have_count(0)
    drop(page, "huge.jpg", b"", 10_000_001)
    expect(error).to_contain_text("larger than 10 MB")
    ask(page, "a red circle")
    expect(error).to_be_hidden()
    expect(page.locator("#hits li")).to_have_count(24)


def test_what_is_no_picture_is_told_before_it_is_sent(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("image,caption\n")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method))
    page.set_input_files("#file", path)
    expect(page.locator("#error")).to_have_text(
        "table.csv is not a picture. Choose a JPEG, PNG, WebP, GIF, TIFF or BMP file."
    )
    assert "POST" not in asked
    ask(page, "a red circle")
    expect(page.locator("#error")).to_be_hidden()


def test_an_empty_question_is_answered_with_a_hint(page: Page) -> None:
    page.click("button[type=submit]")
    expect(page.locator("#status")).to_contain_text("Write what")


def test_a_service_that_has_ended_is_told(chromium: Browser, searcher: Searcher) -> None:
    context = chromium.new_context()
    page = context.new_page()
    with running(searcher) as short:
        page.goto(short.base)
    page.fill("#q", "a red circle")
    page.press("#q", "Enter")
    expect(page.locator("#error")).to_contain_text("cannot be reached", timeout=WAIT)
    context.close()


def test_the_keyboard_alone_is_enough(page: Page) -> None:
    keys = page.keyboard
    page.locator("a").first.focus()
    keys.press("/")
    keys.type("a red circle")
    keys.press("Enter")
    expect(page.locator("#hits li")).to_have_count(24)
    focused = "[...document.querySelectorAll('#hits button')].indexOf(document.activeElement)"
    keys.press("ArrowDown")
    assert page.evaluate(focused) == 0
    keys.press("ArrowRight")
    assert page.evaluate(focused) == 1
    keys.press("ArrowDown")
    below = page.evaluate(focused)
    assert below > 2
    keys.press("ArrowUp")
    keys.press("ArrowLeft")
    assert page.evaluate(focused) == 0
    keys.press("ArrowUp")
    assert page.evaluate("document.activeElement.id") == "q"
    reached = []
    for _ in range(20):
        keys.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    for wanted in ("Search", "choose", "top", "circle", "triangle"):
        assert wanted in reached
    page.locator("#hits button").nth(2).focus()
    caption = page.locator("#hits .caption").nth(2).inner_text()
    keys.press("Enter")
    expect(page.locator("#status")).to_contain_text(f"nearest to the picture “{caption}”")
    assert page.evaluate(focused) == 0  # the list is another one
    keys.press("ArrowRight")
    assert page.evaluate(focused) == 1


def test_the_focus_goes_to_the_words_where_a_hit_leads_to_no_others(page: Page) -> None:
    ask(page, "a red circle")
    page.route("**/search?*", lambda route: route.fulfill(status=422, json={"detail": "gone"}))
    page.locator("#hits button").nth(2).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#error")).to_have_text("gone")
    expect(page.locator("#q")).to_be_focused()


def test_a_hit_becomes_the_query_and_the_way_back_works(page: Page, service: Running) -> None:
    ask(page, "a red circle")
    before = page.locator("#hits .caption").all_inner_texts()
    hit = service.searcher.find(service.searcher.encode_texts(["a red circle"]), "t2i", 24)[0][3]
    page.locator("#hits button").nth(3).click()
    expect(page.locator("#status")).to_contain_text(f"the picture “{hit.caption}”")
    expect(page.locator("#status")).to_contain_text(f"({', '.join(hit.labels)})")  # its labels are known
    expect(page.locator("#shown")).to_be_visible()
    after = page.locator("#hits .caption").all_inner_texts()
    (found,) = service.searcher.find(of_items(service.searcher, [hit.id]), "i2i", 24)
    assert after == [one.caption for one in found]
    page.reload()
    expect(page.locator("#status")).to_contain_text(f"the picture “{hit.caption}”")
    page.go_back()
    expect(page.locator("#status")).to_contain_text("“a red circle”")
    assert page.input_value("#q") == "a red circle"
    assert page.locator("#hits .caption").all_inner_texts() == before


def test_chips_narrow_the_search_to_labels(page: Page) -> None:
    ask(page, "a red circle")
    chip = page.get_by_role("button", name="star", exact=True)
    with page.expect_response(re.compile("label=star")):
        chip.click()
    assert chip.get_attribute("aria-pressed") == "true"
    expect(page.locator("#hits .labels").filter(has_not_text="star")).to_have_count(0)
    assert page.locator("#hits li").count() > 0
    with page.expect_response(lambda response: "label" not in response.url):
        chip.click()
    expect(page.locator("#hits .labels").filter(has_not_text="star")).not_to_have_count(0)


def test_captions_are_text_whatever_they_hold(page: Page) -> None:
    page.select_option("#top", "200")
    ask(page, "a red circle")
    expect(page.locator("#hits li")).to_have_count(108)
    hostile = page.locator("#hits .caption").filter(has_text=HOSTILE)
    expect(hostile).to_have_count(1)
    assert page.locator(".caption img").count() == 0
    page.get_by_role("button", name=f"More like this: {HOSTILE}").click()
    expect(page.locator("#named")).to_have_text(f"“{HOSTILE}”")
    page.click("#forget")
    ask(page, HOSTILE)
    assert page.title() == "crosshash: scenes"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(chromium: Browser, service: Running, tmp_path: Path, scheme: str) -> None:
    context = chromium.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, color_scheme=scheme, reduced_motion="reduce"
    )
    with opened(context, service.base) as page:
        ask(page, "a red circle and a name that is much longer than a phone is wide" + "o" * 60)
        expect(page.locator("#hits li")).to_have_count(24)
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        columns = page.evaluate("getComputedStyle(document.querySelector('#hits')).gridTemplateColumns")
        assert len(columns.split()) == 2
        page.locator("#hits button").first.tap()
        expect(page.locator("#shown")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 27)"}[scheme]
        page.goto(f"{service.base}docs")
        assert page.evaluate("document.documentElement.scrollWidth") == 390
    context.close()


def test_words_stand_beside_a_picture_and_weigh_what_is_chosen(page: Page, service: Running) -> None:
    """The weight is shown only where there are both; the address of the page holds all of it."""
    ask(page, "a red circle")
    item = service.searcher.find(service.searcher.encode_texts(["a red circle"]), "t2i", 24)[0][0]
    page.locator("#hits button").first.click()
    expect(page.locator("#status")).to_contain_text("the picture")
    expect(page.locator("#mix")).to_be_hidden()
    page.fill("#q", "a blue star")
    expect(page.locator("#mix")).to_be_visible()
    page.press("#q", "Enter")
    expect(page.locator("#status")).to_contain_text(f"the picture “{item.caption}” and “a blue star”")
    for weight in (0.5, 0.9):
        page.locator("#weight").focus()
        for _ in range(4 if weight == 0.9 else 0):
            with page.expect_response(re.compile("weight=")):
                page.keyboard.press("ArrowRight")
        asked = Asked("a blue star", like=item.id, weight=weight)
        (hits,) = service.searcher.find(encode(service.searcher, [asked]), "i2i", 24)
        expect(page.locator("#hits .caption")).to_have_text([hit.caption for hit in hits])
        score = f"distance {hits[0].distance} of 16, score {hits[0].score:.2f}"
        expect(page.locator("#hits .figures").first).to_have_text(score)
    expect(page.locator("#status")).to_contain_text("by asymmetric distance")
    page.reload()
    expect(page.locator("#hits .caption")).to_have_text([hit.caption for hit in hits])
    assert page.input_value("#weight") == "0.9"


def shown_ids(page: Page) -> list[str]:
    addresses = page.locator("#hits img").evaluate_all("images => images.map(image => image.src)")
    return [parse_qs(urlsplit(address).query)["id"][0] for address in addresses]


def test_the_next_hits_come_as_one_scrolls_until_the_end(page: Page, service: Running) -> None:
    ask(page, "a red circle")
    expect(page.locator("#hits li")).to_have_count(24)
    so_far = page.locator("#shown-so-far")
    expect(so_far).to_have_text("24 pictures so far.")
    for count in (48, 72, 96, 108):
        page.mouse.wheel(0, 10_000)
        expect(page.locator("#hits li")).to_have_count(count)
    expect(so_far).to_have_text("These are all 108 pictures.")
    expect(page.locator("#more")).to_be_hidden()
    (hits,) = service.searcher.find(service.searcher.encode_texts(["a red circle"]), "t2i", 108)
    assert shown_ids(page) == [hit.id for hit in hits]  # none twice, none left out
    ask(page, "a blue star")
    expect(page.locator("#hits li")).to_have_count(24)


def test_without_an_observer_a_button_shows_more_and_keeps_the_focus(page: Page) -> None:
    page.add_init_script("delete window.IntersectionObserver")
    page.reload()
    ask(page, "a red circle")
    page.mouse.wheel(0, 10_000)
    for count in (48, 72, 96, 108):
        page.locator("#more").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#hits li")).to_have_count(count)
        place = "[...document.querySelectorAll('#hits button')].indexOf(document.activeElement)"
        assert page.evaluate(place) == (count - 24 if count < 108 else 96)
    expect(page.locator("#more")).to_be_hidden()


def test_a_page_that_does_not_come_is_told_and_asked_for_again_by_the_button_alone(page: Page) -> None:
    ask(page, "a red circle")
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=422, json={"detail": "not now"})

    page.route("**/search?*", refuse)
    page.mouse.wheel(0, 10_000)
    expect(page.locator("#shown-so-far")).to_have_text("not now")
    page.mouse.wheel(0, -500)
    page.mouse.wheel(0, 10_000)
    page.locator("#more").click()
    expect(page.locator("#shown-so-far")).to_have_text("not now")
    assert len(asked) == 2
    page.unroute("**/search?*")
    page.locator("#more").click()
    expect(page.locator("#hits li")).to_have_count(48)


def test_what_a_screen_reader_meets(page: Page, service: Running) -> None:
    """Landmarks, a live region, each hit's button by its name, and where the focus goes."""
    for role in ("banner", "main", "search"):
        expect(page.get_by_role(role)).to_have_count(1)  # type: ignore[arg-type]
    expect(page.get_by_role("searchbox", name="What you look for")).to_be_focused()
    ask(page, "a red circle")
    expect(page.get_by_role("status").first).to_contain_text("24 pictures nearest to")
    found = page.get_by_role("region", name="What was found")
    expect(found.get_by_role("listitem")).to_have_count(24)
    caption = page.locator("#hits .caption").first.inner_text()
    more = found.get_by_role("listitem").first.get_by_role("button", name=f"More like this: {caption}")
    more.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("img", name="your picture")).to_be_visible()
    page.fill("#q", "a star")
    expect(page.get_by_role("slider", name="How much the words weigh")).to_be_visible()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_role("searchbox")).to_be_focused()
    expect(page.get_by_role("status").first).to_contain_text("nearest to “a star”")


def test_pages_of_two_indexes_are_not_joined(page: Page) -> None:
    """A newer index answers the second page: the question is asked again from its start."""

    def newer(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"index": "newer"})

    ask(page, "a red circle")
    page.route("**/search?*", newer, times=1)
    with page.expect_response(re.compile("offset=24")), page.expect_response(re.compile("offset=0")):
        page.locator("#more").scroll_into_view_if_needed()
    expect(page.locator("#shown-so-far")).to_contain_text("so far")
    ids = shown_ids(page)
    assert len(ids) == len(set(ids))


def test_what_is_searched_is_one_click_away(page: Page, service: Running) -> None:
    page.get_by_role("button", name="About the model").click()
    dialog = page.get_by_role("dialog", name="What is searched")
    card = service.client.get("card").json()
    for said in ("twdh", "scenes", "16 bits", "Hamming distance", "108 pictures", card["model"][:12]):
        expect(dialog).to_contain_text(said)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator("#about")).to_be_focused()
    page.click("#about")
    page.click("#close")
    expect(dialog).to_be_hidden()


def test_it_works_below_a_path_of_another_server(chromium: Browser, service: Running) -> None:
    context, below = chromium.new_context(), f"{service.base}photos/"
    context.route(f"{below}**", lambda route: route.continue_(url=route.request.url.replace("/photos/", "/")))
    with opened(context, below) as page:
        ask(page, "a red circle")
        page.locator("#hits button").first.click()
        expect(page.locator("#shown")).to_be_visible()
        page.click("#about")
        expect(page.locator("#facts")).to_contain_text("twdh")
    context.close()


AXE_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_nothing(chromium: Browser, service: Running, width: int, scheme: Any) -> None:  # noqa: ANN401
    """At each state of the page: empty, hits, words beside an item, an error, the model's card; and /docs."""

    def check(page: Page, state: str) -> None:
        found = Axe().run(page, options=AXE_RULES)
        assert found.violations_count == 0, f"{state}: {found.generate_report()}"

    size = {"width": width, "height": 844}
    context = chromium.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    with opened(context, service.base) as page:
        check(page, "empty")
        page.select_option("#top", "12")
        ask(page, "a red circle")
        check(page, "hits")
        page.locator("#hits button").first.click()
        ask(page, "a blue star")
        expect(page.locator("#mix")).to_be_visible()
        check(page, "mixed")
        page.click("#about")
        expect(page.locator("#facts")).to_contain_text("twdh")
        check(page, "card")
        page.click("#close")
        drop(page, "picture.jpg", b"no picture at all")
        expect(page.locator("#error")).to_be_visible()
        check(page, "error")
        page.goto(f"{service.base}docs")
        check(page, "docs")
    context.close()


def test_pictures_of_the_page(chromium: Browser, searcher: Searcher, tmp_path: Path) -> None:
    """Go to docs/ when asked: CROSSHASH_SCREENSHOTS names the project to show, 1 this repository."""
    wanted = os.environ.get("CROSSHASH_SCREENSHOTS")
    shown = Searcher.open(ROOT if wanted == "1" else Path(wanted)) if wanted else searcher
    with running(shown) as service:
        for name, width, height, scheme in (("", 1280, 900, "light"), ("-phone", 390, 844, "dark")):
            path = (ROOT / "docs" if wanted else tmp_path) / f"search-page{name}.png"
            size: Any = {"width": width, "height": height}
            context = chromium.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
            with opened(context, service.base) as page:
                ask(page, "a square")
                page.locator("#hits button").first.click()
                ask(page, "a ring")
                page.locator("#q").blur()
                page.wait_for_load_state("networkidle")
                page.screenshot(path=path)
            context.close()
            assert path.stat().st_size < LARGEST_SHOT
