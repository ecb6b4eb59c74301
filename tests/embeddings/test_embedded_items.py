from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crosshash.embeddings.embedded_items import embedded_reader, items_of_shards, open_embedded
from crosshash.embeddings.vectors import Embeddings, read_embeddings
from crosshash.pairs.table import PARTS
from crosshash.protocols import Prepare
from crosshash.readers.pictures import image_reader
from crosshash.readers.words import bag_reader, vector_reader
from crosshash.shards.item_files import Item
from crosshash.shards.reading import Caption, Reading
from crosshash.shards.tar_files import shard_names
from tests.embeddings.cases import embedded, write_set

WORDS = ("picture", "told", "0", "1")
CLASSES = ("even", "odd")
Set = tuple[Path, dict[str, list[Item]]]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Set:
    folder = tmp_path_factory.mktemp("embedded") / "set"
    return folder, write_set(folder)


def embeddings(folder: Path, *frozen: str) -> Embeddings:
    out = folder.parent / "-".join(frozen)
    if not out.exists():
        embedded(folder, folder.parent / f"state-{out.name}", out, frozen)
    return read_embeddings(out)


def items_of(folder: Path, part: str, kept: Embeddings) -> list[Item]:
    read = items_of_shards(folder, kept)
    return [item for number, _ in enumerate(shard_names(folder, part)) for item in read(part, number)]


def readers(kept: Embeddings) -> tuple[Prepare, Prepare]:
    image = image_reader(8, "squash") if kept.image is None else vector_reader
    return image, bag_reader(WORDS) if kept.text is None else vector_reader


@pytest.mark.parametrize("frozen", [("image", "text"), ("image",), ("text",)])
def test_items_are_those_of_the_shards_with_vectors_where_they_are_kept(
    known: Set, frozen: tuple[str, ...]
) -> None:
    folder, items = known
    kept = embeddings(folder, *frozen)
    image, text = readers(kept)
    read = embedded_reader(kept, image, text)
    for part in PARTS:
        found = [read(item) for item in items_of(folder, part, kept)]
        assert [(one.row, one.id, one.labels) for one in found] == [
            (one.row, one.id, one.labels) for one in items[part]
        ]
        for one, item in zip(found, items[part], strict=True):
            raw = item.image if kept.image is None else kept.image[item.row]
            assert np.array_equal(one.image, image(raw))
            start, stop = kept.first_text[item.row : item.row + 2]
            raws = item.captions if kept.text is None else kept.text[start:stop]
            assert np.array_equal(one.texts, [text(raw) for raw in raws])


@pytest.mark.parametrize("frozen", [("image", "text"), ("image",), ("text",)])
@pytest.mark.parametrize("caption", ["random", "first"])
def test_batches_show_each_item_once_with_one_of_its_own_captions(
    known: Set, frozen: tuple[str, ...], caption: Caption
) -> None:
    folder, _ = known
    kept = embeddings(folder, *frozen)
    image, text = readers(kept)
    read = embedded_reader(kept, image, text)
    items = [read(one) for one in items_of(folder, "train", kept)]
    reading = Reading(CLASSES, read, 16, 0, caption)
    batches = open_embedded(folder, "train", len(items), kept, reading, text, 1000)
    shown = []
    for batch in batches.epoch(1):
        for row, picture, words, labels in zip(
            batch.index, batch.image, batch.text, batch.labels, strict=True
        ):
            item = items[int(row)]
            assert np.array_equal(picture.numpy(), item.image)
            assert labels.tolist() == [float(name in item.labels) for name in CLASSES]
            which = [np.array_equal(words.numpy(), one) for one in item.texts]
            assert any(which)
            shown.append((int(row), which.index(True)))
    assert sorted(row for row, _ in shown) == list(range(70))
    assert {which for _, which in shown} == ({0, 1} if caption == "random" else {0})
    in_order = [int(row) for batch in batches.in_order() for row in batch.index]
    assert in_order == list(range(70))
