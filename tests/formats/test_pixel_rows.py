from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from crosshash.errors import CrosshashError
from crosshash.formats.matlab.mat import MatVariable, list_mat
from crosshash.formats.pixel_rows import pixel_counts, read_pixel_rows
from crosshash.pairs.source import PixelRows
from tests.formats.mat_files import write_mat73

PICTURES = np.random.default_rng(0).integers(0, 256, (7, 4, 5, 3), dtype=np.uint8)
"""Seven pictures of 4 rows, 5 columns, 3 colours."""

ORDERS = {"matlab": (1, 2, 3, 0), "numpy": (0, 1, 2, 3), "torch": (0, 3, 1, 2), "h5py": (3, 2, 1, 0)}
"""Their axes as MATLAB sees them, when MATLAB, savemat (two ways) or h5py wrote them."""


def save(path: Path, array: np.ndarray) -> Path:
    scipy.io.savemat(path, {"IAll": array})
    return path


def save73(path: Path, array: np.ndarray) -> Path:
    return write_mat73(path, {"IAll": array})


@pytest.mark.parametrize("write", [save, save73])
@pytest.mark.parametrize("order", ORDERS)
def test_parts_in_every_order_of_axes(
    tmp_path: Path, write: Callable[[Path, np.ndarray], Path], order: str
) -> None:
    path = write(tmp_path / "a.mat", PICTURES.transpose(ORDERS[order]))
    assert pixel_counts(list_mat(path)["IAll"]) == (7,)
    pixels = PixelRows(path, "IAll", 7)
    for start, stop in ((0, 7), (2, 5), (6, 9), (3, 3)):
        found = read_pixel_rows(pixels, start, stop)
        assert found.dtype == np.uint8
        assert found.flags.c_contiguous
        np.testing.assert_array_equal(found, PICTURES[start:stop])


def test_pictures_stand_upright_as_published_loaders_turn_them(tmp_path: Path) -> None:
    """h5py sees N x 3 x width x height in the published files.

    The authors' loader makes N x height x width x 3 of it by exchanging axes 1 and 3 (jiangqy/DCMH-CVPR2017,
    DCMH_tensorflow/load_data.py; the same in zyfsa/cvpr2018-SSAH, load_data.py, and penghu-cs/UCCH,
    src/cmdataset.py); zs-zhong/DJSRH, datasets.py, reverses the axes of one picture and shows it by Pillow.
    """
    path = save73(tmp_path / "mirflickr25k-iall.mat", PICTURES.transpose(ORDERS["matlab"]))
    with h5py.File(path) as file:
        seen = file["IAll"][()]
    assert seen.shape == (7, 3, 5, 4)
    found = read_pixel_rows(PixelRows(path, "IAll", 7), 0, 7)
    np.testing.assert_array_equal(found, np.swapaxes(seen, 1, 3))
    np.testing.assert_array_equal(found[2], seen[2].T)


def test_the_number_of_items_settles_what_the_shape_leaves_open(tmp_path: Path) -> None:
    """5 x 3 x 3 x 8 may be 8 pictures of 5 x 3 as MATLAB keeps them, or 5 of 3 x 8 of torch."""
    assert pixel_counts(MatVariable((3, 8, 3, 4), "uint8")) == (4,)
    assert pixel_counts(MatVariable((3, 8, 3, 3), "uint8")) == (3,)
    assert pixel_counts(MatVariable((5, 3, 3, 8), "uint8")) == (8, 5)
    array = np.arange(360, dtype=np.uint16).astype(np.uint8).reshape(5, 3, 3, 8)
    path = save(tmp_path / "a.mat", array)
    assert read_pixel_rows(PixelRows(path, "IAll", 8), 0, 1).shape == (1, 5, 3, 3)
    np.testing.assert_array_equal(
        read_pixel_rows(PixelRows(path, "IAll", 5), 1, 2), array[1:2].transpose(0, 2, 3, 1)
    )
    assert pixel_counts(MatVariable((7, 4, 5), "uint8")) == ()
    assert pixel_counts(MatVariable((7, 4, 5, 4), "uint8")) == ()


