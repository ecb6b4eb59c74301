"""A service behind another one, for pages of two other addresses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crosshash.search import Searcher
from crosshash.service.service import Settings
from tests.service.conftest import Running, running

ORIGIN = "https://photos.example.org"


@pytest.fixture(scope="package")
def behind(searcher: Searcher) -> Iterator[Running]:
    settings = Settings(origins=[ORIGIN, "http://localhost:3000"], root_path="/photos", metrics_port=0)
    with running(searcher, settings=settings) as started:
        yield started
