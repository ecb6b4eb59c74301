from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from crosshash.protocols import Batches, PairBatch, Share
from crosshash.shards import streamed_batches
from crosshash.shards.item_files import Item
from crosshash.shards.prepared import item_reader
from crosshash.shards.reading import Reading, starts
from crosshash.shards.streamed_batches import StreamedBatches
from crosshash.shards.tar_files import read_shard, shard_names, write_shards
from crosshash.shards.training_batches import MemoryBatches, open_batches

CLASSES = ("even", "odd")
IN_MEMORY, STREAMED = 1000.0, 0.0
WHOLE = Share()


def items(count: int, captions: int = 1) -> list[Item]:
    """Item n, at row 100 + n of the pair table: image (n, 0), captions 1000 n + c, label n mod 2."""
    return [
        Item(
            row=100 + n,
            id=f"item {n}",
            image=np.array([n, 0], np.float32),
            captions=tuple(str(1000 * n + c) for c in range(captions)),
            text=None,
            labels=(CLASSES[n % 2],),
        )
        for n in range(count)
    ]


def number(caption: str) -> np.ndarray:
    return np.array([int(caption)], np.int64)


def plain(vector: np.ndarray) -> np.ndarray:
    return vector


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def opened(
    folder: Path,
    count: int,
    memory_mb: float,
    batch: int = 4,
    seed: int = 0,
    caption: str = "random",
    captions: int = 1,
    shard_mb: float = 0.03,
    share: Share = WHOLE,
) -> Batches:
    if not (folder / "shards").exists():
        write_shards(folder, {"train": items(count, captions)}, shard_mb)
    reading = Reading(CLASSES, item_reader(plain, number), batch, seed, caption, share)  # type: ignore[arg-type]
    return open_batches(folder, "train", count, reading, memory_mb)


def rows(batches: Sequence[PairBatch]) -> list[int]:
    return [row for batch in batches for row in batch.index.tolist()]


def shown(batches: Sequence[PairBatch]) -> dict[int, int]:
    """The caption's number of each item."""
    return {
        int(row): int(text) % 1000
        for batch in batches
        for row, text in zip(batch.index, batch.text[:, 0], strict=True)
    }


def same(first: Sequence[PairBatch], second: Sequence[PairBatch]) -> bool:
    return len(first) == len(second) and all(
        torch.equal(getattr(a, name), getattr(b, name))
        for a, b in zip(first, second, strict=True)
        for name in ("image", "text", "labels", "index")
    )


both = pytest.mark.parametrize("memory_mb", [IN_MEMORY, STREAMED], ids=["memory", "streamed"])


def test_a_small_set_is_kept_in_memory_and_a_large_one_streamed(folder: Path) -> None:
    """An item takes 8 bytes of image and 8 per caption: 30 items of one caption 480 bytes."""
    assert isinstance(opened(folder, 30, 480 / 1e6), MemoryBatches)
    assert isinstance(opened(folder, 30, 479 / 1e6), StreamedBatches)


@both
@pytest.mark.parametrize("count", [4, 5, 8, 30, 200])
def test_every_item_stands_once_in_every_epoch(folder: Path, memory_mb: float, count: int) -> None:
    """200 items are more than the buffer of a streamed epoch holds, 32 batches of 4."""
    batches = opened(folder, count, memory_mb)
    assert count < 100 or len(shard_names(folder, "train")) > 5
    for epoch in (1, 2):
        found = list(batches.epoch(epoch))
        assert len(found) == len(batches)
        assert sorted(rows(found)) == list(range(count))
        assert all(len(batch.index) > 1 for batch in found)


