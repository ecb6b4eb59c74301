"""`crosshash.load(".")`: a trained model for notebooks and scripts, with hash codes as they are stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosshash.codes.hashcodes import HashCodes
from crosshash.codes.real_codes import Distance
from crosshash.errors import CrosshashError, pipeline_named
from crosshash.search.asked import Asked, encode
from crosshash.search.decoding import Picture
from crosshash.search.encoder import Encoded, Encoder
from crosshash.search.items import Hit
from crosshash.search.searcher import Searcher

Vectors = NDArray[np.floating]


@dataclass(frozen=True)
class Hasher:
    """A trained model, and the index beside it, which `opens` opens at the first search."""

    encoder: Encoder
    opens: Callable[[], Searcher]

    @property
    def bits(self) -> int:
        """Length of the delivered codes."""
        return self.encoder.bits

    def encode_text(self, texts: str | Sequence[str] | Vectors) -> HashCodes:
        """Encode captions, one or several, or vectors float[N, E] where the model was trained on those.

        texts: an array of them counts as a list.

        Raises:
            CrosshashError: no text, an empty one, or vectors where captions are needed and vice versa.
        """
        if isinstance(texts, np.ndarray) and texts.size and all(isinstance(one, str) for one in texts.flat):
            texts = list(map(str, texts.flat))
        if isinstance(texts, np.ndarray) or self.encoder.reads_vectors("text"):
            return self._codes(self.encoder.vectors("text", _matrix(texts)))
        return self._codes(self.encoder.texts([texts] if isinstance(texts, str) else texts))

    def encode_image(self, images: Picture | Sequence[Picture] | Vectors) -> HashCodes:
        """Encode pictures, one or several, or vectors float[N, D] where the model was trained on those.

        A picture is a path, the bytes of a picture file, or an image of Pillow, whose code is that of the
        same picture saved as PNG.

        Raises:
            CrosshashError: no picture, a file that is none, or vectors for pictures and vice versa.
        """
        if isinstance(images, np.ndarray) or self.encoder.reads_vectors("image"):
            return self._codes(self.encoder.vectors("image", _matrix(images)))
        pictures = [images] if isinstance(images, Picture) else list(images)
        return self._codes(self.encoder.pictures(pictures))

    def search(
        self,
        text: str | None = None,
        *,
        image: Picture | Vectors | None = None,
        like: str | None = None,
        weight: float = 0.5,
        top: int = 10,
        labels: str | Sequence[str] = (),
        distance: Distance | None = None,
        offset: int | None = None,
    ) -> list[Hit]:
        """Find the images nearest to a text, or the texts nearest to an image; see `Searcher.find`.

        image: a picture, or its vector float[D] where the model was trained on those; like: id of an item,
        finds images like it. A text beside an image or an item, of some weight from 0 to 1, finds images by
        both (`crosshash.search.asked`).

        Raises:
            CrosshashError: nothing is given, or an image and an item, or the index is missing or of another
                model.
        """
        asked = Asked(text, image, like, weight)
        (hits,) = self.searcher.find(
            encode(self.searcher, [asked]), asked.task, top, labels, distance, offset
        )
        return hits

    @cached_property
    def searcher(self) -> Searcher:
        """The same model with the index of its project or bundle."""
        return self.opens()

    def _codes(self, encoded: Encoded) -> HashCodes:
        if self.encoder.vector_code is not None:
            raise CrosshashError(
                f"this model stores vectors ({self.encoder.vector_code.kind}), no hash codes: it can search, "
                "`encoder.texts(...).codes` are the bytes, `encoder.vector_code.decode` makes them vectors."
            )
        ids = np.array([str(row) for row in range(len(encoded.codes))])
        return HashCodes(encoded.codes, self.bits, ids)


def _matrix(given: object) -> NDArray[Any]:
    """Make an array of vectors; of what is none, an array that is refused for its kind or shape."""
    try:
        return np.asarray(given)
    except ValueError:  # rows of several lengths
        return np.empty(0, object)


def load(folder: str | Path = ".") -> Hasher:
    """Load the model that `dvc repro` left in a project's folder.

    Raises:
        CrosshashError: there is none, or its files do not fit together.
    """
    with pipeline_named():  # late: torch takes seconds, and who has a bundle has none
        from crosshash.search.trained import load_encoder

    encoder, project = load_encoder(Path(folder)), Path(folder)
    return Hasher(encoder, partial(Searcher.over, encoder, project))
