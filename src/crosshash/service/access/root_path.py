"""The path under which another server shows this one: https://example.org/photos/."""

from __future__ import annotations

import re

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from crosshash.errors import CrosshashError

OWN = (
    "search",
    "items",
    "page",
    "picture",
    "healthz",
    "readyz",
    "card",
    "metrics",
    "docs",
    "openapi.json",
)


def checked_root_path(text: str) -> str:
    """Check a root path: `/photos`, without a slash at its end; empty for none.

    Raises:
        CrosshashError: it is none, or begins like an address of the service.
    """
    path = text.rstrip("/")
    if not path:
        return ""
    if not re.fullmatch(r"(/[\w.~-]+)+", path, re.ASCII) or {".", ".."} & set(path.split("/")):
        raise CrosshashError(f"--root-path {text}: is no path. Give it as it stands in the address: /photos.")
    if path.split("/")[1] in OWN:
        raise CrosshashError(
            f"--root-path {text}: begins like an address of the service. Choose another one."
        )
    return path


class UnderPath:
    """ASGI middleware: takes addresses below a path, whether the server in front cut it off or not."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self.app = app
        self.path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; the page of the path itself is below it, since its addresses are relative."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["path"] == self.path:
            asked = scope["query_string"].decode("latin-1")  # words and items stand there
            place = f"{self.path}/?{asked}" if asked else f"{self.path}/"
            await RedirectResponse(place, 308)(scope, receive, send)
        else:
            below = scope["path"].startswith(f"{self.path}/")
            path = scope["path"] if below else self.path + scope["path"]
            await self.app({**scope, "root_path": self.path, "path": path}, receive, send)