@both
def test_image_text_and_labels_of_a_row_belong_together(folder: Path, memory_mb: float) -> None:
    """The row counts the training set from 0; the pair table's own row has no say."""
    for batch in [
        *opened(folder, 50, memory_mb, captions=2).epoch(3),
        *opened(folder, 50, memory_mb).in_order(),
    ]:
        assert batch.image.dtype == torch.float32
        assert batch.text.dtype == batch.index.dtype == torch.int64
        assert batch.labels.dtype == torch.float32
        assert torch.equal(batch.image[:, 0].long(), batch.index)
        assert torch.equal(batch.text[:, 0] // 1000, batch.index)
        assert torch.equal(batch.labels.argmax(dim=1), batch.index % 2)
        assert torch.equal(batch.labels.sum(dim=1), torch.ones(len(batch.index)))


@both
def test_seed_and_epoch_alone_decide_the_order(folder: Path, memory_mb: float) -> None:
    first, second = opened(folder, 150, memory_mb), opened(folder, 150, memory_mb)
    for _ in second.epoch(7):
        break
    list(second.in_order())
    torch.manual_seed(5)
    np.random.seed(5)
    assert same(list(first.epoch(2)), list(second.epoch(2)))
    assert same(list(first.epoch(2)), list(first.epoch(2)))
    other_epoch, other_seed = first.epoch(3), opened(folder, 150, memory_mb, seed=1).epoch(2)
    assert rows(list(first.epoch(2))) != rows(list(other_epoch))
    assert rows(list(first.epoch(2))) != rows(list(other_seed))


@both
def test_neighbours_in_the_shards_are_spread(folder: Path, memory_mb: float) -> None:
    """200 items lie in shards of about 14; each quarter of an epoch has items of most of them."""
    found = rows(list(opened(folder, 200, memory_mb).epoch(1)))
    assert found != sorted(found)
    for start in range(0, 200, 50):
        assert len({row // 14 for row in found[start : start + 50]}) > 5


@both
def test_in_order_is_the_order_of_the_split_with_first_captions(folder: Path, memory_mb: float) -> None:
    found = list(opened(folder, 41, memory_mb, captions=3).in_order())
    assert rows(found) == list(range(41))
    assert set(shown(found).values()) == {0}


def test_both_ways_give_the_same_items_in_order(folder: Path) -> None:
    assert same(
        list(opened(folder, 41, IN_MEMORY, captions=2).in_order()),
        list(opened(folder, 41, STREAMED, captions=2).in_order()),
    )


@both
def test_a_random_caption_is_drawn_for_every_epoch(folder: Path, memory_mb: float) -> None:
    batches = opened(folder, 60, memory_mb, captions=3)
    first, second = shown(list(batches.epoch(1))), shown(list(batches.epoch(2)))
    assert first != second
    counts = Counter([*first.values(), *second.values()])
    assert set(counts) == {0, 1, 2}
    assert min(counts.values()) > 20  # of 120 drawn, 40 are expected of each


@both
def test_the_first_caption_on_demand(folder: Path, memory_mb: float) -> None:
    batches = opened(folder, 60, memory_mb, captions=3, caption="first")
    assert set(shown([*batches.epoch(1), *batches.epoch(2)]).values()) == {0}


@both
def test_a_part_of_one_item_can_be_read_in_order(folder: Path, memory_mb: float) -> None:
    """A validation part may be as small as that."""
    found = list(opened(folder, 1, memory_mb, batch=64).in_order())
    assert rows(found) == [0]
    assert found[0].image.shape == (1, 2)


@both
def test_a_batch_larger_than_the_part_holds_all_of_it(folder: Path, memory_mb: float) -> None:
    batches = opened(folder, 5, memory_mb, batch=64)
    assert len(batches) == 1
    assert sorted(rows(list(batches.epoch(1)))) == list(range(5))


def test_text_vectors_take_the_place_of_captions(folder: Path) -> None:
    vectors = [
        Item(n, str(n), np.array([n], np.float32), ("ignored",), np.array([n, -n], np.float32), ("odd",))
        for n in range(6)
    ]
    write_shards(folder, {"train": vectors}, 1)
    reading = Reading(CLASSES, item_reader(plain, plain), 4, 0, "random")
    for memory_mb in (IN_MEMORY, STREAMED):
        for batch in open_batches(folder, "train", 6, reading, memory_mb).epoch(1):
            assert torch.equal(batch.text, torch.stack([batch.index, -batch.index], dim=1).float())


@pytest.mark.parametrize(
    ("count", "batch", "expected"),
    [
        (8, 4, [(0, 4), (4, 8)]),
        (9, 4, [(0, 4), (4, 9)]),
        (10, 4, [(0, 4), (4, 8), (8, 10)]),
        (5, 4, [(0, 5)]),
        (3, 4, [(0, 3)]),
        (1, 4, [(0, 1)]),
        (3, 2, [(0, 3)]),
    ],
)
def test_a_single_leftover_joins_the_batch_before(
    count: int, batch: int, expected: list[tuple[int, int]]
) -> None:
    assert starts(count, batch) == expected


def test_the_limit_holds_for_all_items_not_for_the_first(folder: Path) -> None:
    """The first of 30 items has one caption, the others five: 30 x 8 + 8 + 29 x 40 = 1,408 bytes."""
    first, *others = items(30, 5)
    write_shards(folder, {"train": [replace(first, captions=first.captions[:1]), *others]}, 0.03)
    assert isinstance(opened(folder, 30, 1408 / 1e6), MemoryBatches)
    assert isinstance(opened(folder, 30, 1407 / 1e6), StreamedBatches)


def test_the_buffer_of_a_streamed_epoch_keeps_to_the_limit(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images of 8 bytes: with 80 bytes ten wait, so that an item comes at most so much too early."""
    monkeypatch.setattr(streamed_batches, "LEAST", 0)
    found = rows(list(opened(folder, 200, 80 / 1e6, shard_mb=10).epoch(1)))
    assert sorted(found) == list(range(200)) != found
    assert all(row - place <= 10 for place, row in enumerate(found))


def test_of_several_captions_a_streamed_step_prepares_the_shown_one_alone(folder: Path) -> None:
    write_shards(folder, {"train": items(20, 5)}, 0.03)
    prepared_texts: list[object] = []

    def counted(raw: object) -> np.ndarray:
        prepared_texts.append(raw)
        return number(raw)  # type: ignore[arg-type]

    reading = Reading(CLASSES, item_reader(plain, counted), 4, 0, "random")
    batches = open_batches(folder, "train", 20, reading, STREAMED)
    prepared_texts.clear()
    assert len(list(batches.epoch(1))) == 5
    assert len(prepared_texts) == 20
    assert len(list(batches.in_order())) == 5
    assert len(prepared_texts) == 40


# Parts of several processes


@both
@pytest.mark.parametrize(("count", "ranks"), [(50, 2), (43, 3), (41, 4), (17, 4)])
def test_the_parts_of_all_processes_are_the_batches_of_one(
    folder: Path, memory_mb: float, count: int, ranks: int
) -> None:
    """Every item once an epoch, as many steps for each, equally large; in memory the same batches."""
    whole = list(opened(folder, count, memory_mb).epoch(1))
    parts = [
        list(opened(folder, count, memory_mb, share=Share(rank, ranks)).epoch(1)) for rank in range(ranks)
    ]
    together = [rows_of_all(step) for step in zip(*parts, strict=True)]
    assert [len(rows) for rows in together] == [len(batch.index) for batch in whole]
    assert sorted(row for step in together for row in step) == list(range(count))
    if memory_mb == IN_MEMORY:
        assert together == [batch.index.tolist() for batch in whole]


@both
@pytest.mark.parametrize(("count", "ranks"), [(50, 2), (41, 4), (1, 2)])
def test_the_parts_in_order_are_the_whole_in_order(
    folder: Path, memory_mb: float, count: int, ranks: int
) -> None:
    whole = [batch.index.tolist() for batch in opened(folder, count, memory_mb, captions=2).in_order()]
    parts = [
        list(opened(folder, count, memory_mb, captions=2, share=Share(rank, ranks)).in_order())
        for rank in range(ranks)
    ]
    assert [rows_of_all(step) for step in zip(*parts, strict=True)] == whole
    for part in parts:
        for batch in part:
            assert len(batch.index) == len(batch.image) == len(batch.text) == len(batch.labels) > 0


def rows_of_all(step: Sequence[PairBatch]) -> list[int]:
    """Rows of one step of all processes, without stand-ins."""
    sizes = step[0].sizes
    assert all(batch.sizes == sizes for batch in step)
    assert max(sizes) - min(sizes) <= 1
    return [row for batch, size in zip(step, sizes, strict=True) for row in batch.index[:size].tolist()]


def test_a_streamed_process_reads_its_own_shards_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of as many shards as there are, two processes share one at most."""
    read = list[str]()

    def noted(folder: Path, name: str) -> Iterator[Item]:
        read.append(name)
        return read_shard(folder, name)

    monkeypatch.setattr(streamed_batches, "read_shard", noted)
    shards = len(opened(folder, 150, STREAMED).shards)  # type: ignore[attr-defined]
    for rank in range(2):
        list(opened(folder, 150, STREAMED, share=Share(rank, 2)).epoch(1))
    assert shards <= len(read) <= shards + 1
    assert set(read) == {name for name, _ in opened(folder, 150, STREAMED).shards}  # type: ignore[attr-defined]
