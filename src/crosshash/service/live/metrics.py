"""/metrics, among the other addresses or at a port of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    generate_latest,
    start_http_server,
)

from crosshash.errors import CrosshashError
from crosshash.service.refusals import refusals
from crosshash.service.service import service_of

router = APIRouter(responses=refusals(503))


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
    summary="Counters for Prometheus",
)
async def metrics(request: Request) -> Response:
    """Requests by route and status, their times, batch sizes, the queue."""
    return Response(generate_latest(service_of(request).metrics.registry), media_type=CONTENT_TYPE_LATEST)


@contextmanager
def at_port(host: str, port: int, registry: CollectorRegistry) -> Iterator[int]:
    """Show metrics at a port as long as this is open, 0: any free one; gives the port.

    Raises:
        CrosshashError: it cannot be had.
    """
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise CrosshashError(
            f"--metrics-port {port}: cannot be had ({error.strerror}). Give a free one; 0 takes any."
        ) from None
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
