"""Pictures of a data set on their way from the raw files into the shards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from crosshash.checksums import is_sealed
from crosshash.formats.picture_column import PictureColumn
from crosshash.formats.pieces import Piece, Pieces
from crosshash.formats.pixel_rows import PixelRows
from crosshash.formats.stored_rows import StoredRow, StoredRows
from crosshash.formats.vector_rows import VectorRows
from crosshash.pairs.raw_record import Recorded, refuse_changed
from crosshash.pairs.source import Images, RawItems
from crosshash.pairs.split import Split
from crosshash.pairs.table import PARTS
from crosshash.shards.checked_images import BadImageError, ChangedImageError, Check
from crosshash.shards.item_files import Item
from crosshash.shards.spool import Picture, Spooling, read_spool
from crosshash.workers.cores import cores
from crosshash.workers.engine import Share, run_units
from crosshash.workers.units import Unit

CHUNK = 64
"""Pictures that are a unit of work."""

FEW = 256
"""Pictures that are done here in the time that workers take to start."""

FILES = "pictures-{:06d}"


def crew_size(source: RawItems) -> int:
    """Say how many worker processes a data set is worth: a core each; none for few pictures, or one core.

    None either for pictures in a .mat file older than 7.3, of which each process would hold all, up to 2 GB.

    Raises:
        CrosshashError: CROSSHASH_THREADS is no whole number above 0.
    """
    count = cores()
    many = count > 1 and len(source.items) >= FEW
    return count if many and _can_be_shared_out(source) else 0


def _can_be_shared_out(source: RawItems) -> bool:
    """Say whether there are pictures of which a process can read some alone."""
    if isinstance(source.images, PixelRows):
        from crosshash.formats.matlab.mat import is_mat73  # with scipy, for this kind alone

        return is_mat73(source.images.path)
    return isinstance(source.images, tuple | Pieces | PictureColumn)


def has_pictures(source: RawItems) -> bool:
    """Say whether a data set has pictures, not vectors or nothing."""
    return isinstance(source.images, tuple | Pieces | PictureColumn | PixelRows)


def prepare_pictures(
    source: RawItems,
    folder: Path,
    max_side: int,
    check: Check,
    recorded: Recorded | None = None,
    share: Share | None = None,
) -> list[str]:
    """Set all pictures aside in files of `folder`, as they go into the shards; gives the files' names.

    recorded: what picture files must be. share: of the work, all that is done here.

    Raises:
        CrosshashError: a unit of work failed; bad pictures are no failure.
    """
    chunks = enumerate(_chunks(source.images, recorded.sha256 if recorded else {}))
    units = (Unit(FILES.format(number), given, len(given)) for number, given in chunks)
    pixels = source.images if isinstance(source.images, PixelRows) else None
    work, usual = Spooling(max_side, check, pixels), max(crew_size(source), 1)
    return run_units(folder, work, units, len(source.items), "pictures", share=share, usual=usual)


def spool_pictures(
    source: RawItems, folder: Path, max_side: int, check: Check, recorded: Recorded | None = None
) -> tuple[RawItems, Pieces, list[str]]:
    """Put every good picture into files of `folder`, as it goes into the shards.

    What was bad when it was set aside is looked at again: it may be mended by now. Returns the data set
    without the items of bad pictures; where its pictures lie, in step with it; and a line for each bad one.

    Raises:
        CrosshashError: picture files are not those that were recorded; all are listed.
    """
    for path in folder.glob("pictures-??????"):
        if is_sealed(path) and any(isinstance(one, BadImageError) for one in read_spool(path)):
            path.unlink()
    count, row = len(source.items), 0
    pieces, bad, changed = Pieces(count), {}, []
    for name in prepare_pictures(source, folder, max_side, check, recorded):
        for outcome in read_spool(folder / name):
            if isinstance(outcome, BadImageError):
                bad[row] = f"{_name(source, row)}: {outcome}"
            else:
                pieces[row] = outcome
            if isinstance(outcome, ChangedImageError):
                changed.append(bad[row])
            row += 1
    if recorded:
        refuse_changed(recorded.record, changed)
    if not bad:
        return source, pieces, []
    kept = [row for row in range(count) if row not in bad]
    return _only(source, kept), pieces.only(kept), list(bad.values())


def shard_items(
    source: RawItems, split: Split, images: Pieces | VectorRows | StoredRows | np.ndarray | None
) -> dict[str, Iterator[Item]]:
    """Give the items of every part in the split's order; `images` holds a picture or a vector per row."""
    row_of = {item.id: row for row, item in enumerate(source.items)}

    def items(ids: Sequence[str]) -> Iterator[Item]:
        for row in map(row_of.__getitem__, ids):
            item = source.items[row]
            image, text = _at(images, row), _at(source.text, row)
            yield Item(row, item.id, image, item.captions, text, item.labels)

    parts = (split.query, split.train, split.val_query, split.rest())
    return {part: items(ids) for part, ids in zip(PARTS, parts, strict=True)}


def _at(values: Any, row: int) -> Any:  # noqa: ANN401 - what an item may hold
    """Give the picture or vector of a row; of one in a file, where it lies."""
    if values is None:
        return None
    return StoredRow(values, row) if isinstance(values, StoredRows) else values[row]


def _chunks(images: Images, sha256: Mapping[str, str]) -> Iterator[range | list[Picture]]:
    """Deal pictures out, in order."""
    if isinstance(images, PictureColumn):
        yield from map(list, images.chunks(CHUNK))
        return
    assert isinstance(images, tuple | Pieces | PixelRows)  # noqa: S101 - vectors and nothing are no pictures
    count = images.count if isinstance(images, PixelRows) else len(images)
    for start in range(0, count, CHUNK):
        rows = range(start, min(start + CHUNK, count))
        if isinstance(images, PixelRows):
            yield rows
        else:
            part = (images[row] for row in rows)
            yield [one if isinstance(one, Piece) else (one, sha256.get(str(one))) for one in part]


def _name(source: RawItems, row: int) -> str:
    """Say which item a picture belongs to, and where that is to be found."""
    item = source.items[row]
    if item.rows:
        return f"{item.id} (row {', '.join(map(str, item.rows))})"
    return f"{item.id} ({source.images[row]})" if isinstance(source.images, tuple) else item.id


def _only(source: RawItems, rows: Sequence[int]) -> RawItems:
    """Keep some items, in their order."""
    items = tuple(source.items[row] for row in rows)
    images, text = source.images, source.text
    if isinstance(images, tuple):
        images = tuple(images[row] for row in rows)
    elif isinstance(images, Pieces):
        images = images.only(rows)
    if isinstance(text, np.ndarray):  # vectors in files come with vectors of images
        text = text[rows]
    return replace(source, items=items, images=images, text=text)
