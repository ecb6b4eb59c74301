"""What a folder of somebody's own holds, told by the names of its files: which data set reads it, and how."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from crosshash.config.plans.base import Settings
from crosshash.errors import CrosshashError
from crosshash.pairs.source import RawItems, raw_folder

CAPTIONS = ("caption", "captions", "text", "texts", "sentences", "sentence", "sentids", "alt_text", "TEXT")
LABELS = ("labels", "label", "categories", "category", "class", "classes", "tags", "objects")
IMAGES = ("image", "img", "picture", "photo", "jpg")
"""How columns are called in the data sets of Hugging Face."""
ENOUGH = 200
"""Files of a folder that are looked at for what it is."""


@dataclass(frozen=True)
class Recognised:
    """A data set for a folder: its name in params.yaml, settings of its section, why, and its items."""

    dataset: str
    settings: Settings
    reason: str
    items: RawItems

    @property
    def pictures(self) -> bool:
        """Whether images are pictures, not vectors."""
        return self.items.images is not None and not hasattr(self.items.images, "shape")

    @property
    def labelled(self) -> int:
        """Items with a label."""
        return sum(bool(item.labels) for item in self.items.items)

    @property
    def captioned(self) -> int:
        """Items with a text."""
        if self.items.text is not None:
            return len(self.items.items)
        return sum(bool(item.captions) for item in self.items.items)

    @property
    def labelled_pairs(self) -> int:
        """Items with a text and a label: what methods that need labels learn from."""
        return sum(
            bool(item.labels and (item.captions or self.items.text is not None)) for item in self.items.items
        )


def recognise(folder: Path, defaults: Callable[[str], Settings]) -> Recognised:
    """Say what a folder holds, and read its items.

    defaults: what params.yaml says of a data set, by its name.

    Raises:
        CrosshashError: it is no folder, or its files are none of a known kind, or damaged.
    """
    if not folder.is_dir():
        raise CrosshashError(f"--images {folder}: is no folder that is there. Name the one of your pictures.")
    dataset, found, reason = _kind(folder)
    settings = defaults(dataset) | {"path": str(folder.resolve())} | found
    module = importlib.import_module(f"crosshash.datasets.{dataset}")
    return Recognised(dataset, settings, reason, module.read(raw_folder(), **settings))


def _kind(folder: Path) -> tuple[str, Settings, str]:
    """Choose a data set by what stands in the folder; pictures with or without anything beside come last."""
    if (folder / "features.npz").is_file():
        return "features", {}, "features.npz holds vectors"
    if (folder / "pairs.csv").is_file():
        return "custom", {}, "pairs.csv lists its pictures"
    if (folder / "img_emb").is_dir():
        return "embeddings", {}, "img_emb holds vectors in parts, as clip-retrieval writes them"
    if any(folder.glob("dataset_*.json")):
        return "karpathy", {}, "its JSON is one of Karpathy's splits"
    if any(folder.glob("*.tar")):
        return "webdataset", {}, "it holds .tar files, as img2dataset writes them"
    if tables := sorted(folder.rglob("*.parquet")):
        return "parquet", _columns(tables[0]), "it holds .parquet files, as Hugging Face gives data sets out"
    return "custom", {}, "it holds pictures"


def _columns(path: Path) -> Settings:
    """Choose the columns of a parquet file by their names."""
    import pyarrow.parquet

    try:
        names = pyarrow.parquet.read_schema(path).names
    except (OSError, ValueError) as error:
        raise CrosshashError(f"{path}: cannot be read as parquet ({error}).") from None
    image = _first(IMAGES, names)
    if image is None:
        raise CrosshashError(
            f"{path}: none of its columns {', '.join(names)} is called {' or '.join(IMAGES)}. Lay the "
            "project out without --images, and name the columns in the section parquet of its params.yaml."
        )
    return {"image": image, "caption": _first(CAPTIONS, names), "labels": _first(LABELS, names)}


def _first(wanted: Iterable[str], names: list[str]) -> str | None:
    return next((name for name in wanted if name in names), None)
