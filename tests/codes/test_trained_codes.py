from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from crosshash.codes.real_codes import to_half
from crosshash.codes.trained_codes import BLOCK, Block, ModelFacts, read_trained_codes, write_trained_codes
from crosshash.codes.vector_code import KINDS, Kind, VectorCode
from crosshash.errors import CrosshashError

BITS = 6


def some(items: int, seed: int = 0) -> Block:
    generator = np.random.default_rng(seed)
    image, text = generator.normal(size=(2, items, BITS)).astype(np.float16)
    return Block(np.arange(items), image, text, generator.random(items) < 0.8)


def pieces(whole: Block, size: int) -> Iterator[Block]:
    """Cut into blocks, in an order that is not that of the rows."""
    order = np.random.default_rng(1).permutation(len(whole.rows))
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        yield Block(rows, whole.image[rows], whole.text[rows], whole.has_text[rows])


def test_what_is_written_in_any_order_is_read_in_that_of_the_rows(tmp_path: Path) -> None:
    whole = some(BLOCK + 10)
    write_trained_codes(tmp_path / "new", ModelFacts("abc", BITS), len(whole.rows), pieces(whole, 1000))
    found = read_trained_codes(tmp_path / "new")
    assert (found.facts, found.items, found.kept) == (ModelFacts("abc", BITS), BLOCK + 10, True)
    blocks = list(found.blocks())
    assert [len(block.rows) for block in blocks] == [BLOCK, 10]
    for name in ("rows", "image", "text", "has_text"):
        joined = np.concatenate([getattr(block, name) for block in blocks])
        assert np.array_equal(joined, getattr(whole, name))
        assert joined.dtype == getattr(whole, name).dtype


def test_facts_come_back(tmp_path: Path) -> None:
    scores = {"weights": np.arange(6.0), "activity": np.ones(6)}
    facts = ModelFacts("abc", BITS, scores, np.ones((2, 3, 6), np.float32), np.zeros((4, 2), np.int64))
    write_trained_codes(tmp_path / "new", facts, 3, None)
    found = read_trained_codes(tmp_path / "new")
    assert not found.kept
    assert found.facts.significances is not None
    assert {name: one.tolist() for name, one in found.facts.significances.items()} == {
        name: one.tolist() for name, one in scores.items()
    }
    assert np.array_equal(found.facts.dictionaries, facts.dictionaries)  # type: ignore[arg-type]
    assert np.array_equal(found.facts.known, facts.known)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_how_items_are_stored_comes_back(tmp_path: Path, kind: Kind) -> None:
    words = to_half(np.random.default_rng(0).normal(size=(2, 16, 4))).astype(np.float32)
    code = VectorCode(kind, 8, words if kind == "pq" else None)
    facts = ModelFacts("abc", 8, {"weights": np.arange(8.0)}, vector_code=code)
    write_trained_codes(tmp_path / "new", facts, 3, None)
    found = read_trained_codes(tmp_path / "new").facts
    assert found.vector_code is not None
    assert found.vector_code.same(code)
    assert found.significances is not None
    assert found.significances["weights"].tolist() == list(range(8))
    assert found.dictionaries is None


def test_more_items_than_a_disk_holds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CrosshashError, match=rf"{tmp_path / 'new'}: cannot be written"):
        write_trained_codes(tmp_path / "new", ModelFacts("abc", BITS), 2**58, [])


def test_equal_codes_give_equal_bytes(tmp_path: Path) -> None:
    for name, size in (("one", 3), ("two", 20)):
        write_trained_codes(tmp_path / name, ModelFacts("abc", BITS), 20, pieces(some(20), size))
    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_a_missing_item_is_named(tmp_path: Path) -> None:
    with pytest.raises(CrosshashError, match=r"1 of 21 items are in no shard, row 20 for one\."):
        write_trained_codes(tmp_path / "new", ModelFacts("abc", BITS), 21, [some(20)])


@pytest.mark.parametrize("name", ["image.npy", "text.npy", "items.npz", "model.npz", "outputs.json"])
def test_a_flipped_bit_is_named(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "new"
    write_trained_codes(folder, ModelFacts("abc", BITS, {"weights": np.arange(6.0)}), 20, [some(20)])
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 3] ^= 4
    (folder / name).write_bytes(data)
    with pytest.raises(CrosshashError, match=name):
        list(read_trained_codes(folder).blocks())


def test_codes_of_another_shape_and_missing_ones_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    write_trained_codes(folder, ModelFacts("abc", BITS), 20, [some(20)])
    np.save(folder / "image.npy", np.zeros((20, 5), np.float16))
    with pytest.raises(CrosshashError, match=r"float16\[20, 5\], not float16\[20, 6\][\s\S]*dvc repro infer"):
        list(read_trained_codes(folder).blocks())
    (folder / "image.npy").unlink()
    with pytest.raises(CrosshashError, match=r"image\.npy: not found"):
        list(read_trained_codes(folder).blocks())
