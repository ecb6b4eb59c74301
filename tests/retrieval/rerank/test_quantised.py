from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crosshash.artifacts import write_npz
from crosshash.errors import CrosshashError
from crosshash.retrieval.rerank.quantised import read_quantised, read_real

ITEMS, QUERIES, D = 7, 3, 4


def quantised(**changes: Any) -> dict[str, np.ndarray]:  # noqa: ANN401
    """Arrays of `quantised.npz`; a change to None leaves an array out."""
    generator = np.random.default_rng(0)
    arrays = {
        "used": np.array(True),
        "codebook": generator.normal(0, 1, (2, 3, D)).astype(np.float32),
        "image": generator.integers(0, 3, (ITEMS, 2)).astype(np.uint8),
        "text": generator.integers(0, 3, (ITEMS, 2)).astype(np.uint8),
        "query_image": generator.normal(0, 1, (QUERIES, D)).astype(np.float32),
        "query_text": generator.normal(0, 1, (QUERIES, D)).astype(np.float32),
    } | changes
    return {key: value for key, value in arrays.items() if value is not None}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path, arrays = tmp_path / "quantised.npz", quantised()
    write_npz(path, arrays)
    found = read_quantised(path, ITEMS, QUERIES)
    assert found is not None
    assert np.array_equal(found.codebook.dictionaries, arrays["codebook"])
    for modality in ("image", "text"):
        assert np.array_equal(found.words[modality], arrays[modality])  # type: ignore[index]
        assert np.array_equal(found.queries[modality], arrays[f"query_{modality}"])  # type: ignore[index]


def test_a_dictionary_may_have_one_word(tmp_path: Path) -> None:
    words = np.zeros((ITEMS, 2), np.uint8)
    write_npz(tmp_path / "q.npz", quantised(codebook=np.ones((2, 1, D), np.float32), image=words, text=words))
    assert read_quantised(tmp_path / "q.npz", ITEMS, QUERIES) is not None


def test_there_may_be_no_item(tmp_path: Path) -> None:
    nothing = np.zeros((0, 2), np.uint8)
    write_npz(tmp_path / "q.npz", quantised(image=nothing, text=nothing))
    found = read_quantised(tmp_path / "q.npz", 0, QUERIES)
    assert found is not None
    assert len(found.words["text"]) == 0


def test_methods_that_do_not_quantise_have_nothing(tmp_path: Path) -> None:
    write_npz(tmp_path / "quantised.npz", {"used": np.array(False)})
    assert read_quantised(tmp_path / "quantised.npz", ITEMS, QUERIES) is None


NAN = np.full((QUERIES, D), np.nan, np.float32)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"codebook": None, "text": None}, "no array codebook, text"),
        ({"codebook": np.zeros((2, 3), np.float32)}, r"not \[2, 3\]"),
        ({"image": np.zeros((ITEMS, 3), np.uint8)}, r"image is uint8\[7, 3\], not uint\[N, 2\]"),
        ({"text": np.zeros((ITEMS, 2), np.int64)}, r"text is int64\[7, 2\]"),
        ({"text": np.full((ITEMS, 2), 3, np.uint8)}, "text names word 3; there are 3"),
        ({"query_text": NAN}, r"query_text, row 0: no finite numbers \(3 rows\)"),
        ({"query_image": np.zeros((QUERIES, 5), np.float32)}, r"query_image is float32\[3, 5\]"),
        ({"query_image": np.zeros((QUERIES, D))}, r"query_image is float64\[3, 4\]"),
        ({"query_image": np.zeros((QUERIES, D, 1), np.float32)}, r"query_image is float32\[3, 4, 1\]"),
        ({"text": np.zeros(ITEMS, np.uint8)}, r"text is uint8\[7\], not uint\[N, 2\]"),
        ({"image": np.zeros((ITEMS, 2, 1), np.uint8)}, r"image is uint8\[7, 2, 1\]"),
        (
            {"query_text": np.where(np.eye(QUERIES, D, 1), NAN, np.float32(1))[:, ::-1].astype(np.float32)},
            r"query_text, row 0: no finite numbers \(3 rows\)",
        ),
        ({"image": np.zeros((ITEMS - 1, 2), np.uint8)}, "rows are not those of the codes"),
        ({"query_text": np.zeros((QUERIES + 1, D), np.float32)}, "rows are not those of the codes"),
    ],
)
def test_arrays_that_do_not_fit_are_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    write_npz(tmp_path / "quantised.npz", quantised(**changes))
    with pytest.raises(CrosshashError, match=rf"quantised\.npz: (.|\n)*{message}(.|\n)*dvc repro encode"):
        read_quantised(tmp_path / "quantised.npz", ITEMS, QUERIES)


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    changes = {"image": np.full((ITEMS, 2), 9, np.uint8), "query_image": NAN}
    write_npz(tmp_path / "quantised.npz", quantised(**changes))
    with pytest.raises(CrosshashError, match=r"image names word 9(.|\n)*query_image, row 0"):
        read_quantised(tmp_path / "quantised.npz", ITEMS)


def real(**changes: Any) -> dict[str, np.ndarray]:  # noqa: ANN401
    ones = np.ones((ITEMS, D), np.float32)
    return {"used": np.array(True), "image": ones, "text": 2 * ones, **changes}


def test_real_vectors_are_read(tmp_path: Path) -> None:
    write_npz(tmp_path / "real.npz", real())
    found = read_real(tmp_path / "real.npz", ITEMS, D)
    assert (found["image"] == 1).all()
    assert (found["text"] == 2).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"used": np.array(False)}, "is of another run than quantised.npz"),
        ({"image": np.zeros((ITEMS, D + 1), np.float32)}, r"image is float32\[7, 5\]"),
        ({"text": np.full((ITEMS, D), np.inf, np.float32)}, "text, row 0"),
        ({"text": np.ones((ITEMS + 1, D), np.float32)}, "rows are not those of the codes"),
    ],
)
def test_real_vectors_that_do_not_fit_are_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    write_npz(tmp_path / "real.npz", real(**changes))
    with pytest.raises(CrosshashError, match=rf"^{tmp_path}/real\.npz: (.|\n)*{message}"):
        read_real(tmp_path / "real.npz", ITEMS, D)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(CrosshashError, match=r"quantised\.npz: not found"):
        read_quantised(tmp_path / "quantised.npz", ITEMS)
    with pytest.raises(CrosshashError, match=r"real\.npz: not found"):
        read_real(tmp_path / "real.npz", ITEMS, D)
