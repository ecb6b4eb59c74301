"""The real service over the small trained project, on a free port of this machine."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pandas as pd
import pytest
import uvicorn
from fastapi import FastAPI

from crosshash.bundle.opening import Opened
from crosshash.search import Searcher
from crosshash.service.app import make_app
from crosshash.service.live.live import Live
from crosshash.service.run import address, bound, server_of
from crosshash.service.service import Service, Settings

HOSTILE = '<img src=x onerror="document.title=\'taken over\'"> & "so on"'


@dataclass(frozen=True)
class Running:
    """A service that answers, and its insides."""

    base: str
    app: FastAPI
    client: httpx.Client
    server: uvicorn.Server

    @property
    def service(self) -> Service:
        service: Service = self.app.state.service
        return service

    @property
    def searcher(self) -> Searcher:
        return self.service.searcher


@dataclass(frozen=True)
class Fixed:
    """A source in which nothing changes."""

    opened: Opened

    def files(self) -> list[Path]:
        return []

    def open(self, before: Searcher | None) -> Opened:
        return self.opened


@contextmanager
def running(
    searcher: Searcher | Live,
    upload_mb: float = 10,
    hosts: Sequence[str] = (),
    settings: Settings | None = None,
) -> Iterator[Running]:
    """Serve from a thread; settings: all of them, in place of those before."""
    live = searcher if isinstance(searcher, Live) else Live(Fixed(Opened(searcher)))
    app = make_app(live, settings or Settings(upload_mb, hosts))
    server = server_of(app, settings.max_connections if settings else None)
    with bound("127.0.0.1", 0) as listener:
        listener.listen()
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        base = address(listener)
        try:
            with httpx.Client(base_url=base, timeout=60, trust_env=False) as client:
                client.get("healthz").raise_for_status()
                yield Running(base, app, client, server)
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="session")
def project(trained_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the trained project in which the caption of one item is hostile."""
    copy = tmp_path_factory.mktemp("service") / "project"
    for name in ("artifacts", "plan", "data"):
        shutil.copytree(trained_project / name, copy / name)
    path = copy / "artifacts" / "index" / "items.parquet"
    items = pd.read_parquet(path)
    items.loc[0, "caption"] = HOSTILE
    items.to_parquet(path)
    return copy


@pytest.fixture(scope="session")
def searcher(project: Path) -> Searcher:
    return Searcher.open(project)


@pytest.fixture(scope="session")
def service(searcher: Searcher) -> Iterator[Running]:
    with running(searcher) as started:
        yield started
