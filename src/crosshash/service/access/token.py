"""The bearer token (RFC 6750): a dependency of routes that change something, of all others if so wished."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from crosshash.errors import CrosshashError

SHORTEST = 16
RIGHT = re.compile(r"[A-Za-z0-9._~+/-]+=*")
BEARER = HTTPBearer(
    scheme_name="token", description="What `crosshash serve --token` was given.", auto_error=False
)
Given = Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]


@dataclass(frozen=True)
class Token:
    """What is kept of a token: its sha256, so that no dump or message can show the token itself."""

    digest: bytes = field(repr=False)

    @classmethod
    def of(cls, text: str) -> Token:
        """Take a token.

        Raises:
            CrosshashError: it is too short, or has characters that no header of this kind may have.
        """
        if len(text) < SHORTEST or not RIGHT.fullmatch(text):
            raise CrosshashError(
                f"the token has to be {SHORTEST} or more letters, digits and -._~+/ (= at its end alone): "
                'make one by `python -c "import secrets; print(secrets.token_urlsafe(32))"`.'
            )
        return cls(hashlib.sha256(text.encode()).digest())

    def is_right(self, text: str) -> bool:
        """Compare in a time that tells nothing of the token."""
        return hmac.compare_digest(self.digest, hashlib.sha256(text.encode()).digest())


def read_token(path: Path) -> str:
    """Read the token that a file holds.

    Raises:
        CrosshashError: it cannot be read as text.
    """
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise CrosshashError(f"--token-file {path}: cannot be read as text ({error}).") from None


def needs_token(request: Request, given: Given) -> None:
    """Let in who brings the token: for routes that change something, which are shut where there is none.

    Raises:
        HTTPException: 403, the service has no token; 401, the request brings none, or another.
    """
    token: Token | None = request.app.state.service.token
    if token is None:
        raise HTTPException(403, "this service takes no changes: it was started without --token")
    if given is None:
        raise HTTPException(
            401,
            "send the token: Authorization: Bearer TOKEN",
            {"WWW-Authenticate": 'Bearer realm="crosshash"'},
        )
    if not token.is_right(given.credentials):
        told = 'Bearer realm="crosshash", error="invalid_token"'
        raise HTTPException(401, "this is not the token of the service", {"WWW-Authenticate": told})
