"""Codes of other code bases in .mat files of any version; how values are read is tested with the scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from crosshash.errors import CrosshashError
from crosshash.retrieval.codefiles.foreign import read_foreign
from tests.formats.mat_files import write_mat73

CODES = np.array([[1, -1, 1], [-1, -1, 1]], dtype=np.int8)
LABELS = np.array([[1, 0], [1, 1]], dtype=np.uint8)
SIX = {
    "q_img": CODES,
    "q_txt": -CODES,
    "r_img": np.tile(CODES, (2, 1)),
    "r_txt": np.tile(-CODES, (2, 1)),
    "q_l": LABELS,
    "r_l": np.tile(LABELS, (2, 1)),
}


def test_all_versions_say_the_same(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "5.mat", SIX)
    scipy.io.savemat(tmp_path / "4.mat", {key: value * 1.0 for key, value in SIX.items()}, format="4")
    write_mat73(tmp_path / "7.3.mat", SIX)
    write_mat73(
        tmp_path / "sparse.mat",
        {
            key: scipy.sparse.csc_array(value.astype(bool)) if key.endswith("l") else value
            for key, value in SIX.items()
        },
    )
    for name in ("5", "4", "7.3", "sparse"):
        query, retrieval, read_as = read_foreign(tmp_path / f"{name}.mat")
        assert query.labels.tolist() == LABELS.tolist()
        assert len(retrieval.labels) == 4
        assert query.image.packed.tolist() == [[0b10100000], [0b00100000]]
        assert query.text.packed.tolist() == [[0b01000000], [0b11000000]]
        assert read_as == "six arrays of codes of 3 bits: +-1; labels: 0/1, 2 classes"


def test_absent_and_foreign_arrays(tmp_path: Path) -> None:
    path = tmp_path / "codes.mat"
    scipy.io.savemat(path, {**SIX, "settings": {"bits": 3.0}})
    assert len(read_foreign(path)[0].labels) == 2
    scipy.io.savemat(path, {"q_img": CODES, "settings": {"bits": 3.0}})
    with pytest.raises(
        CrosshashError, match="no array q_txt, r_img, r_txt, q_l, r_l; there are: q_img, settings"
    ):
        read_foreign(path)
    scipy.io.savemat(path, {**SIX, "q_l": {"bits": 3.0}})
    with pytest.raises(CrosshashError, match="'q_l' is a struct"):
        read_foreign(path)
    scipy.io.savemat(path, {**SIX, "q_l": np.array(["a", "b"])})
    with pytest.raises(CrosshashError, match=r"q_l is .* a table of numbers is needed"):
        read_foreign(path)
