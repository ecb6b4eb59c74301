from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from crosshash.errors import CrosshashError
from crosshash.formats import stored_rows
from crosshash.formats.feature_file import constant_columns, read_features
from crosshash.formats.stored_rows import StoredRows, large_matrices

NUMBERS = np.random.default_rng(0).normal(size=(50, 6))


@pytest.fixture(autouse=True)
def _everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_rows, "LARGE", 0)
    monkeypatch.setattr(stored_rows, "BLOCK", 7 * 6 * 8)


@pytest.mark.parametrize("kind", ["f4", "f8", "f2", "<i4", ">f4", "u1"])
def test_rows_are_those_of_the_matrix(tmp_path: Path, kind: str) -> None:
    matrix = (100 * np.abs(NUMBERS)).astype(kind)
    np.savez(tmp_path / "a.npz", before=np.arange(3), image=matrix)
    rows = large_matrices(tmp_path / "a.npz", ["image", "text"])["image"]
    expected = matrix.astype(np.float32)
    assert rows.shape == (50, 6)
    assert np.array_equal(np.concatenate(list(rows.blocks())), expected)
    assert np.array_equal(rows[13], expected[13])
    some = np.array([4, 4, 49, 0])
    taken = pickle.loads(pickle.dumps(rows.take(some)))  # noqa: S301 - as another process gets it
    assert np.array_equal(np.concatenate(list(taken.blocks())), expected[some])
    assert np.array_equal(taken.take(np.array([2]))[0], expected[49])


def test_what_does_not_lie_there_plainly_is_left_to_numpy(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, image=NUMBERS)
    assert not large_matrices(path, ["image"])
    np.savez(path, image=np.asfortranarray(NUMBERS), text=NUMBERS[0], labels=NUMBERS > 0)
    assert not large_matrices(path, ["image", "text", "labels"])


def test_features_are_checked_as_those_in_memory_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last column is the same in every row; then two numbers of row 31 are none."""
    path = tmp_path / "a.npz"
    matrix = NUMBERS.astype(np.float32)
    matrix[:, 5] = 2
    np.savez(path, image=matrix, text=matrix[:, :3])
    features = read_features(path)
    assert isinstance(features.image, StoredRows)
    assert isinstance(features.text, StoredRows)
    assert (constant_columns(features.image), constant_columns(features.text)) == (1, 0)
    matrix[31, [0, 4]] = np.inf, np.nan
    np.savez(path, image=matrix)
    messages = []
    for large in (0, 1 << 20):
        monkeypatch.setattr(stored_rows, "LARGE", large)
        with pytest.raises(
            CrosshashError, match=r"2 NaN or infinite .* row\(s\) 31 and column\(s\) 0, 4"
        ) as told:
            read_features(path)
        messages.append(str(told.value))
    assert messages[0] == messages[1]


def test_a_damaged_byte_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, image=NUMBERS)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(zipfile.BadZipFile, match="Bad CRC"):
        large_matrices(path, ["image"])
    with pytest.raises(CrosshashError, match="Bad CRC"):
        read_features(path)
