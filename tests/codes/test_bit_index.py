from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosshash.artifacts import read_json, write_json, write_npz
from crosshash.codes.bit_index import (
    MEASURES,
    BitIndex,
    cut,
    most_significant,
    read_bit_index,
    read_kept_bits,
    write_bit_index,
)
from crosshash.codes.hashcodes import pack
from crosshash.errors import CrosshashError


def chosen(bits: int = 6, kept: int = 4) -> BitIndex:
    generator = np.random.default_rng(0)
    significances = {name: generator.random(bits) for name in MEASURES}
    scores = {name: {"i2t": 0.5, "t2i": 0.25} for name in MEASURES}
    return BitIndex(most_significant(significances["activity"], kept), significances, "activity", scores)


def test_the_largest_come_first_and_of_equal_ones_the_first() -> None:
    """By hand: 0.9 stands at 3, then 0.5 at 1 and 4, then 0.2 at 0, then 0.1 at 2."""
    significance = np.array([0.2, 0.5, 0.1, 0.9, 0.5])
    assert most_significant(significance, 5).tolist() == [3, 1, 4, 0, 2]
    assert most_significant(significance, 2).tolist() == [3, 1]


def test_of_many_equal_ones_the_first_come_first() -> None:
    """Long enough that a sort which is not stable mixes them."""
    order = most_significant(np.tile([0.25, 0.5], 500), 1000)
    assert order.tolist() == [*range(1, 1000, 2), *range(0, 1000, 2)]


def test_the_most_significant_bits_are_kept_not_the_least() -> None:
    """Published code keeps the tail of a descending order, or an empty slice [128 - bits : bits]."""
    significance = np.arange(128) / 128
    for bits in (16, 32, 64):
        kept = most_significant(significance, bits)
        assert sorted(kept) == list(range(128 - bits, 128))


@given(st.data())
def test_a_shorter_code_is_the_beginning_of_a_longer_one(data: st.DataObject) -> None:
    bits = data.draw(st.integers(1, 40))
    values = data.draw(st.lists(st.floats(-2, 2), min_size=bits, max_size=bits))
    kept = data.draw(st.integers(1, bits))
    longest = most_significant(np.array(values), bits)
    assert sorted(longest) == list(range(bits))
    assert np.array_equal(most_significant(np.array(values), kept), longest[:kept])


@given(st.integers(1, 40), st.integers(0, 2**32 - 1), st.data())
def test_a_cut_code_holds_the_bits_of_the_index_in_its_order(
    bits: int, seed: int, data: st.DataObject
) -> None:
    values = np.random.default_rng(seed).normal(size=(5, bits))
    index = np.array(data.draw(st.permutations(range(bits))))[: data.draw(st.integers(1, bits))]
    expected = [[values[row, bit] for bit in index] for row in range(5)]
    assert np.array_equal(cut(pack(values), bits, index), pack(np.array(expected)))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    before = chosen()
    write_bit_index(tmp_path, before)
    after = read_bit_index(tmp_path)
    assert after is not None
    assert np.array_equal(after.index, before.index)
    assert after.index.dtype == np.int64
    assert after.significances.keys() == before.significances.keys() == set(MEASURES)
    for name in MEASURES:
        assert np.array_equal(after.significances[name], before.significances[name])
    assert (after.chosen, after.validation, after.trained_bits) == ("activity", before.validation, 6)
    written = read_json(tmp_path / "bit_index.json")
    assert written == {"used": True, "significance": "activity", "validation": before.validation}
    first = [path.read_bytes() for path in sorted(tmp_path.iterdir())]
    write_bit_index(tmp_path, before)
    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == first


@pytest.mark.parametrize("bits", [1, 6])
def test_a_single_bit_is_an_index(tmp_path: Path, bits: int) -> None:
    write_bit_index(tmp_path, chosen(bits, kept=1))
    after = read_bit_index(tmp_path)
    assert after is not None
    assert after.index.tolist() == chosen(bits, kept=1).index.tolist()


def test_a_method_without_cut_codes_has_files_that_say_so(tmp_path: Path) -> None:
    write_bit_index(tmp_path, None)
    assert read_bit_index(tmp_path) is None
    assert read_json(tmp_path / "bit_index.json") == {"used": False}


@pytest.mark.parametrize(
    "index",
    [
        np.array([0, 1, 1]),  # a bit that stands twice
        np.array([0, 6]),  # one that the code does not have
        np.array([-1, 2]),
        np.array([0.0, 1.0]),
        np.array([], dtype=np.int64),
        np.array([[0, 1]]),
    ],
)
def test_an_index_that_is_none_is_refused(tmp_path: Path, index: np.ndarray) -> None:
    write_bit_index(tmp_path, chosen())
    arrays = {"used": np.array(True), "index": index, **chosen().significances}
    write_npz(tmp_path / "bit_index.npz", arrays)
    with pytest.raises(CrosshashError, match=r"bit_index\.npz: holds no index of bits\. .*dvc repro encode"):
        read_bit_index(tmp_path)


def test_files_that_do_not_fit_one_another_are_refused(tmp_path: Path) -> None:
    """No index, significances of two lengths, and a choice that says that nothing is cut."""
    arrays = {"used": np.array(True), "index": np.array([0, 2]), **chosen().significances}
    broken: list[tuple[dict[str, np.ndarray], bool]] = [
        ({name: values for name, values in arrays.items() if name != "index"}, True),
        (arrays | {"alignment": np.zeros(5)}, True),
        (arrays, False),
    ]
    for held, used in broken:
        write_bit_index(tmp_path, chosen())
        write_npz(tmp_path / "bit_index.npz", held)
        if not used:
            write_json(tmp_path / "bit_index.json", {"used": False})
        with pytest.raises(CrosshashError, match=r"bit_index\.npz: holds no index of bits"):
            read_bit_index(tmp_path)


def test_arrays_that_do_not_say_whether_they_are_used_are(tmp_path: Path) -> None:
    write_bit_index(tmp_path, chosen())
    write_npz(tmp_path / "bit_index.npz", {"index": np.array([0, 2]), **chosen().significances})
    found = read_bit_index(tmp_path)
    assert found is not None
    assert found.index.tolist() == [0, 2]


def test_kept_bits_are_those_of_a_code_of_the_same_length(tmp_path: Path) -> None:
    write_bit_index(tmp_path, chosen())
    assert read_kept_bits(tmp_path, 6).tolist() == chosen().index.tolist()
    with pytest.raises(CrosshashError, match=rf"{tmp_path}: codes of another model\. Run `dvc repro encode`"):
        read_kept_bits(tmp_path, 7)
    write_bit_index(tmp_path, None)
    with pytest.raises(CrosshashError, match="codes of another model"):
        read_kept_bits(tmp_path, 6)


@pytest.mark.parametrize("name", ["bit_index.npz", "bit_index.json"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    write_bit_index(tmp_path, chosen())
    (tmp_path / name).unlink()
    with pytest.raises(CrosshashError, match=rf"{name}: not found"):
        read_bit_index(tmp_path)
