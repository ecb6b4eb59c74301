"""The system's Chromium for tests of pages; without it they are skipped, and the summary says so."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    "no Chromium on this machine: what pages look like and do was NOT tested. Install it "
    "(Debian, Ubuntu: apt-get install chromium), or set CROSSHASH_CHROMIUM to its path."
)

# As root, and in containers, its sandbox cannot start; the tests open pages of their own only. Each window of
# Debian's Chromium 156 renders two pages below its address bar, which nobody sees: half a second of CPU.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup"]


def chromium_path() -> str | None:
    """Where the browser is, if there is one."""
    return os.environ.get("CROSSHASH_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless browser; close what you open in it.

    Of one module: as long as it runs, asyncio finds a running loop in this thread.
    """
    path = chromium_path()
    if path is None:
        pytest.skip(MISSING)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()
