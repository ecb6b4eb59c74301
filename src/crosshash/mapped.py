"""Arrays in .npy files that are mapped into memory, with a checksum behind the numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from crosshash.artifacts import altered, missing
from crosshash.checksums import BLANK, AlteredError, check, seal
from crosshash.errors import CrosshashError

Array = NDArray[Any]


def new_array(path: Path, kind: DTypeLike, shape: tuple[int, ...]) -> Array:
    """Make a file of zeros that is filled in by writing to the array; then `finish` it."""
    array: Array = np.lib.format.open_memmap(path, "w+", np.dtype(kind), shape)
    return array


def finish(path: Path, array: Array) -> None:
    """Write out what an array of `new_array` holds by now, and put the checksum behind it."""
    array.flush()  # type: ignore[attr-defined]
    with path.open("ab") as file:  # readers of .npy look no further than the array
        file.write(BLANK.encode())
    seal(path)


def map_array(path: Path, kind: DTypeLike, shape: tuple[int, ...], remedy: str) -> Array:
    """Map a finished file, read-only, once its checksum is right.

    Raises:
        CrosshashError: it is missing, cut, damaged, or holds other numbers.
    """
    try:
        with path.open("rb") as file:
            check(file)
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise missing(path) from None
    except AlteredError as error:
        raise altered(path, error, remedy) from None
    except (ValueError, OSError, EOFError) as error:
        raise CrosshashError(f"{path}: cannot be read as .npy ({error}). {remedy}") from None
    if array.shape != shape or array.dtype != kind:
        wanted = f"{np.dtype(kind)}{list(shape)}"
        raise CrosshashError(f"{path}: is {array.dtype}{list(array.shape)}, not {wanted}. {remedy}")
    return array
