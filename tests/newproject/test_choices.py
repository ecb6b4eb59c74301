from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crosshash.errors import CrosshashError
from crosshash.newproject.choices import choose
from crosshash.newproject.recognised import Recognised
from crosshash.pairs.source import RawItem, RawItems


def there() -> bool:
    return True


def missing() -> bool:
    return False


def found(items: int, captions: int, labels: int, vectors: bool = False) -> Recognised:
    rows = tuple(
        RawItem(str(row), ("a cat",) if row < captions else (), ("cat",) if row < labels else ())
        for row in range(items)
    )
    images: Any = (
        np.zeros((items, 2), np.float32) if vectors else tuple(Path(f"{row}.jpg") for row in range(items))
    )
    return Recognised("custom", {"path": "/my/photos"}, "it holds pictures", RawItems(rows, ("cat",), images))


def chosen(looked_at: Recognised, small: bool = True, clip: bool = False) -> dict[str, Any]:
    ways = {True: there, False: missing}
    return {one.key: one.value for one in choose(looked_at, ways[small], ways[clip])}


def test_pictures_with_some_captions_and_no_label_take_the_closed_form() -> None:
    assert chosen(found(300, 200, 0)) == {
        "dataset": "custom",
        "custom.path": "/my/photos",
        "preset": "small",
        "method": "cca",
        "bits": 16,
        "convert.bad_images": "skip",
    }


@pytest.mark.parametrize(
    ("captions", "labels", "method", "bits", "batch"),
    [
        (12, 0, "cca", 8, None),
        (20, 0, "cca", 8, None),
        (40, 0, "cca", 16, None),
        (999, 0, "cca", 16, None),
        (1_000, 499, "cca", 64, None),
        (1_000, 500, "twdh", None, None),
        (12, 12, "twdh", None, 8),
        (39, 39, "twdh", None, 8),
        (40, 40, "twdh", None, 16),
        (149, 149, "twdh", None, 16),
        (150, 150, "twdh", None, None),
    ],
)
def test_method_and_length_follow_labels_and_pairs(
    captions: int, labels: int, method: str, bits: int | None, batch: int | None
) -> None:
    settings = chosen(found(captions, captions, labels))
    assert (settings["method"], settings.get("bits"), settings.get("train.batch")) == (method, bits, batch)


def test_labels_of_items_without_a_text_teach_nothing() -> None:
    """Rows 0 to 99 have a text, rows 0 to 299 a label; then the other way round, no row has both."""
    assert chosen(found(300, 100, 300))["method"] == "twdh"
    rows = tuple(RawItem(str(row), ("a cat",) * (row < 100), ("cat",) * (row >= 100)) for row in range(300))
    apart = Recognised("custom", {"path": "/my/photos"}, "", RawItems(rows, ("cat",), (Path("1.jpg"),) * 300))
    assert (apart.labelled, apart.captioned, apart.labelled_pairs) == (200, 100, 0)
    assert chosen(apart)["method"] == "cca"


def test_fewer_texts_than_a_code_needs_are_as_good_as_none() -> None:
    settings = chosen(found(50, 11, 11), clip=True)
    assert (settings["preset"], settings["method"]) == ("clip", "shared")
    with pytest.raises(CrosshashError, match=r"holds pictures and only 11 texts.*Put a .txt beside"):
        chosen(found(50, 11, 0), small=True, clip=False)
    with pytest.raises(CrosshashError, match="holds vectors and only 11 texts; give 12 pairs or more"):
        chosen(found(11, 11, 0, vectors=True))


def test_networks_are_those_that_can_be_loaded() -> None:
    photos = found(300, 300, 0)
    assert chosen(photos, small=False, clip=True)["preset"] == "clip"
    none = chosen(photos, small=False, clip=False)
    assert "preset" not in none
    assert none["model.pretrained"] is None
    (told,) = [one.reason for one in choose(photos, missing, missing) if one.key == "model.pretrained"]
    assert "pip install 'crosshash[small]'" in told


def test_vectors_need_no_networks_and_hold_no_broken_pictures() -> None:
    settings = chosen(found(300, 300, 300, vectors=True))
    assert not {"preset", "model.pretrained", "convert.bad_images"} & set(settings)


def test_pictures_alone_need_networks_of_one_space() -> None:
    settings = chosen(found(300, 0, 0), small=True, clip=True)
    assert (settings["preset"], settings["method"]) == ("clip", "shared")
    with pytest.raises(CrosshashError, match=r"/my/photos: holds pictures and no texts.*Put a .txt beside"):
        chosen(found(300, 0, 0), small=True, clip=False)
