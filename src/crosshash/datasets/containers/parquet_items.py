"""Items out of the rows of parquet files: their captions, labels and ids, from columns by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from crosshash.datasets.containers.loose_values import in_order, labels_of, texts_of
from crosshash.datasets.containers.parquet_columns import (
    class_names,
    parts_of,
    read_schema,
    type_of,
    value_at,
)
from crosshash.errors import CrosshashError
from crosshash.formats.picture_column import column_batches, parquet_named
from crosshash.formats.spelling import composed
from crosshash.pairs.source import RawItem

ROWS = 4096  # read at a time


class ParquetItems:
    """The items of files that are added one by one.

    section: of params.yaml, where the columns are named: `caption`, `labels` and `id`, each a name or None.
    """

    def __init__(self, section: str, columns: Mapping[str, str | None]) -> None:
        self.section = section
        self.columns = {key: name for key, name in columns.items() if name is not None}
        self.items: list[RawItem] = []
        self._names: dict[str, None] = {}
        self._known: dict[tuple[str, ...], tuple[str, ...]] = {}  # items of equal labels share one tuple

    def add(self, path: Path, place: str) -> int:
        """Read the items of a file, and say how many; `place` begins the ids of those that have none.

        Raises:
            CrosshashError: the file cannot be read, lacks a column, or a column holds something else.
        """
        schema, count = read_schema(path)
        for key, column in self.columns.items():
            type_of(path, schema, f"{self.section}.{key}", column)
        labels = self.columns.get("labels")
        classes = class_names(schema, parts_of(schema, labels)) if labels is not None else ()
        self._names.update(dict.fromkeys(classes))
        with parquet_named(path):  # texts are decoded as they are taken
            for row, values in enumerate(self._rows(path, schema, count)):
                self.items.append(self._item(path, f"{place}/{row}", row, values, classes))
        return count

    def classes(self) -> tuple[str, ...]:
        """Give the labels that occur, in the order of the class names of the files."""
        return in_order((label for labels in self._known for label in labels), tuple(self._names))

    def _rows(self, path: Path, schema: pa.Schema, count: int) -> Iterator[dict[str, Any]]:
        """Yield the values of every row, by key."""
        parts = {key: parts_of(schema, column) for key, column in self.columns.items()}
        if not parts:
            yield from ({} for _ in range(count))
            return
        for batch in column_batches(path, sorted({first for first, *_ in parts.values()}), ROWS):
            columns = {key: batch.column(first).to_pylist() for key, (first, *_) in parts.items()}
            for values in zip(*columns.values(), strict=True):
                named = zip(columns, values, strict=True)
                yield {key: value_at(value, parts[key][1:]) for key, value in named}

    def _item(
        self, path: Path, place: str, row: int, values: Mapping[str, Any], classes: Sequence[str]
    ) -> RawItem:
        key = "id"
        try:
            name = _id(values["id"]) if "id" in values else place
            key = "caption"
            captions = texts_of(values.get("caption"))
            key = "labels"
            labels = labels_of(values.get("labels"), classes)
        except ValueError as error:
            raise CrosshashError(
                f"{path}: row {row}, counted from 0: {error}. Name another column as {self.section}.{key} in "
                "params.yaml, or mend the file."
            ) from None
        return RawItem(name, captions, self._known.setdefault(labels, labels))


def _id(value: Any) -> str:  # noqa: ANN401 - whatever the file holds
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise ValueError(f"{value!r} where an id, a text or a whole number, must stand")
    return composed(str(value))
