"""crosshash from Python: `crosshash.load(".")` gives a trained model that encodes and searches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from crosshash.artifacts import missing
from crosshash.codes.bit_index import Index, read_bit_index
from crosshash.codes.hashcodes import HashCodes
from crosshash.codes.transform import read_transform
from crosshash.data.images import BadImageError, prepare_image
from crosshash.errors import CrosshashError
from crosshash.index.code_index import CodeIndex
from crosshash.models.towers import TowerSpec
from crosshash.protocols import BitScalable
from crosshash.training.encoding import shortened, soft_codes
from crosshash.training.model_folder import Model, load_model

BATCH = 256
CPU = torch.device("cpu")
LARGEST_SIDE = 4096


@dataclass(frozen=True)
class Hit:
    """A found item: id, Hamming distance to the query, path of the picture, first caption, labels."""

    id: str
    distance: int
    image: str
    caption: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Hasher:
    """A trained model, how its codes are shortened, and the index of the retrieval set if there is one.

    matrix: the transform; kept: int64[k], the bits that are delivered; None for methods without.
    """

    model: Model
    matrix: NDArray[np.float32] | None
    kept: Index | None
    index_folder: Path

    @property
    def bits(self) -> int:
        """Length of the delivered codes."""
        if self.kept is not None:
            return len(self.kept)
        return self.model.card.train_bits if self.matrix is None else self.matrix.shape[1] // 2

    def encode_text(self, texts: Sequence[str] | NDArray[np.floating]) -> HashCodes:
        """Encode captions, or vectors float[N, E] where the model was trained on text vectors.

        Raises:
            CrosshashError: no text, an empty one, or vectors where captions are needed and vice versa.
        """
        self._check_kind(texts, self.model.card.text, "captions (a list of them)")
        empty = [str(row) for row, text in enumerate(texts) if isinstance(text, str) and not text.strip()]
        if empty:
            raise CrosshashError(f"nothing to encode in text {', '.join(empty)}: it is empty.")
        ready = [self.model.prepare_text(text) for text in texts]
        return self._codes(soft_codes(self.model.method.encode_text, ready, BATCH, CPU))

    def encode_image(self, images: Sequence[str | Path] | NDArray[np.floating]) -> HashCodes:
        """Encode picture files, or vectors float[N, D] where the model was trained on image vectors.

        Raises:
            CrosshashError: no picture, a file that is none, or vectors for pictures and vice versa.
        """
        self._check_kind(images, self.model.card.image, "picture files (a list of paths)")
        raw = images if isinstance(images, np.ndarray) else [_picture(Path(path)) for path in images]
        ready = [self.model.prepare_image(one) for one in raw]
        return self._codes(soft_codes(self.model.method.encode_image, ready, BATCH, CPU))

    def search(self, text: str | None = None, *, image: str | Path | None = None, top: int = 10) -> list[Hit]:
        """Find the images nearest to a text, or the texts nearest to an image, by distance, then row.

        Raises:
            CrosshashError: not exactly one of both is given, or the index is missing or of other codes.
        """
        if text is not None and image is None:
            query, name = self.encode_text([text]), "image.faiss"
        elif image is not None and text is None:
            query, name = self.encode_image([image]), "text.faiss"
        else:
            raise CrosshashError("search takes a text or an image, one of them.")
        rows, distances = CodeIndex.load(self.index_folder / name).search(query.packed, top)
        return _hits(self.index_folder / "items.parquet", rows[0], distances[0])

    def _check_kind(
        self, given: Sequence[object] | NDArray[np.floating], spec: TowerSpec, named: str
    ) -> None:
        """Refuse what the network does not read."""
        if spec.kind == "mlp":
            if not isinstance(given, np.ndarray) or given.ndim != 2 or given.shape[1] != spec.dim:
                raise CrosshashError(f"this model reads vectors: give it an array float[N, {spec.dim}].")
            broken = np.flatnonzero(~np.isfinite(given).all(axis=1))
            if len(broken):
                raise CrosshashError(f"vector {broken[0]} holds values that are no finite numbers.")
        elif isinstance(given, (str, np.ndarray)):
            raise CrosshashError(f"this model reads {named}: give it those.")
        if not len(given):
            raise CrosshashError("nothing to encode: the list is empty.")

    def _codes(self, soft: NDArray[np.float32]) -> HashCodes:
        ids = np.array([str(row) for row in range(len(soft))])
        delivered = soft if self.kept is None else soft[:, self.kept]
        return HashCodes(shortened(delivered, self.matrix), self.bits, ids)


def load(folder: str | Path = ".") -> Hasher:
    """Load the model that `dvc repro` left in a project's folder.

    Raises:
        CrosshashError: there is none, or its files do not fit together.
    """
    artifacts = Path(folder) / "artifacts"
    model = load_model(artifacts / "model")
    kept = _kept_bits(artifacts / "codes", model) if isinstance(model.method, BitScalable) else None
    return Hasher(model, read_transform(artifacts / "transform.npz"), kept, artifacts / "index")


def _kept_bits(codes: Path, model: Model) -> Index:
    """Read which bits are delivered.

    Raises:
        CrosshashError: the codes were cut from those of another model.
    """
    chosen = read_bit_index(codes)
    if chosen is None or chosen.trained_bits != model.card.train_bits:
        raise CrosshashError(f"{codes}: codes of another model. Run `dvc repro encode`.")
    return chosen.index


def _picture(path: Path) -> bytes:
    try:
        return prepare_image(path, LARGEST_SIDE)
    except BadImageError as error:
        raise CrosshashError(f"{path}: {error}. Give the path of a picture (JPEG, PNG, ...).") from None


def _hits(path: Path, rows: NDArray[np.int64], distances: NDArray[np.int32]) -> list[Hit]:
    if not path.is_file():
        raise missing(path)
    items = pq.read_table(path).take(pa.array(rows)).to_pylist()
    return [
        Hit(item["id"], int(distance), item["image"], item["caption"], tuple(item["labels"]))
        for item, distance in zip(items, distances, strict=True)
    ]
