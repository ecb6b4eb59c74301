"""A collection: the run's index with items of one's own, which grows and shrinks without training.

`artifacts/index` belongs to DVC and stays as it is. The collection begins as its copy, in `index/` beside
`pictures/`. A change replaces it as a whole, or is a file beside its own; who is killed leaves the old one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from crosshash.collection.additions import Addition, read_additions
from crosshash.collection.grown_index import added, removed, write_changes
from crosshash.collection.new_codes import block_folder, encode_ready
from crosshash.collection.new_items import Ready, check_additions
from crosshash.collection.own_pictures import prune_pictures
from crosshash.config.plans.base import read_plan
from crosshash.config.plans.infer import InferPlan
from crosshash.disk import flush_files
from crosshash.errors import CrosshashError, listed
from crosshash.inference.device import settled_device
from crosshash.search.folders.index_folder import COLLECTION, INDEX, STATISTICS, IndexFolder, read_index
from crosshash.search.folders.made_by import LOCK, run_index
from crosshash.search.folders.own_picture import PICTURES, picture_path
from crosshash.search.grown.known_items import read_picture_names
from crosshash.search.items import CONTENT, PICTURE, ItemTable
from crosshash.search.trained import TrainedEncoder, load_encoder
from crosshash.workers.lock import locked
from crosshash.workers.unfinished import remove


class UnknownItem(CrosshashError):  # noqa: N818 - it is told to users, whom "error" tells nothing more
    """Ids that a collection does not have."""


class TakenId(CrosshashError):  # noqa: N818
    """Ids under which a collection has other items."""


@dataclass(frozen=True)
class Change:
    """What happened to items, and how many a collection now has.

    repictured: ids of replaced items whose picture is another one; skipped: a line for each bad picture.
    """

    new: int
    replaced: int
    unchanged: int
    removed: int
    repictured: tuple[str, ...]
    skipped: tuple[str, ...]
    images: int
    texts: int
    collection: str


def add_folder(project: Path, folder: Path, into: Path | None = None, skip_bad: bool = False) -> Change:
    """Encode the pictures and captions of a folder into the collection `into` (`collection/` of the project).

    An id that is there already is replaced, unless its content is the same. skip_bad: leave out pictures
    that cannot be read.

    Raises:
        CrosshashError: the folder cannot be read, bad pictures (all are listed), a model of vectors, or an
            index that does not fit the model. Nothing has changed then.
    """
    return add_items(project, read_additions(folder), into, skip_bad, str(folder))


def add_items(
    project: Path,
    additions: Sequence[Addition],
    into: Path | None = None,
    skip_bad: bool = False,
    source: str = "new items",
    encoder: TrainedEncoder | None = None,
    replace: bool = True,
    patient: bool = True,
) -> Change:
    """Encode new items into a collection, as `add_folder` does.

    source: what messages call them; encoder: the project's model, where it is loaded already. replace: other
    items of the same ids; patient: wait while another changes the collection.

    Raises:
        TakenId: there is another item of an id.
        HeldError: another changes the collection, and nobody is to wait.
        CrosshashError: as `add_folder`, or the project has another model than the one that was loaded.
    """
    device = settled_device("auto")
    with _opened(project, into, device, encoder, patient) as (place, before, encoder):
        check_readable(encoder, additions, any(addition.picture for addition in additions))
        table = before.items.whole()
        caption = caption_of(project)
        rows = table.rows_of([one.id for one in additions])
        ready, unchanged, bad = check_additions(encoder, additions, table.own(CONTENT, rows), place)
        if bad and not skip_bad:
            count = "1 picture" if len(bad) == 1 else f"{len(bad)} pictures"
            raise CrosshashError(
                f"{source}: {count} cannot be read:\n{listed(bad)}\n"
                "Mend or remove them, or leave them out with --skip-bad. Nothing was added."
            )
        counts = {modality: len(index) for modality, index in before.codes.items()}
        taken = [one.addition.id for one in ready if one.addition.id in rows]
        if taken and not replace:
            raise TakenId(f"{source}: there are other items of these ids:\n{listed(taken)}")
        known = len(taken)
        others = _repictured(table, ready, rows)
        if ready:
            state = block_folder(encoder, place, caption)
            codes = encode_ready(encoder, ready, place, caption, state)
            flush_files({picture_path(place, one.picture) for one in ready if one.picture})
            counts = write_changes(place, before, added(table, ready, rows, codes))
            remove(state)
    new = len(ready) - known
    return Change(new, known, unchanged, 0, others, tuple(bad), counts["image"], counts["text"], str(place))


def remove_items(
    project: Path,
    ids: Sequence[str],
    into: Path | None = None,
    encoder: TrainedEncoder | None = None,
    patient: bool = True,
) -> Change:
    """Take items out of the collection; those of the run's index too, which itself stays as it is.

    encoder, patient: as of `add_items`.

    Raises:
        UnknownItem: an id is not there (all are listed).
        HeldError: as `add_items`.
        CrosshashError: an index that does not fit the model.
    """
    ids = list(dict.fromkeys(ids))
    with _opened(project, into, loaded=encoder, patient=patient) as (place, before, _):
        table = before.items.whole()
        known = table.rows_of(ids)
        found = [known.get(item) for item in ids]
        rows = np.unique(np.array([row for row in found if row is not None], np.int64))
        if None in found:
            strange = [_strange(table, item) for item, row in zip(ids, found, strict=True) if row is None]
            told = f"no item {strange[0]}. " if len(strange) == 1 else f"no such items:\n{listed(strange)}\n"
            raise UnknownItem(f"{before.folder}: has {told}Nothing was removed.")
        counts = write_changes(
            place, before, removed(table, rows, [table.known(int(row))["id"] for row in rows])
        )
    return Change(0, 0, 0, len(rows), (), (), counts["image"], counts["text"], str(place))


@contextmanager
def held(
    project: Path,
    into: Path | None,
    device: str = "cpu",
    encoder: TrainedEncoder | None = None,
    patient: bool = True,
) -> Iterator[tuple[Path, TrainedEncoder]]:
    """Hold a collection for this thread alone; gives its folder and the model.

    The model is loaded when the turn has come: while others had theirs, it may have been replaced.

    Raises:
        CrosshashError: the folder is an index itself, or the model is not the one that was loaded already.
    """
    place = project / COLLECTION if into is None else into
    if (place / STATISTICS).is_file():
        raise CrosshashError(f"{place}: is an index, not a folder for a collection. Choose another one.")
    with locked(place / LOCK, f"{place}: waiting for another `crosshash encode` to end", patient):
        if encoder is not None and not encoder.is_on_disk():
            raise CrosshashError(
                f"{encoder.artifacts / 'model'}: has changed since it was loaded; it has to be loaded again."
            )
        yield place, encoder or load_encoder(project, device)


@contextmanager
def _opened(
    project: Path,
    into: Path | None,
    device: str = "cpu",
    loaded: TrainedEncoder | None = None,
    patient: bool = True,
) -> Iterator[tuple[Path, IndexFolder, TrainedEncoder]]:
    """Hold a collection and read its index, to be changed.

    Pictures to which no item refers afterwards are deleted, however it ends.

    Raises:
        CrosshashError: as `held`, or the index does not fit the model.
    """
    with held(project, into, device, loaded, patient) as (place, encoder):
        source = place / INDEX if (place / INDEX).is_dir() else run_index(project)
        before = read_index(project, source, encoder.description, mapped=False)
        try:
            yield place, before, encoder
        finally:
            if (place / PICTURES).is_dir():
                prune_pictures(place, read_picture_names(place / INDEX))


def caption_of(project: Path) -> Literal["first", "all"]:
    """Say which of an item's captions the run encodes."""
    return read_plan("infer", InferPlan, project / "plan").caption


def check_readable(encoder: TrainedEncoder, additions: Sequence[Addition], pictured: bool) -> None:
    """Refuse what a model of vectors cannot read; pictured: some of the items have a picture.

    Raises:
        CrosshashError: it reads vectors where there are pictures, or captions.
    """
    if pictured:
        encoder.check_kind("image", "pictures")
    if any(addition.captions for addition in additions):
        encoder.check_kind("text", "captions")


def _repictured(items: ItemTable, ready: Sequence[Ready], rows: Mapping[str, int]) -> tuple[str, ...]:
    """List ids of items that had a picture and get another one; any picture of the run counts as another."""
    own = items.own(PICTURE, rows)
    ids = [one.addition.id for one in ready if one.picture != own.get(one.addition.id, "")]
    return tuple(item for item in ids if item in rows and items.known(rows[item])["image"])


def _strange(table: ItemTable, item: str) -> str:
    near = table.ids_near(item)
    return f"'{item}'" + (f" (did you mean {' or '.join(near)}?)" if near else "")
