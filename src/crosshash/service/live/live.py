"""The state that answers, and how a newer one takes its place once it was loaded and asked."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock
from typing import Literal

from crosshash.bundle.sources import Source
from crosshash.errors import CrosshashError
from crosshash.service.live.files import digest, look
from crosshash.service.live.state import State
from crosshash.stores.contract import StoreError

Result = Literal["same", "taken", "refused", "again"]
"""again: the files changed meanwhile, or something else than they was in the way."""

SHOWN = 12
PASSING = (OSError, MemoryError, StoreError)

log = logging.getLogger("crosshash.service")


class Live:
    """What is searched: `now`, which is read once for each batch, so that an answer is of one state.

    counted: is told how each attempt to take up newer files ended.
    """

    def __init__(self, source: Source, counted: Callable[[Result], object] = lambda _: None) -> None:
        """Load what is there now.

        Raises:
            CrosshashError: it cannot be served.
        """
        self.source = source
        self.counted = counted
        self.lock = Lock()
        self.refused: str | None = None
        try:
            self.seen = look(source.files())
            self.now = State(source.open(None))
            self.now.warm()
            self.digest = digest(source.files())
            if look(source.files()) != self.seen:  # they are compared anew at the first look
                self.digest = ""
        except OSError as error:
            raise CrosshashError(f"{error.filename}: cannot be read ({error.strerror}).") from None

    def refresh(self) -> Result:
        """Take up the files that are there, unless they are those that are served.

        Raises nothing: what cannot be loaded is refused, with one line in the log, and the old state goes on.
        """
        with self.lock:
            result = self._refresh()
        if result in ("taken", "refused"):
            self.counted(result)
        return result

    def _refresh(self) -> Result:
        before = look(self.source.files())
        try:
            found = digest(self.source.files())
            if found == self.digest:
                self.refused = None
                return "same"
            state = State(self.source.open(self.now.searcher))
            state.warm()
        except Exception as error:
            if look(self.source.files()) != before:
                return "again"
            self._refuse(error)
            return "again" if isinstance(error, PASSING) else "refused"
        if look(self.source.files()) != before:  # it may be of the old and the new ones
            return "again"
        self.now, self.digest, self.refused, self.seen = state, found, None, before
        log.info("took up model %s, index %s", state.model[:SHOWN], (state.index or "in a store")[:SHOWN])
        return "taken"

    def _refuse(self, error: Exception) -> None:
        """Say why newer files are not taken up, once for each reason."""
        reason = str(error) if isinstance(error, CrosshashError) else f"{type(error).__name__}: {error}"
        if reason != self.refused:
            log.error("not taken up, the files of before stay in use: %s", reason)
        self.refused = reason
