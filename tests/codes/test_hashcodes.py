from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from crosshash.codes.hashcodes import HashCodes, pack, unpack
from crosshash.errors import CrosshashError


def names(count: int) -> np.ndarray:
    return np.array([f"item {i}" for i in range(count)], dtype=np.str_)


def test_bytes_by_hand() -> None:
    """Signs + - + + - - - - | + make the bytes 1011 0000 = 176 and 1000 0000 = 128."""
    signs = np.array([[1, -1, 1, 1, -1, -1, -1, -1, 1]], dtype=np.int8)
    assert pack(signs).tolist() == [[176, 128]]
    assert unpack(np.array([[176, 128]], dtype=np.uint8), 9).tolist() == signs.tolist()


def test_zero_and_minus_zero_count_as_plus_one() -> None:
    assert unpack(pack(np.array([[0.0, -0.0, -1e-30, 1e-30]])), 4).tolist() == [[1, 1, -1, 1]]
    assert unpack(pack(np.array([[0, -1, 3]])), 3).tolist() == [[1, -1, 1]]
    assert unpack(pack(np.array([[False, True]])), 2).tolist() == [[1, 1]]


def test_nan_is_refused_with_its_rows() -> None:
    values = np.ones((5, 3))
    values[1, 2] = values[4, 0] = np.nan
    with pytest.raises(CrosshashError, match=r"row 1\n.*row 4"):
        pack(values)


@settings(max_examples=60, deadline=None)
@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(0, 7), st.integers(1, 70)),
        elements=st.floats(-2, 2, width=32),
    )
)
def test_round_trip(values: np.ndarray) -> None:
    codes = HashCodes(pack(values), values.shape[1], names(len(values)))
    assert codes.packed.shape == (len(values), (values.shape[1] + 7) // 8)
    assert codes.signs().dtype == np.int8
    expected = [[1 if value >= 0 else -1 for value in row] for row in values.tolist()]
    assert codes.signs().tolist() == expected
    assert np.array_equal(pack(codes.signs()), codes.packed)


def test_take_by_index_and_mask_keeps_ids_beside_codes() -> None:
    codes = HashCodes(pack(np.eye(4) - 0.5), 4, names(4))
    taken = codes.take(np.array([3, 1]))
    assert taken.ids.tolist() == ["item 3", "item 1"]
    assert taken.signs().tolist() == [[-1, -1, -1, 1], [-1, 1, -1, -1]]
    assert codes.take(np.array([True, False, False, True])).ids.tolist() == ["item 0", "item 3"]
    assert len(codes) == 4
    assert len(taken) == 2


def test_frozen() -> None:
    codes = HashCodes(pack(np.ones((1, 2))), 2, names(1))
    with pytest.raises(dataclasses.FrozenInstanceError):
        codes.bits = 3  # type: ignore[misc]


def test_every_problem_is_named_at_once() -> None:
    packed = np.array([[0b10100000], [0b10110000]], dtype=np.uint8)
    with pytest.raises(CrosshashError) as caught:
        HashCodes(packed, 3, np.array(["a", "a"]))
    message = str(caught.value)
    assert "row 1 has bits set after bit 3" in message
    assert "id 'a' stands 2 times" in message


@pytest.mark.parametrize(
    ("packed", "bits", "ids", "said"),
    [
        (np.zeros((2, 1), np.uint8), 9, np.array(["a", "b"]), r"uint8\[N, 2\]"),
        (np.zeros((2, 2), np.int64), 9, np.array(["a", "b"]), "int64"),
        (np.zeros(2, np.uint8), 8, np.array(["a", "b"]), r"uint8\[2\]"),
        (np.zeros((2, 1), np.uint8), 8, np.array(["a"]), "one text per row"),
        (np.zeros((2, 1), np.uint8), 8, np.array([1, 2]), "one text per row"),
        (np.zeros((2, 0), np.uint8), 0, np.array(["a", "b"]), "at least 1 bit"),
    ],
)
def test_arrays_that_do_not_fit(packed: np.ndarray, bits: int, ids: np.ndarray, said: str) -> None:
    with pytest.raises(CrosshashError, match=said):
        HashCodes(packed, bits, ids)


@pytest.mark.parametrize("bits", [8, 9, 12, 16])
def test_pad_bits_end_where_the_code_does(bits: int) -> None:
    """All bits of row 0 are set, row 1 has the first pad bit beside them; whole bytes have none."""
    full = pack(np.ones((2, bits)))
    assert HashCodes(full, bits, names(2)).signs().all()
    full[1, -1] |= 0x80 >> bits % 8
    if bits % 8:
        with pytest.raises(CrosshashError, match=rf"row 1 has bits set after bit {bits} \(1 rows\)"):
            HashCodes(full, bits, names(2))
