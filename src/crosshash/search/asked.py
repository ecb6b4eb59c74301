"""What somebody looks for: a text, a picture or an item of the index, or a text beside one of the latter.

A text and a picture together are one real code, the weighted sum of both, each divided by its length, as
scores are: the score of an item is then the weighted mean of its two scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from crosshash.codes.hashcodes import pack
from crosshash.errors import CrosshashError
from crosshash.retrieval.codefiles.codeset import MODALITIES
from crosshash.search.decoding import Picture
from crosshash.search.encoder import Encoded, Vectors

if TYPE_CHECKING:
    from crosshash.search.searcher import Searcher

FINE = 2**20
"""The largest number of a mixed code: whole numbers, whose sums are exact, and finer than a score is told."""


@dataclass(frozen=True)
class Asked:
    """A text, a picture or `like`, the id of an item; or a text and one of both, the text of some weight.

    picture: or the vector float[D] of one, where the model reads those.

    Raises:
        CrosshashError: nothing is given, a picture and an item, or a weight that is not from 0 to 1.
    """

    text: str | None = None
    picture: Picture | Vectors | None = None
    like: str | None = None
    weight: float = 0.5

    def __post_init__(self) -> None:
        if self.picture is not None and self.like is not None:
            raise CrosshashError("a search takes a picture or an item to look like, not both.")
        if self.parts == (False, False, False):
            raise CrosshashError("a search takes a text, a picture or an item: nothing was given.")
        if not 0 <= self.weight <= 1:
            raise CrosshashError(f"weight is {self.weight}; the weight of the text is from 0 to 1.")

    @property
    def parts(self) -> tuple[bool, bool, bool]:
        """Say whether there is a text, a picture, an item."""
        return self.text is not None, self.picture is not None, self.like is not None

    @property
    def mixed(self) -> bool:
        """Say whether there is a text beside something else."""
        return sum(self.parts) > 1

    @property
    def task(self) -> str:
        """What is found where nobody says it: by a picture alone texts, else pictures."""
        return {(True, False, False): "t2i", (False, True, False): "i2t"}.get(self.parts, "i2i")


def encode(searcher: Searcher, asked: Sequence[Asked]) -> Encoded:
    """Encode queries that have the same parts.

    Raises:
        CrosshashError: a text or a picture cannot be encoded, or there is no such item.
    """
    texts = [one.text for one in asked if one.text is not None]
    pictured = [one.picture for one in asked if one.picture is not None]
    pictures = [one for one in pictured if not isinstance(one, np.ndarray)]
    vectors = [one for one in pictured if isinstance(one, np.ndarray)]
    items = [one.like for one in asked if one.like is not None]
    if not pictured and not items:
        return searcher.encode_texts(texts)
    if vectors:
        others = searcher.encoder.vectors("image", np.stack([one.ravel() for one in vectors]))
    elif pictures:
        others = searcher.encoder.pictures(pictures)
    else:
        others = of_items(searcher, items)
    if not texts:
        return others
    weights = np.array([[one.weight] for one in asked])
    return mixed(searcher.encode_texts(texts), others, weights, searcher.encoder.norm)


def of_items(searcher: Searcher, ids: Sequence[str]) -> Encoded:
    """Take items as queries: the stored codes of their pictures, or of their captions where they have none.

    Real codes of items are not kept: their levels are the +-1 of the bits, or what stored vectors decode to.

    Raises:
        CrosshashError: there is no such item.
    """
    rows = [searcher.index.items.row_of(item) for item in ids]
    strange = [f"'{item}'" for item, row in zip(ids, rows, strict=True) if row is None]
    if strange:
        raise CrosshashError(f"no item of the index has the id {', '.join(strange)}.")
    own = np.array(rows, np.int64)
    pictures, captions = (searcher.index.codes[modality] for modality in MODALITIES)
    pictured = np.isin(own, pictures.known(own))
    packed = np.empty((len(own), -(-searcher.bits // 8)), np.uint8)
    for codes, chosen in ((pictures, pictured), (captions, ~pictured)):
        if chosen.any():
            packed[chosen] = codes.codes_of(own[chosen][None])[0]
    return Encoded(packed, searcher.encoder.as_queries(packed), None, own=own)


def mixed(
    texts: Encoded, others: Encoded, weights: NDArray[np.float64] | float, norm: Literal[1, 2]
) -> Encoded:
    """Add up two queries, or one and several: w t / |t| + (1 - w) o / |o|.

    weights: float64[Q, 1] of the texts; norm: of the lengths, that by which scores are divided.
    """
    real = weights * _of_length_1(texts, norm) + (1 - weights) * _of_length_1(others, norm)
    most = np.abs(real).max(axis=1, keepdims=True, initial=0)
    scale = np.divide(FINE, most, where=most > 0, out=np.ones_like(most))
    levels = np.rint(real * scale).astype(np.int32)
    return Encoded(pack(levels), levels, None, scale, others.own)


def _of_length_1(queries: Encoded, norm: Literal[1, 2]) -> NDArray[np.float64]:
    sizes, unit = queries.lengths(norm), np.zeros(queries.levels.shape)
    return np.asarray(np.divide(queries.levels, sizes, where=sizes > 0, out=unit))
