"""The search service as an ASGI application: `make_app` puts its parts together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from crosshash import __version__
from crosshash.bundle.sources import ProjectSource
from crosshash.errors import CrosshashError
from crosshash.service import connections, pages, routes
from crosshash.service.access.origins import let_in
from crosshash.service.access.request_log import RequestLog
from crosshash.service.access.root_path import UnderPath
from crosshash.service.access.token import needs_token
from crosshash.service.answers import Answer, answer_by
from crosshash.service.batches import Batches, BusyError, Query
from crosshash.service.live import health, metrics
from crosshash.service.live.live import Live
from crosshash.service.live.watch import watching
from crosshash.service.measured import Measured, Metrics
from crosshash.service.refusals import refusals, refused
from crosshash.service.searches import several, single
from crosshash.service.service import Service, Settings
from crosshash.service.unread import Unread
from crosshash.service.uploads import Room
from crosshash.stores.contract import StoreError

BATCH = 32
"""Queries encoded and searched together at most."""

LONGEST_QUEUE = 512
"""Queries that may wait; with more, clients are told to come back."""

UPLOADS = 256e6
"""Bytes of uploads that are held at the same time."""

DECODERS = 2
"""Uploads decoded at the same time; one of them may take a few hundred MB."""

DISCARDED = 16
"""How many times the limit is read of a body that is refused."""

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")

log = logging.getLogger("crosshash.service")


def make_app(live: Live, settings: Settings) -> FastAPI:
    """Make the service over a model and its index, which newer ones may replace."""
    counted = Metrics()
    live.counted = lambda result: counted.reloads.labels(result).inc()

    def answers(queries: Sequence[Query]) -> list[Answer | Exception]:
        return answer_by(live.now, queries)

    batches = Batches(answers, BATCH, LONGEST_QUEUE, counted.batch.observe)
    counted.queue.set_function(batches.__len__)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        asyncio.get_running_loop().set_exception_handler(connections.failed)
        with watching(live, settings.reload_seconds):
            async with batches.working():
                yield

    app = FastAPI(
        title="crosshash",
        version=__version__,
        description="Finds the images nearest to a text, and the texts nearest to an image, by hash code.",
        docs_url=None,  # FastAPI's own page takes its scripts from the net
        redoc_url=None,
        redirect_slashes=False,  # an answer that nothing describes
        lifespan=lifespan,
    )
    largest = int(settings.upload_mb * 1e6)
    room, decoders = Room(max(int(UPLOADS), largest)), asyncio.Semaphore(DECODERS)
    app.state.service = Service(live, batches, room, counted, largest, decoders, settings.token)
    _add_routes(app, live, settings)
    let_in(app, settings.origins)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK, *settings.hosts], www_redirect=False)
    app.add_middleware(Unread, most=DISCARDED * largest)
    app.add_middleware(Measured, metrics=counted)
    app.add_middleware(_head_as_get)
    if settings.root_path:
        app.add_middleware(UnderPath, path=settings.root_path)
    app.add_middleware(RequestLog)  # the last one is the outermost
    app.add_exception_handler(405, _other_method)
    app.exception_handler(RequestValidationError)(_not_valid)
    app.add_exception_handler(CrosshashError, _unanswerable)
    app.add_exception_handler(StoreError, _store_gone)
    app.add_exception_handler(BusyError, _busy)
    app.add_exception_handler(ClientDisconnect, _gone)
    return app


def _add_routes(app: FastAPI, live: Live, settings: Settings) -> None:
    """Let routes that tell of items need the token if so wished; who asks for health has none."""
    needed = [Depends(needs_token)] if settings.all_by_token else []
    refuse = refusals(401) if settings.all_by_token else None
    counters = [metrics] if settings.metrics_port is None else []
    for part in (single, several, routes, *counters):
        app.include_router(part.router, dependencies=needed, responses=refuse)
    if isinstance(live.source, ProjectSource) and live.source.grows:
        from crosshash.service import changes  # torch, which a bundle lacks

        app.include_router(changes.router)
    app.include_router(pages.router, dependencies=needed)
    app.include_router(health.router)


def _head_as_get(app: ASGIApp) -> ASGIApp:
    """Answer HEAD as GET; the server leaves the body out."""

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        asked = {**scope, "method": "GET"} if scope.get("method") == "HEAD" else scope
        await app(asked, receive, send)

    return answered


async def _other_method(request: Request, _: Exception) -> JSONResponse:
    """Name all methods of an address; the framework names those of its first route."""
    path = request.scope["route"].path_format
    methods = {"HEAD", *(name.upper() for name in request.app.openapi()["paths"].get(path, {"get": None}))}
    return refused(405, "this address takes another method", Allow=", ".join(sorted(methods)))


async def _not_valid(_: Request, error: RequestValidationError) -> JSONResponse:
    """Name each parameter and what is wrong with it, in one line."""
    problems = [f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in error.errors()]
    return refused(422, "; ".join(problems))


async def _unanswerable(_: Request, error: Exception) -> JSONResponse:
    """Say what is wrong with a query: files are read at the start alone, so that none is named here."""
    return refused(422, str(error))


async def _store_gone(_: Request, error: Exception) -> JSONResponse:
    """Come back later; what the store said, and where it is, is for the log."""
    log.error("%s", error)
    reason = "the store that holds the codes does not answer; try again in a second"
    return refused(503, reason, **{"Retry-After": "1"})


async def _busy(_: Request, __: Exception) -> JSONResponse:
    return refused(503, "too many requests are waiting; try again in a second", **{"Retry-After": "1"})


async def _gone(_: Request, __: Exception) -> JSONResponse:
    """Answer a client that no longer listens; the number stands in the metrics."""
    return refused(499, "the client hung up")
