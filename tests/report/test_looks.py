"""What people see of the page in a real browser: wide and narrow, light and dark, and on paper."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]
PAGES = ("default_page", "odd_page", "bare_page", "paper_page", "large_page")
A4_WIDTH = 680  # pixels between margins of 15 mm

Open = Callable[..., Page]

TEXTS = "p, dt, dd, th, td, li, a, h1, h2, h3, h4, figcaption, small, svg text, li span, .soft"

# Each visible text: its colour, the nearest colour painted behind it, and what it is.
COLOURS = """(texts) => {
  const painted = one => getComputedStyle(one).backgroundColor;
  const ground = one => !one ? "rgb(255, 255, 255)"
    : painted(one) === "rgba(0, 0, 0, 0)" ? ground(one.parentElement) : painted(one);
  const ink = one => getComputedStyle(one)[one.tagName === "text" ? "fill" : "color"];
  return [...document.querySelectorAll(texts)].filter(one => one.checkVisibility())
    .map(one => [ink(one), ground(one), one.outerHTML.slice(0, 60)]);
}"""

# Elements that reach beyond so many pixels.
BEYOND = """([selector, width]) => [...document.querySelectorAll(selector)]
  .filter(one => one.checkVisibility() && one.getBoundingClientRect().right > width + .5)
  .map(one => one.outerHTML.slice(0, 90))"""


@pytest.fixture
def look(chromium: Browser, tmp_path: Path) -> Iterator[Open]:
    """Give a function that opens a page; what it asks the network for, or complains of, fails the test."""
    opened = []
    complaints: list[str] = []

    def look_at(html: str, width: int = 1280, scheme: str = "light") -> Page:
        path = tmp_path / "index.html"
        path.write_text(html, encoding="utf-8")
        page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        opened.append(page)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request", lambda asked: complaints.append(asked.url) if asked.url.startswith("http") else None
        )
        page.goto(path.as_uri())
        return page

    yield look_at
    for page in opened:
        page.close()
    assert complaints == []


@pytest.mark.parametrize("name", PAGES)
def test_nothing_reaches_beyond_a_phone(request: pytest.FixtureRequest, look: Open, name: str) -> None:
    page = look(request.getfixturevalue(name), width=390)
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate(BEYOND, ["body *:not(svg *, .wide *)", 390]) == []


def test_tables_scroll_inside_their_box_and_are_reached_by_keyboard(default_page: str, look: Open) -> None:
    page = look(default_page, width=390)
    box = page.locator("[aria-labelledby=table-scores]").first
    assert box.evaluate("one => one.scrollWidth > one.clientWidth")
    box.focus()
    page.keyboard.press("ArrowRight")
    for _ in range(100):  # it scrolls smoothly; the page's policy forbids Playwright's own waiting
        if scrolled := page.evaluate("document.activeElement.scrollLeft"):
            break
        page.wait_for_timeout(20)
    assert scrolled > 0


def test_focus_is_seen(default_page: str, look: Open) -> None:
    page = look(default_page)
    page.keyboard.press("Tab")
    style = "getComputedStyle(document.activeElement)"
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#scores"
    assert page.evaluate(f"{style}.outlineStyle") == "solid"
    assert page.evaluate(f"parseFloat({style}.outlineWidth)") >= 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(odd_page: str, look: Open, scheme: str) -> None:
    """WCAG 2.1 asks for a contrast of 4.5."""
    found = look(odd_page, scheme=scheme).evaluate(COLOURS, TEXTS)
    assert len(found) > 200
    weak = {(kind, text, ground) for text, ground, kind in found if contrast(text, ground) < 4.5}
    assert weak == set()


def test_dark_and_light_differ(default_page: str, look: Open) -> None:
    grounds = "getComputedStyle(document.body).backgroundColor"
    light, dark = (look(default_page, scheme=scheme).evaluate(grounds) for scheme in ("light", "dark"))
    assert luminance(light) > 0.9
    assert luminance(dark) < 0.05


@pytest.mark.parametrize("name", ["default_page", "large_page"])
def test_paper_clips_no_table_and_is_white(request: pytest.FixtureRequest, look: Open, name: str) -> None:
    page = look(request.getfixturevalue(name), width=A4_WIDTH, scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(BEYOND, ["table, svg, figcaption, pre", A4_WIDTH]) == []
    assert luminance(page.evaluate("getComputedStyle(document.body).backgroundColor")) == 1


def test_paper_holds_the_settings_that_a_screen_folds_away(default_page: str, look: Open) -> None:
    page = look(default_page)
    plan = page.get_by_text("plan/train.yaml")
    assert not plan.is_visible()
    page.emulate_media(media="print")
    assert plan.is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_pictures_are_drawn(default_page: str, look: Open) -> None:
    """The policy of the page lets through what stands inside it: pictures, and the maps of correlation."""
    page = look(default_page)
    assert page.evaluate("[...document.images].every(one => one.complete && one.naturalWidth > 0)")
    (width, height) = page.evaluate(
        "(box => [box.width, box.height])(document.querySelector('svg image').getBoundingClientRect())"
    )
    assert min(width, height) > 20


def test_a_screenshot_for_the_documentation(default_page: str, look: Open, tmp_path: Path) -> None:
    """CROSSHASH_SCREENSHOTS=1 writes docs/report.png, of the last run in this checkout if there is one."""
    own = ROOT / "report/index.html"
    wanted = os.environ.get("CROSSHASH_SCREENSHOTS") == "1"
    html = own.read_text(encoding="utf-8") if wanted and own.is_file() else default_page
    target = (ROOT / "docs" if wanted else tmp_path) / "report.png"
    clip = {"x": 0, "y": 0, "width": 1100, "height": 1180}
    look(html, width=1100).screenshot(path=target, clip=clip, full_page=True)  # type: ignore[arg-type]
    assert 10_000 < target.stat().st_size < 300_000


def luminance(colour: str) -> float:
    """Relative luminance of `rgb(r, g, b)` by WCAG 2.1."""
    levels = [int(level) / 255 for level in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in levels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_by_hand() -> None:
    """Black on white is 21; the grey #767676 on white is the last that passes 4.5."""
    assert contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") == pytest.approx(21)
    assert 4.5 < contrast("rgb(118, 118, 118)", "rgb(255, 255, 255)") < 4.6
