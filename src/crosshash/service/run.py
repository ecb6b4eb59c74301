"""The service as a process: an address of its own, a model loaded once, a clean end by Ctrl-C."""

from __future__ import annotations

import ipaddress
import logging
import re
import socket
from contextlib import ExitStack, suppress
from dataclasses import replace

import uvicorn
from fastapi import FastAPI

from crosshash.bundle.sources import Source
from crosshash.errors import CrosshashError
from crosshash.service.access.origins import checked_origin
from crosshash.service.access.request_log import write_to_stdout
from crosshash.service.access.root_path import checked_root_path
from crosshash.service.app import make_app
from crosshash.service.connections import HEADER_BYTES, Connection, seldom
from crosshash.service.live.live import Live
from crosshash.service.live.metrics import at_port
from crosshash.service.service import Settings

SECONDS_TO_FINISH = 5
"""That requests at work are given when the service ends."""

log = logging.getLogger("crosshash.service")


def serve(source: Source, host: str, port: int, settings: Settings) -> None:
    """Load model and index, and answer requests until Ctrl-C or SIGTERM.

    port: 0 takes any free one. To the hosts of `settings`, the address that it listens at is added.

    Raises:
        CrosshashError: the address cannot be had, what is allowed is no name of a host, or the project has no
            model and index that fit together.
    """
    settings = checked(settings)
    listener = bound(host, port)  # before the model, which takes seconds
    with listener:
        live = Live(source)
        app = make_app(live, replace(settings, hosts=[*settings.hosts, own_name(listener)]))
        with ExitStack() as beside:
            if settings.metrics_port is not None:
                registry = app.state.service.metrics.registry
                found = beside.enter_context(at_port(host, settings.metrics_port, registry))
            listen(listener)
            _begin_logs(settings)
            if live.now.opened.warning:
                log.warning("%s", live.now.opened.warning)
            print(f"{address(listener)}  (Ctrl-C ends it)", flush=True)
            if settings.metrics_port is not None:
                print(f"http://{own_name(listener)}:{found}/metrics", flush=True)
            if reaches_others(listener) and not settings.all_by_token:
                log.warning(
                    "other machines can reach this service, and it asks nobody who they are: "
                    "put a server in front that does, or ask for a token (--token-for all). "
                    "It answers to its own address and --allow-host alone"
                )
            server_of(app, settings.max_connections).run([listener])


def checked(settings: Settings) -> Settings:
    """Check what is allowed, before anything is loaded.

    Raises:
        CrosshashError: a host, an origin or the root path is none.
    """
    return replace(
        settings,
        hosts=[host_name(one) for one in settings.hosts],
        origins=[checked_origin(one) for one in settings.origins],
        root_path=checked_root_path(settings.root_path),
    )


def _begin_logs(settings: Settings) -> None:
    logging.basicConfig(format="%(levelname)s: %(message)s")
    log.setLevel(logging.INFO)
    if settings.access_log:
        write_to_stdout()


def server_of(app: FastAPI, most: int | None = None) -> uvicorn.Server:
    """Make the HTTP server that runs an application; most: connections, further ones end."""
    logging.getLogger("uvicorn.error").addFilter(seldom)
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        log_level="warning",
        server_header=False,
        limit_concurrency=most,
        h11_max_incomplete_event_size=HEADER_BYTES,
        timeout_graceful_shutdown=SECONDS_TO_FINISH,
    )
    return uvicorn.Server(config)


def bound(host: str, port: int) -> socket.socket:
    """Take an address.

    Raises:
        CrosshashError: there is no such host here, the port is in use, or it may not be had.
    """
    try:
        family, kind, number, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, number)
    except OSError as error:
        raise CrosshashError(f"--host {host}: is no address ({error.strerror}).") from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(place)
    except OSError as error:
        listener.close()
        raise _taken(f"{host}:{port}", error) from None
    return listener


def listen(listener: socket.socket) -> None:
    """Take connections; two services that start at once, or its metrics, may have been bound to one port.

    Raises:
        CrosshashError: the other was first.
    """
    try:
        listener.listen()
    except OSError as error:
        raise _taken(f"{own_name(listener)}:{listener.getsockname()[1]}", error) from None


def _taken(place: str, error: OSError) -> CrosshashError:
    return CrosshashError(
        f"{place} cannot be had ({error.strerror}). Give a --host of this machine and a free --port, of "
        "which --metrics-port is another; --port 0 takes any."
    )


def reaches_others(listener: socket.socket) -> bool:
    """Say whether other machines may connect."""
    return not ipaddress.ip_address(listener.getsockname()[0]).is_loopback


def host_name(name: str) -> str:
    """Check a name of a host: `search.example.org`, `*.example.org`, an IP address, or `*` for any.

    Raises:
        CrosshashError: it is none.
    """
    with suppress(ValueError):
        return _written(str(ipaddress.ip_address(name.strip("[]"))))
    if not re.fullmatch(r"\*|(\*\.)?[\w-]+(\.[\w-]+)*", name, re.ASCII):
        raise CrosshashError(
            f"--allow-host {name}: is no host name. Give it as it stands in the address, without http:// and "
            "port: search.example.org, *.example.org for all below it, or * for any."
        )
    return name


def own_name(listener: socket.socket) -> str:
    """Give the address that a service listens at, as a client writes it."""
    return _written(listener.getsockname()[0])


def address(listener: socket.socket) -> str:
    """Write where a browser finds the service."""
    return f"http://{own_name(listener)}:{listener.getsockname()[1]}/"


def _written(ip: str) -> str:
    return f"[{ip}]" if ":" in ip else ip
