from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crosshash.errors import CrosshashError
from crosshash.pairs.check import check_items
from crosshash.pairs.source import PixelRows, RawItem, RawItems

ITEMS = (RawItem("a", ("text",), ("x",), (2, 5)), RawItem("b", (), ("y", "x")), RawItem("c"))
SOURCE = RawItems(ITEMS, ("x", "y"), images=None)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"images": (Path("1"), Path("2"), Path("3"))},
        {"images": PixelRows(Path("a.mat"), "IAll", 3)},
        {"images": np.zeros((3, 4), np.float32), "text": np.zeros((3, 2), np.int64)},
        {"text": np.zeros((3, 0), bool), "vocabulary": ("nikon-d80", "são")},
    ],
)
def test_good_items(change: dict[str, object]) -> None:
    check_items("set", replace(SOURCE, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "findings"),
    [
        ({"items": (*ITEMS[:2], ITEMS[0])}, ["item 'a' (row 2, 5) stands twice"]),
        ({"classes": ("y",)}, ["'a' (row 2, 5): label 'x' is none of the 1 classes", "item 'b': label 'x'"]),
        ({"classes": ("x", "y", "x")}, ["class 'x' stands twice"]),
        ({"images": (Path("1"),)}, ["1 images for 3 items"]),
        ({"images": PixelRows(Path("a.mat"), "IAll", 4)}, ["4 images for 3 items"]),
        ({"images": np.zeros((3, 2, 2))}, ["images must be numbers [N, D], not float64[3, 2, 2]"]),
        ({"text": np.zeros((2, 2))}, ["2 texts for 3 items"]),
        ({"text": np.zeros((3, 2), complex)}, ["texts must be numbers [N, D], not complex128[3, 2]"]),
        ({"text": np.array([["a"]] * 3)}, ["texts must be numbers [N, D], not <U1[3, 1]"]),
        (
            {"vocabulary": ("a", "b c", "a", "")},
            ["word 'a' stands twice", "'b c' is empty or", "'' is empty or"],
        ),
        ({"classes": ("x",), "images": ()}, ["label 'y' is none of the 1 classes", "0 images for 3 items"]),
    ],
)
def test_all_that_is_wrong_is_listed(change: dict[str, object], findings: list[str]) -> None:
    with pytest.raises(CrosshashError) as error:
        check_items("set", replace(SOURCE, **change))  # type: ignore[arg-type]
    message = str(error.value)
    assert f"set: {len(findings)} problem(s) with its items" in message
    for finding in findings:
        assert finding in message


def test_no_item_at_all() -> None:
    with pytest.raises(CrosshashError, match="set: not one usable pair was found"):
        check_items("set", replace(SOURCE, items=()))
