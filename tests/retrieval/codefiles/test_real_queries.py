from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crosshash.artifacts import write_npz
from crosshash.errors import CrosshashError
from crosshash.retrieval.codefiles.real_queries import read_real_queries
from tests.retrieval.sets import random_set

QUERY = random_set("q", np.random.default_rng(0), 3, bits=5)
IMAGE = np.arange(15, dtype=np.int8).reshape(3, 5)


def test_real_codes_of_both_modalities_are_read(tmp_path: Path) -> None:
    write_npz(tmp_path / "query_real.npz", {"text": -IMAGE, "image": IMAGE, "other": IMAGE[:1]})
    found = read_real_queries(tmp_path / "query_real.npz", QUERY)
    assert {name: array.tolist() for name, array in found.items()} == {
        "image": IMAGE.tolist(), "text": (-IMAGE).tolist()
    }  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        {"image": IMAGE},
        {"image": IMAGE, "text": IMAGE[:2]},
        {"image": IMAGE[:, :4], "text": IMAGE},
        {"image": IMAGE, "text": IMAGE.astype(np.int16)},
    ],
)
def test_those_of_other_queries_are_refused(tmp_path: Path, content: dict[str, np.ndarray]) -> None:
    path = tmp_path / "query_real.npz"
    write_npz(path, content)
    with pytest.raises(
        CrosshashError, match=f"{path}: its rows are not those of the codes; run `dvc repro encode`"
    ):
        read_real_queries(path, QUERY)
