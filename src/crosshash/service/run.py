"""The service as a process: an address of its own, a model loaded once, a clean end by Ctrl-C."""

from __future__ import annotations

import ipaddress
import logging
import re
import socket
from contextlib import suppress
from dataclasses import replace

import uvicorn
from fastapi import FastAPI

from crosshash.bundle.sources import Source
from crosshash.errors import CrosshashError
from crosshash.service.app import make_app
from crosshash.service.connections import Connection, seldom
from crosshash.service.live.live import Live
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
    names = [host_name(one) for one in settings.hosts]
    listener = bound(host, port)  # before the model, which takes seconds
    with listener:
        live = Live(source)
        app = make_app(live, replace(settings, hosts=[*names, own_name(listener)]))
        listener.listen()
        logging.basicConfig(format="%(levelname)s: %(message)s")
        log.setLevel(logging.INFO)
        if live.now.opened.warning:
            log.warning("%s", live.now.opened.warning)
        print(f"{address(listener)}  (Ctrl-C ends it)", flush=True)
        if reaches_others(listener):
            log.warning(
                "other machines can reach this service, and it asks nobody who they are: "
                "put a server in front that does. It answers to its own address and --allow-host alone"
            )
        server_of(app).run([listener])


def server_of(app: FastAPI) -> uvicorn.Server:
    """Make the HTTP server that runs an application; it writes no line per request."""
    logging.getLogger("uvicorn.error").addFilter(seldom)
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        log_level="warning",
        server_header=False,
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
        raise CrosshashError(
            f"{host}:{port} cannot be had ({error.strerror}). Give a --host of this machine and a free "
            "--port; --port 0 takes any."
        ) from None
    return listener


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
