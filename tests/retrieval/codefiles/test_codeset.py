from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crosshash.artifacts import write_npz
from crosshash.codes.vector_code import Kind, VectorCode, fit_words
from crosshash.errors import CrosshashError
from crosshash.retrieval.codefiles.codeset import BLOCK, check_fit, read_code_set
from tests.retrieval.sets import arrays, code_set, random_set, write_set


def test_what_is_written_is_read(tmp_path: Path) -> None:
    codes = random_set("q", np.random.default_rng(0), 5, bits=20)
    write_set(tmp_path / "query.npz", codes)
    read = read_code_set(tmp_path / "query.npz")
    assert read.bits == 20
    for key, array in arrays(codes).items():
        assert np.array_equal(arrays(read)[key], array), key


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.pop("has_text"), "no array has_text; there are: image, text"),
        (lambda a: a.update(bits=np.array(40)), "40 bits are uint8"),
        (lambda a: a.update(bits=np.array([16, 16])), "only"),
        (lambda a: a.update(ids=a["ids"][[0, 0, 1, 2, 3]]), "stands 2 times"),
        (lambda a: a.update(text=a["text"][:3]), "one text per row"),
        (lambda a: a.update(labels=a["labels"][:, :2]), "items and classes 5 and 4"),
        (lambda a: a.update(labels=a["labels"] + np.uint8(2)), "labels of row 0 are not all 0 or 1"),
        (
            lambda a: a.update(labels=a["labels"] + np.uint8(2) * np.eye(5, 1, -3, np.uint8)),
            "labels of row 3 ",
        ),
        (lambda a: a.update(has_labels=np.ones(5, np.int64)), r"has_labels is int64\[5\], bool\[5\]"),
    ],
)
def test_what_is_wrong_is_named_with_the_file(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    content: dict[str, Any] = arrays(random_set("q", np.random.default_rng(0), 5))
    change(content)
    write_npz(tmp_path / "query.npz", content)
    with pytest.raises(CrosshashError, match=message) as error:
        read_code_set(tmp_path / "query.npz")
    assert str(tmp_path / "query.npz") in str(error.value)


def test_all_misfits_of_two_sets_are_named_at_once() -> None:
    query = code_set("q", [[1, 1]], [[1, 1]], [[1, 0]])
    empty = code_set("r", np.ones((0, 3)), np.ones((0, 3)), np.zeros((0, 1)))
    with pytest.raises(CrosshashError) as error:
        check_fit(query, empty, ("Q.npz", "R.npz"))
    for part in ("R.npz has no item", "codes of 2 bits, R.npz of 3", "Q.npz has 2 classes, R.npz 1"):
        assert part in str(error.value)


def test_classes_in_another_order_are_refused() -> None:
    """Equal columns of other classes would call unrelated items relevant."""
    query, other = code_set("q", [[1]], [[1]], [[1, 0]]), code_set("r", [[1]], [[1]], [[1, 0]])
    other.classes[:] = other.classes[::-1].copy()
    with pytest.raises(CrosshashError, match="same ones, in the same order"):
        check_fit(query, other, ("Q", "R"))


def test_some_rows_of_a_set_with_all_that_is_known_of_them() -> None:
    """In the order that is asked for, and more than once."""
    codes = random_set("q", np.random.default_rng(0), 5, bits=32)
    flags = np.array([True, False, True, True, False])
    stored = VectorCode("none", 2)
    found = replace(codes, has_text=flags, has_labels=~flags, vector_code=stored).take(np.array([3, 1]))
    assert found.ids.tolist() == ["q3", "q1"]
    assert np.array_equal(found.image.packed, codes.image.packed[[3, 1]])
    assert np.array_equal(found.text.packed, codes.text.packed[[3, 1]])
    assert np.array_equal(found.labels, codes.labels[[3, 1]])
    assert (found.has_text.tolist(), found.has_labels.tolist()) == ([True, False], [False, True])
    assert found.classes.tolist() == codes.classes.tolist()
    assert found.vector_code is stored


@pytest.mark.parametrize("kind", ["none", "pq"])
def test_how_vectors_are_stored_is_read_too(tmp_path: Path, kind: Kind) -> None:
    vectors = np.random.default_rng(0).normal(size=(40, 4))
    code = VectorCode(kind, 4, fit_words(vectors, 0) if kind == "pq" else None)
    codes = replace(random_set("q", np.random.default_rng(0), 5, bits=code.bits), vector_code=code)
    write_npz(tmp_path / "query.npz", {**arrays(codes), **code.arrays()})
    read = read_code_set(tmp_path / "query.npz")
    assert read.vector_code is not None
    assert read.vector_code.same(code)
    assert (read.dims, codes.dims) == (4, 4)
    check_fit(
        read,
        replace(random_set("r", np.random.default_rng(1), 3, bits=code.bits), vector_code=code),
        ("a", "b"),
    )


def test_labels_of_very_many_items_are_looked_at_to_the_last() -> None:
    labels = np.zeros((2 * BLOCK + 3, 1), np.uint8)
    labels[-2] = 2
    codes = np.ones((len(labels), 1))
    with pytest.raises(CrosshashError, match=f"labels of row {len(labels) - 2} are not all 0 or 1"):
        code_set("q", codes, codes, labels)


def test_every_item_has_an_image() -> None:
    codes = code_set("q", [[1], [1]], [[1], [-1]], [[1], [0]], has_text=[True, False])
    assert (codes.has("image").tolist(), codes.has("text").tolist()) == ([True, True], [True, False])
    assert (codes.packed("image").tolist(), codes.packed("text").tolist()) == ([[128], [128]], [[128], [0]])
