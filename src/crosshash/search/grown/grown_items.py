"""What is known of the items of an index with changes beside its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosshash.retrieval.codefiles.segments import Changes, Rows
from crosshash.search.item_groups import Items
from crosshash.search.items import Hit, ItemTable, wanted_labels


@dataclass(frozen=True)
class GrownItems:
    """Items of the files, and changes, of which some may be behind the last."""

    base: Items
    changes: Changes

    def __len__(self) -> int:
        return max(len(self.base), int(self.places.max(initial=-1)) + 1)

    def hits(self, rows: Rows, distances: NDArray[np.int32] | None, scores: NDArray[np.float32]) -> list[Hit]:
        """Describe found rows int64[T], with their distances and scores float32[T], NaN for none."""
        at, is_changed = self._changed_at(rows)
        found: dict[int, Hit] = {}
        for items, chosen, own in ((self.base, ~is_changed, rows), (self.changed, is_changed, at)):
            told = None if distances is None else distances[chosen]
            hits = items.hits(own[chosen], told, scores[chosen]) if chosen.any() else []
            found.update(zip(np.flatnonzero(chosen).tolist(), hits, strict=True))
        return [found[place] for place in range(len(rows))]

    def known(self, row: int) -> dict[str, Any]:
        """Give all columns of an item."""
        at, is_changed = self._changed_at(np.array([row]))
        return self.changed.known(int(at[0])) if is_changed[0] else self.base.known(row)

    def row_of(self, item: str) -> int | None:
        """Find an item's row number."""
        own = self.changed.row_of(item)
        if own is not None:
            return int(self.places[own])
        row = self.base.row_of(item)
        return None if row is None or self._changed_at(np.array([row]))[1][0] else row

    def rows_with(self, labels: str | Sequence[str]) -> Rows:
        """Give the rows int64[M] of the items that have any of the labels, or the one label, rising.

        Raises:
            CrosshashError: a label that no item has.
        """
        wanted = wanted_labels(labels, self.labels)
        found = [np.zeros(0, np.int64)]
        if there := [label for label in wanted if label in self.base.labels]:
            rows = self.base.rows_with(there)
            found.append(rows[~self._changed_at(rows)[1]])
        if there := [label for label in wanted if label in self.changed.labels]:
            found.append(self.places[self.changed.rows_with(there)])
        return np.sort(np.concatenate(found))

    @cached_property
    def labels(self) -> list[str]:
        """All labels of the items, sorted; not those that only items of the files had that are gone."""
        doubtful = {label for row in self._of_base for label in self.base.known(row)["labels"] or ()}
        gone = {
            label
            for label in doubtful.difference(self.changed.labels)
            if self._changed_at(self.base.rows_with(label))[1].all()
        }
        return sorted({*self.base.labels, *self.changed.labels} - gone)

    @property
    def keeps_pictures(self) -> bool:
        """Say whether items may have pictures of their own."""
        return self.base.keeps_pictures or self.changed.keeps_pictures

    def whole(self) -> ItemTable:
        """Read all of it into memory."""
        return ItemTable(self.changes.applied(self.base.whole().table))

    @cached_property
    def places(self) -> Rows:
        """Row numbers int64[M] of the changed items, rising."""
        return self.changes.places

    @cached_property
    def changed(self) -> ItemTable:
        """The changed items."""
        return ItemTable(self.changes.items)

    @property
    def _of_base(self) -> list[int]:
        return [int(row) for row in self.places if row < len(self.base)]

    def _changed_at(self, rows: Rows) -> tuple[Rows, NDArray[np.bool_]]:
        """Say where rows int64[n] stand among the changed ones, and bool[n], whether they do."""
        at = np.minimum(np.searchsorted(self.places, rows), len(self.places) - 1)
        return at, self.places[at] == rows
