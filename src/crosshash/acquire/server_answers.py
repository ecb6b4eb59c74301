"""What the answers of a web server mean, and its failures to answer; credentials for it."""

from __future__ import annotations

import socket

import requests
import urllib3
from requests.auth import AuthBase
from urllib3.util import Retry

from crosshash.errors import CrosshashError

TIMEOUT = (20.0, 60.0)
"""Seconds: to get a connection, and between two pieces of an answer."""

LATER = "it may come later"
"""Ends what is said of a transfer that broke off again and again, and of no other failure."""


class Bearer(AuthBase):
    """Sends a token; requests drops it when a redirect leaves the host, and netrc does not replace it."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the token into the request."""
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


class Broken(Exception):  # noqa: N818 - a state, which passes
    """The transfer broke off, and it is worth trying again, at the earliest after `wait` seconds."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


def check_status(answer: requests.Response) -> None:
    """See that the file is coming.

    Raises:
        Broken: the server is busy or ill. CrosshashError: it refuses.
    """
    status = answer.status_code
    if status in (200, 206):
        return
    if status in (408, 425, 429) or status >= 500:
        raise Broken(f"the server answered {status} {answer.reason}", asked_wait(answer))
    known = {401: "credentials are missing or wrong (401)", 403: "access is not allowed (403)"}
    known |= {404: "not found there (404)", 410: "no longer there (410)"}
    raise CrosshashError(known.get(status, f"the server answered {status} {answer.reason}"))


def asked_wait(answer: requests.Response) -> float:
    """Read Retry-After, which holds seconds or a date; 0 without it."""
    try:
        return Retry().parse_retry_after(answer.headers.get("Retry-After", "0"))
    except urllib3.exceptions.InvalidHeader:
        return 0.0


def reason(error: BaseException | None) -> str:
    """Say in own words what went wrong: those of the libraries quote addresses with the secrets in them."""
    chain = []
    while error is not None:
        chain.append(error)
        error = error.__cause__ or error.__context__
    for kind, words in REASONS:
        if any(isinstance(one, kind) for one in chain):
            return words
    return "the connection was cut"


REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (urllib3.exceptions.ProxyError, "the proxy does not answer"),
    (socket.gaierror, "no such host is known (DNS)"),
    (ConnectionRefusedError, "the connection is refused"),
    (urllib3.exceptions.NewConnectionError, "the host cannot be reached"),
    (urllib3.exceptions.ConnectTimeoutError, f"no connection within {TIMEOUT[0]:.0f} s"),
    (urllib3.exceptions.ReadTimeoutError, f"nothing came for {TIMEOUT[1]:.0f} s"),
    (urllib3.exceptions.SSLError, "its certificate or encryption is not accepted"),
)
