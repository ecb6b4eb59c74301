"""Captions and labels in any form that JSON and parquet give them."""

from __future__ import annotations

from typing import Any

import pytest

from crosshash.datasets.containers.loose_values import in_order, labels_of, texts_of

NAMES = ("zebra", "ant", "cat; tame")


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (None, ()),
        ("", ()),
        (" a\n", ("a",)),
        (["b", None, "a", " b", ["c"]], ("b", "a", "c")),
        ([], ()),
    ],
)
def test_texts(value: Any, texts: tuple[str, ...]) -> None:  # noqa: ANN401
    assert texts_of(value) == texts


@pytest.mark.parametrize("value", [1, 0.5, {"a": "b"}, [True], b"x"])
def test_what_is_no_text(value: Any) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match="where a text must stand"):
        texts_of(value)


@pytest.mark.parametrize(
    ("value", "names", "labels"),
    [
        (None, (), ()),
        ("dog;two  words; dog;", (), ("dog", "two words")),
        ([3, "x", 3], (), ("3", "x")),
        (-1, (), ("-1",)),
        (-1, NAMES, ()),
        ([2, 0], NAMES, ("cat; tame", "zebra")),
        (["ant"], NAMES, ("ant",)),
    ],
)
def test_labels(value: Any, names: tuple[str, ...], labels: tuple[str, ...]) -> None:  # noqa: ANN401
    assert labels_of(value, names) == labels


@pytest.mark.parametrize(
    ("value", "message"),
    [(3, "number 3, but the file names 3 classes"), (-2, "number -2"), (0.5, "0.5 where")],
)
def test_what_is_no_label(value: Any, message: str) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=message):
        labels_of(value, NAMES)


def test_orders() -> None:
    assert in_order(["ant", "zebra", "ant"], NAMES) == ("zebra", "ant")
    assert in_order(["10", "9", "-1"]) == ("-1", "9", "10")
    assert in_order(["10", "9", "b", "a"]) == ("10", "9", "a", "b")
    assert in_order([]) == ()
