"""A model with its index, loaded once and shared by threads: encodes queries, finds and shows items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from crosshash.codes.real_codes import DISTANCES, Distance
from crosshash.config.plans.base import read_plan
from crosshash.config.plans.convert import ConvertPlan
from crosshash.errors import CrosshashError
from crosshash.retrieval.codefiles.codeset import TASKS, Modality
from crosshash.search.encoder import Encoded, Encoder
from crosshash.search.folders.index_folder import COLLECTION, IndexFolder, index_folder, read_index
from crosshash.search.folders.made_by import OtherModel, StaleCollection
from crosshash.search.item_groups import Items
from crosshash.search.items import PICTURE, Hit, Item
from crosshash.search.nearest import nearest, own_distance
from crosshash.search.page import REACH, check_page, page_of
from crosshash.search.stored import StoredIndex, StoredItems, open_store
from crosshash.shards.stored_pictures import ShardPictures

if TYPE_CHECKING:
    from crosshash.search.trained import TrainedEncoder

RELOAD = (
    "Load it again: call `crosshash.load` anew, or start the command or the service again, once `dvc repro` "
    "has ended."
)
EMPTY = "the query is empty: write what you look for"


@dataclass(frozen=True)
class Searcher:
    """A trained model and one index: files, in which nothing changes, or a store."""

    encoder: Encoder
    index: IndexFolder | StoredIndex
    shards: ShardPictures

    @classmethod
    def open(
        cls,
        project: Path,
        index: Path | None = None,
        store: str | None = None,
        before: Searcher | None = None,
        mapped: bool = True,
    ) -> Searcher:
        """Load the model and the index of a project's folder.

        index: folder of an index or of a collection; without it, `collection/` of the project where there is
        one, else `artifacts/index`. store: address of a store to search instead (docs/stores.md). before:
        what was opened earlier, whose model is used again where it is still the one on disk. mapped: as of
        `CodeIndex.load`.

        Raises:
            CrosshashError: a file is missing or cut, or the index was made by another model than the present
                one, for other bits, or from another index than the present one.
        """
        from crosshash.search.trained import load_encoder  # torch takes seconds, and a bundle has none

        encoder = load_encoder(project, before=None if before is None else before.encoder)
        if store is None:
            return cls.over(encoder, project, index, mapped)
        dataset = read_plan("convert", ConvertPlan, project / "plan").dataset
        shards = ShardPictures(project / "data" / dataset)
        return cls.over_store(encoder, store, dataset, project / COLLECTION, shards)

    @classmethod
    def over_store(
        cls, encoder: Encoder, store: str, dataset: str, collection: Path, shards: ShardPictures
    ) -> Searcher:
        """Search a store with a model that is loaded already; collection: folder of own pictures.

        Raises:
            CrosshashError: the model stores vectors, or the store cannot be opened or is of another model.
        """
        if encoder.vector_code is not None:
            raise CrosshashError(
                f"this model stores vectors ({encoder.vector_code.kind}), which no other store compares."
            )
        return cls(encoder, open_store(store, encoder.description, collection, dataset), shards)

    @classmethod
    def over(
        cls, encoder: TrainedEncoder, project: Path, index: Path | None = None, mapped: bool = True
    ) -> Searcher:
        """Do the same with a model that is loaded already.

        Raises:
            CrosshashError: as `open`, or the model's files have changed since it was loaded, and the index
                is one of the model that stands there now.
        """
        try:
            found = read_index(project, index_folder(project, index), encoder.description, mapped)
        except OtherModel as error:
            if not encoder.is_on_disk():
                raise CrosshashError(
                    f"{error.finding}, and {encoder.artifacts / 'model'} has changed since the latter was "
                    f"loaded. {RELOAD}"
                ) from None
            if not isinstance(error, StaleCollection):
                raise
            raise CrosshashError(
                f"{error} The index of the run can be searched: --index artifacts/index."
            ) from None
        return cls(encoder, found, ShardPictures(project / "data" / found.dataset))

    @property
    def bits(self) -> int:
        """Length of the codes."""
        return self.encoder.bits

    @property
    def method(self) -> str:
        """Name of the method."""
        return self.encoder.facts.method

    @property
    def dataset(self) -> str:
        """Name of the data set whose items were indexed first."""
        return self.index.dataset

    @property
    def counts(self) -> dict[str, int]:
        """How many items can be found by their image, and by their text."""
        return {modality: len(index) for modality, index in self.index.codes.items()}

    @property
    def distance(self) -> Distance | None:
        """By which distance is searched where nobody says so; None: in the two stages of a quantiser."""
        return own_distance(self.index)

    @property
    def labels(self) -> list[str]:
        """All labels that a search can be narrowed to, sorted."""
        return self._items.labels

    @property
    def of_pictures(self) -> bool:
        """Say whether images are pictures, not vectors of them."""
        return not self.encoder.reads_vectors("image")

    def encode_texts(self, texts: Sequence[str]) -> Encoded:
        """Encode captions.

        Raises:
            CrosshashError: no text, an empty one, one without any known word, or a model of text vectors.
        """
        self.check_texts(texts)
        return self.encoder.texts(texts)

    def encode_pictures(self, pictures: Sequence[bytes]) -> Encoded:
        """Encode the contents of picture files of any kind.

        Raises:
            BadPicture: one of them is none, or too large.
            CrosshashError: no picture, or a model of image vectors.
        """
        return self.encoder.pictures(pictures)

    def check_texts(self, texts: Sequence[str]) -> None:
        """Refuse texts that `encode_texts` would refuse, without encoding.

        Raises:
            CrosshashError: as there.
        """
        if len(texts) == 1 and not texts[0].strip():
            raise CrosshashError(EMPTY)
        self.encoder.check_texts(texts)
        self.encoder.check_words(texts)

    def clean_picture(self, data: bytes) -> bytes:
        """Decode the content of a picture file safely; give the small JPEG that `encode_pictures` sees.

        Raises:
            BadPicture: it is none, or too large.
        """
        return self.encoder.clean_picture(data)

    def unknown_words(self, text: str) -> list[str]:
        """List the words of a text that the model has no place for."""
        return self.encoder.unknown_words(text)

    def find(
        self,
        encoded: Encoded,
        task: str,
        top: int = 10,
        labels: str | Sequence[str] = (),
        distance: Distance | None = None,
        offset: int | None = None,
    ) -> list[list[Hit]]:
        """Find the nearest items of each query, at most `top` or all there are, nearest first.

        offset: how many of them to leave out, for pages: all pages of a query are cut from its first REACH
        hits, found at once, so that none overlap or skip, whatever the index; name it for the first one too.
        An item that asks is not among its hits; mixed queries are compared by asymmetric distance alone.

        distance: `hamming`, by distance, then row of the index; `asymmetric`, by the share of the query's
        real code that agrees (the score, 1: all of it, -1: nothing), then row, or, where vectors are stored,
        by their inner product with the query of length 1; None: that of the index, or,
        where the method quantises, by Hamming distance and the first candidates ordered by their score, then
        distance, then row. labels: one or several; only items that have any.

        Raises:
            CrosshashError: an unknown task, label or distance, Hamming distance of vectors or mixed queries,
                `top` below 1, pages beyond REACH, or no item of the modality that answers.
        """
        if distance not in (None, *DISTANCES):
            raise CrosshashError(f"unknown distance '{distance}'; there are {' and '.join(DISTANCES)}.")
        answers = self._answers(task)
        check_page(top, offset)
        if encoded.scale is not None and distance == "hamming":
            raise CrosshashError("a mixed query has no Hamming distance: ask for asymmetric, or for none.")
        keep = self._items.rows_with(labels) if labels else None
        reach = (top if offset is None else REACH) + (encoded.own is not None)
        found = nearest(self.encoder, self.index, encoded, answers, reach, keep, distance)
        own = [None] * len(encoded.codes) if encoded.own is None else encoded.own
        pages = (page_of(*one, top, offset or 0) for one in zip(*found, own, strict=True))
        return [self._items.hits(*one) for one in pages]

    @cached_property
    def shows_pictures(self) -> bool:
        """Say whether there are pictures of items to show."""
        return self._in_shards or self._items.keeps_pictures

    def item(self, item: str) -> Item | None:
        """Give what is known of an item, its id as the index writes it; None where there is no such id."""
        row = self._items.row_of(item)
        if row is None:
            return None
        known = self._items.known(row)
        has_picture = bool(known.get(PICTURE)) or (known["row"] >= 0 and self._in_shards)
        return Item(known["id"], known["caption"], tuple(known["labels"]), has_picture)

    def picture(self, item: str) -> bytes | None:
        """Give the JPEG of an item; None where there is no such id or no picture of it."""
        row = self._items.row_of(item)
        if row is None:
            return None
        known = self._items.known(row)
        if known.get(PICTURE):
            return self.index.picture(known[PICTURE])
        return self.shards.picture(known["row"], item) if self._in_shards else None

    @property
    def files(self) -> IndexFolder:
        """The index, where it is one of files.

        Raises:
            CrosshashError: it is a store.
        """
        if isinstance(self.index, StoredIndex):
            raise CrosshashError(f"{self.index.store.place}: is a store; this takes an index of files.")
        return self.index

    @property
    def _items(self) -> Items | StoredItems:
        return self.index.items

    @cached_property
    def _in_shards(self) -> bool:
        return self.of_pictures and self.shards.there

    def _answers(self, task: str) -> Modality:
        if task not in TASKS:
            raise CrosshashError(f"unknown task '{task}'; there are {', '.join(TASKS)}.")
        return TASKS[task][1]
