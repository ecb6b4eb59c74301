"""One loaded state: a model with its index and their card; nothing in it changes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property

from PIL import Image

from crosshash.bundle.opening import Opened
from crosshash.retrieval.codefiles.codeset import TASKS
from crosshash.search import Searcher
from crosshash.search.stored import StoredIndex
from crosshash.service.live.card import Card, Score

SIDE = 64
WARMING = "a picture"


@dataclass(frozen=True)
class State:
    """What answers a batch as a whole; whoever needs several parts of it takes it once."""

    opened: Opened

    @property
    def searcher(self) -> Searcher:
        """The model and its index."""
        return self.opened.searcher

    @cached_property
    def model(self) -> str:
        """Digest of all that makes codes: networks, transform, bits."""
        digest: str = self.searcher.encoder.description["digest"]
        return digest

    @cached_property
    def index(self) -> str | None:
        """Digest of the files of codes and items; None of a store, which changes by itself."""
        found = self.searcher.index
        return None if isinstance(found, StoredIndex) else found.digest

    @property
    def card(self) -> Card:
        """What people and programs are told of it."""
        searcher = self.searcher
        return Card(
            method=searcher.method,
            dataset=searcher.dataset,
            bits=searcher.bits,
            distance=searcher.distance,
            items=searcher.counts,
            scores={task: Score(**one) for task, one in self.opened.scores.items()},
            warning=self.opened.warning,
            model=self.model,
            index=self.index,
        )

    def warm(self) -> None:
        """Ask once in each way, so that no client waits for what is loaded by the first question.

        Raises:
            Exception: whatever a model or an index raises that cannot answer.
        """
        searcher = self.searcher
        if not searcher.encoder.reads_vectors("text"):
            words = searcher.encoder.facts.vocabulary or (WARMING,)
            _ask(searcher, "t2i", text=words[0])
        if searcher.of_pictures:
            _ask(searcher, "i2t", picture=_grey())
        searcher.labels  # noqa: B018 - gone through once, where the table is large


def _ask(searcher: Searcher, task: str, text: str = "", picture: bytes = b"") -> None:
    encoded = searcher.encode_texts([text]) if text else searcher.encode_pictures([picture])
    if searcher.counts[TASKS[task][1]]:
        searcher.find(encoded, task, 1)


def _grey() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), "grey").save(file, "JPEG")
    return file.getvalue()
