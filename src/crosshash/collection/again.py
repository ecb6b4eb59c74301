"""A collection after a new model: its items are encoded anew, from the pictures that it keeps."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from crosshash.artifacts import missing
from crosshash.collection.additions import Addition
from crosshash.collection.collection import Change, caption_of, check_readable, held
from crosshash.collection.grown_index import added, removed, with_own_columns, write_whole
from crosshash.collection.new_codes import block_folder, encode_ready
from crosshash.collection.new_items import Ready
from crosshash.errors import CrosshashError, listed
from crosshash.inference.device import settled_device
from crosshash.retrieval.codefiles.segments import REMEDY, Changes, merged
from crosshash.search.folders.index_folder import INDEX, read_index, with_changes
from crosshash.search.folders.made_by import run_index, told_of_collections
from crosshash.search.folders.own_picture import is_whole
from crosshash.search.grown.known_items import read_known_items
from crosshash.search.items import CAPTIONS, CONTENT, PICTURE, REMOVED, ItemTable
from crosshash.search.trained import TrainedEncoder
from crosshash.workers.unfinished import remove

KEPT = ["id", "labels", CAPTIONS, PICTURE, CONTENT, REMOVED]


def encode_again(project: Path, into: Path | None = None, skip_bad: bool = False) -> Change:
    """Make a collection anew from the run's index: with its own items, without what was taken out.

    The old one serves until the new one, whole, takes its place. A call that was stopped goes on with the
    next block of items. Where model and index are those that it was made with, and its codes whole, nothing
    is done. skip_bad: take out items whose pictures are gone or damaged.

    Raises:
        CrosshashError: there is no collection, it was written by a version that kept less, pictures are
            missing or damaged, the model reads other things than it has, or the run's index does not fit the
            model.
    """
    with held(project, into, settled_device("auto")) as (place, encoder):
        index = place / INDEX
        if not index.is_dir():
            raise missing(index, "There is no collection yet: `crosshash encode FOLDER` begins one.")
        with told_of_collections(index):
            old = read_known_items(index).whole()
        ready, gone = _own_items(old, index)
        try:
            found = read_index(project, index, encoder.description)
        except CrosshashError:  # of another model, or damaged
            return _made_anew(project, place, encoder, ready, gone, skip_bad)
        counts = {modality: len(codes) for modality, codes in found.codes.items()}
        return Change(0, 0, len(ready), 0, (), (), counts["image"], counts["text"], str(place))


def _made_anew(
    project: Path,
    place: Path,
    encoder: TrainedEncoder,
    ready: Sequence[Ready],
    gone: Sequence[str],
    skip_bad: bool,
) -> Change:
    before = read_index(project, run_index(project), encoder.description, mapped=False)
    check_readable(encoder, [one.addition for one in ready], any(one.picture for one in ready))
    lost = _without_picture(place, ready, skip_bad)
    ready, gone = [one for one in ready if one.addition.id not in lost], [*gone, *lost]
    caption = caption_of(project)
    state = block_folder(encoder, place, caption, "encode again")
    table = before.items.whole()
    changes, free = list[Changes](), len(table)
    if ready:
        codes = encode_ready(encoder, ready, place, caption, state)
        changes = [added(table, ready, table.rows_of([one.addition.id for one in ready]), codes)]
        free = max(free, int(changes[0].places.max()) + 1)
    if gone:
        changes = [_taken_out(table, gone, free), *changes]
    after = with_changes(before, merged(changes)) if changes else before
    write_whole(place, after)
    remove(state)
    counts = {modality: len(found) for modality, found in after.codes.items()}
    return Change(
        0, len(ready), 0, len(gone), (), tuple(lost.values()), counts["image"], counts["text"], str(place)
    )


def _without_picture(place: Path, ready: Sequence[Ready], skip_bad: bool) -> dict[str, str]:
    """Give a line for each item whose picture is no longer there or not whole, by its id.

    Raises:
        CrosshashError: there are such items, and they are not to be left out.
    """
    bad = [one.addition.id for one in ready if one.picture and not is_whole(place, one.picture)]
    if bad and not skip_bad:
        raise CrosshashError(
            f"{place}: the pictures of these items are gone or damaged:\n{listed(bad)}\nBring the files "
            "back, or take the items out with --skip-bad and encode their folders again. Nothing has changed."
        )
    return {item: f"{item}: its picture is gone or damaged" for item in bad}


def _own_items(table: ItemTable, index: Path) -> tuple[list[Ready], list[str]]:
    """Give the items of a collection's own, and the ids of those that were taken out and did not come back.

    Raises:
        CrosshashError: it was written by a version that kept neither ids of these nor all captions.
    """
    rows = with_own_columns(table.table).select(KEPT).to_pylist()
    own = [row for row in rows if row["id"] is not None and row[CONTENT]]
    gone = dict.fromkeys(row[REMOVED] for row in rows if row["id"] is None)
    if None in gone or any(row[CAPTIONS] is None for row in own):
        raise CrosshashError(
            f"{index}: has items of a version of crosshash that kept neither all captions nor the ids of "
            f"what was taken out. {REMEDY}"
        )
    ready = [
        Ready(
            Addition(row["id"], None, tuple(row[CAPTIONS]), tuple(row["labels"])), row[PICTURE], row[CONTENT]
        )
        for row in own
    ]
    back = {row["id"] for row in own}
    return ready, [item for item in gone if item not in back]


def _taken_out(table: ItemTable, gone: Sequence[str], behind: int) -> Changes:
    """Describe what is taken out again; ids that the run now lacks stay known, from row `behind` on."""
    known = table.rows_of(gone)
    found = [known.get(item) for item in gone]
    free = itertools.count(behind)
    rows = np.array([next(free) if row is None else row for row in found], np.int64)
    return removed(table, rows, gone)
