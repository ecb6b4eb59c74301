"""A folder of new pictures and captions: what it holds, before any of them is opened."""

from __future__ import annotations

import hashlib
import json
import logging
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from crosshash.datasets.readers.image_folder import image_paths
from crosshash.datasets.readers.pairs_csv import NAME, read_pairs_csv
from crosshash.datasets.readers.picture_folder import TEXT, captions_in
from crosshash.errors import CrosshashError
from crosshash.formats.image_names import PICTURES, names_on_disk
from crosshash.formats.spelling import composed

SHOWN = 5
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Addition:
    """A new item: its id, the file or the bytes of its picture if it has one, captions and labels."""

    id: str
    picture: Path | bytes | None
    captions: tuple[str, ...]
    labels: tuple[str, ...]

    def digest(self, picture: bytes) -> str:
        """Give the sha256 of all that is taken of it; equal ones need no encoding again."""
        told = json.dumps([self.captions, self.labels], ensure_ascii=False).encode()
        return hashlib.sha256(hashlib.sha256(picture).digest() + told).hexdigest()


def read_additions(folder: Path) -> list[Addition]:
    """Read `pairs.csv` (an empty image cell is a caption alone), or list the pictures where there is none.

    The id of a picture is its path in the folder; of a caption alone `caption:` and the start of its sha256.

    Raises:
        CrosshashError: there is no folder, nothing in it, pairs.csv cannot be read or leads out of it, or two
            pictures have names that look the same.
    """
    if not folder.is_dir():
        raise CrosshashError(f"{folder}: is no folder. Give one with pairs.csv, or with pictures.")
    found = _from_csv(folder) if (folder / NAME).is_file() else _from_pictures(folder)
    if not found:
        raise CrosshashError(
            f"{folder}: holds neither {NAME} nor a picture ({' '.join(PICTURES)}). Give a folder with either."
        )
    return found


def _from_csv(folder: Path) -> list[Addition]:
    items = read_pairs_csv(folder / NAME, captions_alone=True)
    pictured = [item for item in items if item.id]
    paths = image_paths(folder, pictured)
    picture_of = {item.id: path for item, path in zip(pictured, paths, strict=True)}
    return [
        Addition(item.id or caption_id(item.captions[0]), picture_of.get(item.id), item.captions, item.labels)
        for item in items
    ]


def _from_pictures(folder: Path) -> list[Addition]:
    """List pictures by name, also in folders below, with the texts beside them; not those that are hidden."""
    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    seen = [name for name in names if not any(part.startswith(".") for part in name.parts)]
    shown = [name for name in seen if name.suffix.lower() in PICTURES]
    _tell_passed_over([name for name in seen if name.suffix.lower() not in PICTURES and _is_picture(name)])
    ids = [composed(name.as_posix()) for name in shown]
    texts = {name.with_suffix(""): folder / name for name in seen if name.suffix.lower() == TEXT}
    beside = (texts.get(name.with_suffix("")) for name in shown)
    return [
        Addition(item, folder / name, captions_in(text) if text else (), ())
        for item, name, text in zip(ids, names_on_disk(folder, ids), beside, strict=True)
    ]


def _is_picture(name: Path) -> bool:
    """Say whether a file is a picture by its name: of a kind that is not read, such as .avif or .cr2."""
    return (mimetypes.guess_type(name.name)[0] or "").startswith("image/")


def _tell_passed_over(names: list[Path]) -> None:
    if names:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        first = ", ".join(map(str, names[:SHOWN]))
        logger.warning("warning: passed over, since such pictures are not read: %s%s", first, more)


def caption_id(caption: str) -> str:
    """Name a caption that has no picture."""
    return f"caption:{hashlib.sha256(caption.encode()).hexdigest()[:16]}"
