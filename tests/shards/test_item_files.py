from __future__ import annotations

import io

import numpy as np
import pytest

from crosshash.shards import item_files


@pytest.mark.parametrize("kind", [np.float32, np.float16, np.int64])
@pytest.mark.parametrize("size", [0, 1, 512])
def test_vectors_are_read_as_numpy_reads_them(kind: type[np.generic], size: int) -> None:
    """Of several kinds one after the other, since headers that were met are kept."""
    for number in range(3):
        vector, saved = (np.arange(size) + number).astype(kind), io.BytesIO()
        np.save(saved, vector)
        data = item_files._npy(vector)
        assert data == saved.getvalue()
        assert item_files._npy_size(vector.dtype, vector.shape) == len(data)
        found = item_files._vector(data)
        assert found.dtype == kind
        assert np.array_equal(found, np.load(io.BytesIO(data)))
        assert found.flags.writeable
