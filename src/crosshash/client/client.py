"""Requests to the search service and what it says to them."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from crosshash.client.answers import (
    Added,
    Card,
    Distance,
    Found,
    Item,
    Refused,
    Task,
    all_found,
    found,
    made,
)
from crosshash.errors import CrosshashError

T = TypeVar("T")
TOKEN = re.compile(r"[!-~]+")


@dataclass(frozen=True)
class Client:
    """A service by its address, with a path where it stands behind a proxy; timeout: seconds of silence."""

    address: str = "http://127.0.0.1:8000/"
    token: str | None = None
    timeout: float = 30

    def search(
        self,
        text: str | None = None,
        picture: bytes | Path | None = None,
        like: str | None = None,
        *,
        weight: float | None = None,
        task: Task | None = None,
        top: int = 10,
        offset: int | None = None,
        labels: Sequence[str] = (),
        distance: Distance | None = None,
    ) -> Found:
        """Find what is nearest to a text, a picture or the item `like`, or to a text beside one of these.

        weight: of that text, 0 to 1. offset: hits to leave out, for pages; labels: only items with any.

        Raises:
            Refused: the service does not answer.
            CrosshashError: it cannot be reached, the picture cannot be read, or an item asks beside it.
        """
        asked: dict[str, object] = {"q": text, "like": like, "weight": weight, "task": task, "top": top}
        asked |= {"offset": offset, "label": list(labels), "distance": distance}
        if picture is not None and like is not None:
            raise CrosshashError("a picture and an item ask at the same time: give one of them.")
        if picture is None:
            return self._told(found, "GET", "search", asked)
        return self._told(found, "POST", "search", asked, *_picture(picture))

    def search_several(
        self,
        texts: Sequence[str],
        *,
        task: Task | None = None,
        top: int = 10,
        offset: int | None = None,
        labels: Sequence[str] = (),
        distance: Distance | None = None,
    ) -> list[Found]:
        """Find what is nearest to each of several texts, in one request; all answers are of one state.

        Raises:
            Refused: the service does not answer one of them.
            CrosshashError: it cannot be reached.
        """
        queries = [{"text": text} for text in texts]
        asked: dict[str, object] = {"queries": queries, "top": top, "labels": list(labels)}
        more = {"task": task, "offset": offset, "distance": distance}
        asked |= {name: value for name, value in more.items() if value is not None}
        body = json.dumps(asked).encode()
        return self._told(all_found, "POST", "search/batch", {}, body, "application/json")

    def item(self, item: str) -> Item:
        """Give what is known of an item.

        Raises:
            Refused: there is none of that id (404), or the service does not answer.
            CrosshashError: it cannot be reached.
        """
        return self._told(partial(made, Item), "GET", _place(item))

    def picture(self, item: str) -> bytes:
        """Give the picture of an item, JPEG.

        Raises:
            Refused: there is none (404), or the service does not answer.
            CrosshashError: it cannot be reached.
        """
        return self._sent("GET", "picture", {"id": item})

    def add(
        self,
        picture: bytes | Path | None = None,
        *,
        id: str | None = None,  # noqa: A002 - as the service calls it
        captions: Sequence[str] = (),
        labels: Sequence[str] = (),
        replace: bool = False,
    ) -> Added:
        """Add a picture, captions or both as an item, which is searched when this returns.

        id: without one it is made of the content; replace: an item of that id that is there.

        Raises:
            Refused: no token or another one (401), none at all (403), another item of the id (409), no
                picture (422), the service's disk is full (507), or it does not answer.
            CrosshashError: it cannot be reached, or the picture cannot be read.
        """
        asked = {"id": id, "caption": list(captions), "label": list(labels), "replace": replace or None}
        content = (None, None) if picture is None else _picture(picture)
        return self._told(partial(made, Added), "POST", "items", asked, *content)

    def remove(self, item: str) -> None:
        """Take an item out; no search finds it when this returns.

        Raises:
            Refused: there is none of that id (404), or as `add`.
            CrosshashError: it cannot be reached.
        """
        self._sent("DELETE", _place(item))

    def card(self) -> Card:
        """Tell what the service searches.

        Raises:
            Refused: it does not answer.
            CrosshashError: it cannot be reached.
        """
        return self._told(partial(made, Card), "GET", "card")

    def is_ready(self) -> bool:
        """Say whether the service can be reached and answers queries."""
        try:
            self._sent("GET", "readyz")
        except CrosshashError:
            return False
        return True

    def _told(
        self,
        read: Callable[[Any], T],
        method: str,
        path: str,
        asked: Mapping[str, object] | None = None,
        body: bytes | None = None,
        kind: str | None = None,
    ) -> T:
        """Send a request and read the JSON of its answer."""
        content = self._sent(method, path, asked, body, kind)
        try:
            return read(json.loads(content))
        except (ValueError, KeyError, TypeError):
            raise CrosshashError(
                f"{self.address}: what answers there is no search service of this version of crosshash."
            ) from None

    def _sent(
        self,
        method: str,
        path: str,
        asked: Mapping[str, object] | None = None,
        body: bytes | None = None,
        kind: str | None = None,
    ) -> bytes:
        """Send a request on a connection of its own; gives the body of the answer."""
        place = _taken_apart(self.address)
        words = urlencode({name: one for name, one in (asked or {}).items() if one is not None}, doseq=True)
        address = f"{place.path.rstrip('/')}/{path}{'?' if words else ''}{words}"
        headers = {} if kind is None else {"Content-Type": kind}
        if self.token is not None:
            if not TOKEN.fullmatch(self.token):
                raise CrosshashError("the token has characters that no token of a service has.")
            headers["Authorization"] = f"Bearer {self.token}"
        secure = place.scheme == "https"
        kinds = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kinds(str(place.hostname), place.port, timeout=self.timeout)
        try:
            connection.request(method, address, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise CrosshashError(
                f"{self.address}: the service cannot be reached, or hung up ({error})."
            ) from None
        finally:
            connection.close()
        if answer.status >= 300:
            after = answer.getheader("Retry-After", "")
            raise Refused(answer.status, _reason(content), int(after) if after.isdecimal() else None)
        return content


def _taken_apart(address: str) -> SplitResult:
    """Take the address of a service apart.

    Raises:
        CrosshashError: it is none.
    """
    with suppress(ValueError):  # a port that is no number, or too large a one, brackets without end
        place = urlsplit(address)
        if place.scheme in ("http", "https") and place.hostname and place.port != 0:
            return place
    raise CrosshashError(f"{address}: is no address of a service; write http://HOST:PORT/.")


def _place(item: str) -> str:
    return f"items/{quote(item, safe='/')}"


def _picture(picture: bytes | Path) -> tuple[bytes, str]:
    """Give the bytes of a picture; the service looks at them, not at the type that is announced."""
    if isinstance(picture, bytes):
        return picture, "image/*"
    try:
        return picture.read_bytes(), "image/*"
    except OSError as error:
        raise CrosshashError(f"{picture}: cannot be read ({error.strerror}).") from None


def _reason(content: bytes) -> str:
    try:
        return str(json.loads(content)["detail"])
    except (ValueError, KeyError, TypeError):
        return content[:200].decode("utf-8", "replace").strip() or "no reason is given"