def test_only_the_rows_asked_for_are_in_memory(tmp_path: Path) -> None:
    """60,000 pictures of 224 x 224 would take 9 GB; a file of version 7.3 gives up the rows alone."""
    path = tmp_path / "a.mat"
    with h5py.File(path, "w") as file:
        stored = file.create_dataset("IAll", (60_000, 3, 224, 224), np.uint8, chunks=(1, 3, 224, 224))
        stored[50_001] = 7
    tracemalloc.start()
    found = read_pixel_rows(PixelRows(path, "IAll", 60_000), 50_000, 50_003)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.max(axis=(1, 2, 3)).tolist() == [0, 7, 0]
    assert peak < 10_000_000


def test_whole_numbers_of_other_types(tmp_path: Path) -> None:
    path = save(tmp_path / "a.mat", PICTURES.astype(np.float32))
    found = read_pixel_rows(PixelRows(path, "IAll", 7), 1, 3)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, PICTURES[1:3])


@pytest.mark.parametrize("value", [0.5, -1.0, 256.0, np.nan, np.inf])
@pytest.mark.parametrize("write", [save, save73])
def test_values_that_are_no_pixels(
    tmp_path: Path, write: Callable[[Path, np.ndarray], Path], value: float
) -> None:
    array = PICTURES.astype(np.float64)
    array[4, 1, 1, 1] = value
    pixels = PixelRows(write(tmp_path / "a.mat", array), "IAll", 7)
    assert read_pixel_rows(pixels, 0, 4).shape == (4, 4, 5, 3)
    with pytest.raises(
        CrosshashError, match="whole numbers from 0 to 255, first in picture 4, counted from 0"
    ):
        read_pixel_rows(pixels, 3, 7)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    pixels = PixelRows(save(tmp_path / "a.mat", PICTURES), "IAll", 7)
    read_pixel_rows(pixels, 0, 1)
    save(pixels.path, PICTURES[::-1])
    os.utime(pixels.path, (1, 1))
    np.testing.assert_array_equal(read_pixel_rows(pixels, 0, 1), PICTURES[-1:])


def test_no_such_array(tmp_path: Path) -> None:
    path = save(tmp_path / "a.mat", PICTURES)
    for pixels, finding in (
        (PixelRows(path, "images", 7), "'images' is no such array"),
        (PixelRows(path, "IAll", 8), "'IAll' has the shape 7 x 4 x 5 x 3; it must hold 8 pictures"),
    ):
        with pytest.raises(CrosshashError, match=finding):
            read_pixel_rows(pixels, 0, 1)


def test_pictures_in_another_file_are_not_read(tmp_path: Path) -> None:
    other = save73(tmp_path / "other.mat", PICTURES)
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["IAll"] = h5py.ExternalLink(str(other), "/IAll")
    with pytest.raises(CrosshashError, match="'IAll' is no such array"):
        read_pixel_rows(PixelRows(tmp_path / "a.mat", "IAll", 7), 0, 1)


def test_a_damaged_chunk_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    with h5py.File(path, "w") as file:
        stored = file.create_dataset("IAll", data=PICTURES, chunks=(1, 4, 5, 3), compression="gzip")
        place = stored.id.get_chunk_info(3)
    with path.open("r+b") as raw:
        raw.seek(place.byte_offset)
        raw.write(b"\xff" * place.size)
    assert read_pixel_rows(PixelRows(path, "IAll", 7), 0, 3).shape == (3, 4, 5, 3)
    with pytest.raises(CrosshashError, match=r"a\.mat: cannot be read as a \.mat file"):
        read_pixel_rows(PixelRows(path, "IAll", 7), 3, 4)
