"""The transfer of one file over HTTP, which goes on where an earlier one broke off."""

from __future__ import annotations

import json
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import requests
import urllib3
from requests.auth import AuthBase

from crosshash.acquire.server_answers import LATER, TIMEOUT, Broken, check_status, reason
from crosshash.artifacts import write_text
from crosshash.errors import CrosshashError

log = logging.getLogger(__name__)

LONGEST_WAIT = 120.0
"""Seconds: a server that asks for more (Retry-After) is asked again after these."""
BLOCK = 1 << 20

Advance = Callable[[int, int | None], None]


class Stopped(Exception):  # noqa: N818 - not an error: somebody else wants the end
    """The transfer was told to stop."""


@dataclass(frozen=True)
class Begun:
    """What the server said about the file of which a part is there; kept beside the part.

    etag, modified: its version and date. size: in bytes. None: it was not said.
    """

    url: str
    etag: str | None
    modified: str | None
    size: int | None

    @property
    def validator(self) -> str | None:
        """What tells for sure that the file is still the same: a weak ETag does not."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified


class ResumingDownloader:
    """Downloader for pooch: brings `url` to a file by way of a `.part` file that outlives a broken process.

    part: where the bytes gather; beside it `<part>.json` says what they are of. size: what the file must
    have, if known. checked: whether a checksum will tell if the pieces do not fit together. waits: seconds
    before each new try; getting further than ever makes it start from the first again. resumed: whether some
    of the bytes came in an earlier answer.
    """

    def __init__(
        self,
        part: Path,
        size: int | None,
        checked: bool,
        auth: AuthBase | None,
        waits: Sequence[float],
        stop: threading.Event,
        advance: Advance,
    ) -> None:
        self.part = part
        self.note = part.with_name(f"{part.name}.json")
        self.size = size
        self.checked = checked
        self.auth = auth
        self.waits = waits
        self.stop = stop
        self.advance = advance
        self.resumed = False

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        """Fetch the file and give it the name `output_file`.

        Raises:
            CrosshashError: the server refuses, or it broke off as often as there are waits without getting
                further, or the disk cannot be written; the message holds neither credentials nor address.
            Stopped: as told.
        """
        with requests.Session() as session:
            self.persist(session, url)
        try:
            os.unlink(output_file)
            os.link(self.part, output_file)  # the part stays, should pooch be stopped before it is done
        except OSError:
            os.replace(self.part, output_file)

    def persist(self, session: requests.Session, url: str) -> None:
        """Try again until the part is the whole file.

        urllib3.Retry repeats requests, not a body that breaks off, and nothing ends its waits.
        """
        failures, furthest = 0, self.length()
        while True:
            try:
                self.attempt(session, url)
                return
            except Broken as broken:
                if self.length() > furthest:  # not than the last time: a server without ranges starts anew
                    failures, furthest = 0, self.length()
                if failures == len(self.waits):
                    raise CrosshashError(f"{broken}, {failures + 1} times; {LATER}") from None
                wait = max(self.waits[failures], min(broken.wait, LONGEST_WAIT))
                failures += 1
                log.info("%s: %s; again in %.1f s", self.part.stem, broken, wait)
            if self.stop.wait(wait):
                raise Stopped

    def attempt(self, session: requests.Session, url: str) -> None:
        """Ask for what is missing, and take it in."""
        begun = self.begun(url)
        have = self.length() if begun else 0
        if begun and have == begun.size:
            return
        if begun and begun.validator is None and not self.checked:
            have = 0  # nothing would tell a changed file
        headers = {"Accept-Encoding": "identity"}  # a packed answer could not be continued
        if begun and have:
            headers["Range"] = f"bytes={have}-"
            headers |= {"If-Range": begun.validator} if begun.validator else {}
        try:
            with session.get(url, headers=headers, auth=self.auth, stream=True, timeout=TIMEOUT) as answer:
                if answer.status_code == 416 and have:
                    self.refused_range(answer, have)
                    return
                check_status(answer)
                if begun and have and answer.status_code == 206:
                    self.check_range(answer, begun, have)
                    self.resumed = True
                else:
                    begun, have = self.begin(url, answer), 0
                self.take(answer, have, begun.size)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            if isinstance(error, ValueError | requests.TooManyRedirects):
                raise CrosshashError(
                    f"address or credentials cannot be used ({type(error).__name__})"
                ) from None
            raise Broken(reason(error)) from None

    def begin(self, url: str, answer: requests.Response) -> Begun:
        """Forget what is there, for the whole file is coming."""
        said = answer.headers.get("Content-Length")
        size = int(said) if said and said.isdigit() else None
        if self.size is not None and size not in (None, self.size):
            raise CrosshashError(f"has {size:,} bytes there, {self.size:,} expected")
        begun = Begun(url, answer.headers.get("ETag"), answer.headers.get("Last-Modified"), size)
        self.discard()
        write_text(self.note, json.dumps(asdict(begun)))
        return begun

    def check_range(self, answer: requests.Response, begun: Begun, have: int) -> None:
        """See that what is coming continues what is there."""
        said = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
        other_size = said and said[2] != "*" and begun.size is not None and int(said[2]) != begun.size
        pairs = (
            (begun.etag, answer.headers.get("ETag")),
            (begun.modified, answer.headers.get("Last-Modified")),
        )
        other = any(old is not None and new not in (None, old) for old, new in pairs)
        if not said or int(said[1]) != have or other_size or other:
            self.discard()
            raise Broken("the file has changed on the server meanwhile")

    def refused_range(self, answer: requests.Response, have: int) -> None:
        """Take the part for whole if the server says that there is no more, else start anew."""
        if answer.headers.get("Content-Range") != f"bytes */{have}":
            self.discard()
            raise Broken("the server has no such part of the file")

    def take(self, answer: requests.Response, have: int, size: int | None) -> None:
        """Append the body to the part.

        Bytes are taken as they come (no gzip undone, no waiting for a full block), so that what a broken
        connection brought is kept.
        """
        with _writing(self.part), self.part.open("ab", buffering=0) as file:
            while block := _next_block(answer):
                if self.stop.is_set():
                    raise Stopped
                rest = memoryview(block)
                while rest:
                    rest = rest[file.write(rest) :]
                have += len(block)
                self.advance(have, size)
        if size is not None and have != size:
            raise Broken(f"the connection was cut after {have:,} of {size:,} bytes")
        if self.size is not None and have != self.size:
            self.discard()
            raise CrosshashError(f"has {have:,} bytes there, {self.size:,} expected")

    def begun(self, url: str) -> Begun | None:
        """Read what the part is of; None if it is not known, or another address."""
        try:
            begun = Begun(**json.loads(self.note.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return begun if begun.url == url else None

    def length(self) -> int:
        """Count the bytes that are there."""
        return self.part.stat().st_size if self.part.exists() else 0

    def discard(self) -> None:
        """Remove the part and its note."""
        for path in (self.note, self.part):
            with suppress(FileNotFoundError):
                path.unlink()


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn the refusal to write the part into a clear error; errors of the network pass."""
    try:
        yield
    except (requests.RequestException, urllib3.exceptions.HTTPError):
        raise
    except OSError as error:
        raise CrosshashError(
            f"{path}: cannot be written ({error.strerror or error}). Free disk space; what is there is kept"
        ) from None


def _next_block(answer: requests.Response) -> bytes:
    """Read what has come; empty at the end."""
    block: bytes = answer.raw.read1(BLOCK, decode_content=False)
    return block
