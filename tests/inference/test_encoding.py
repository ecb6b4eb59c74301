from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from crosshash.centers.transform import apply_transform
from crosshash.codes.hashcodes import pack, unpack
from crosshash.inference.encoding import EncodedItems, encode_items, shortened, soft_codes, text_codes
from crosshash.methods.twdh import Twdh
from crosshash.shards.prepared import PreparedItem
from tests.methods.cases import BITS, SHORT, inputs
from tests.training.cases import items, learner

CPU = torch.device("cpu")
MATRIX = inputs().short_matrix


@pytest.fixture(scope="module")
def model() -> Twdh:
    return learner().eval()


def encoded(
    model: Twdh, things: list[PreparedItem], caption: str = "first", batch: int = 4, short: bool = True
) -> EncodedItems:
    return encode_items(model, things, MATRIX if short else None, caption, batch, CPU)  # type: ignore[arg-type]


def soft(model: Twdh, things: list[PreparedItem], texts: int) -> np.ndarray:
    """Text code of the first captions of each item, one by one, as a mean."""
    rows = []
    with torch.no_grad():
        for item in things:
            codes = [
                model.encode_text(torch.from_numpy(text[None])).numpy()[0] for text in item.texts[:texts]
            ]
            rows.append(np.mean(codes, axis=0))
    return np.array(rows)


def test_codes_are_the_signs_of_the_networks_in_both_lengths(model: Twdh) -> None:
    things = items(11)
    found = encoded(model, things)
    with torch.no_grad():
        image = model.encode_image(torch.from_numpy(np.stack([item.image for item in things]))).numpy()
    assert np.array_equal(found.image_long, pack(image))
    assert np.array_equal(found.image_short, pack(apply_transform(image, MATRIX)))  # type: ignore[arg-type]
    text = soft(model, things, 1)
    assert np.array_equal(found.text_long, pack(text))
    assert np.array_equal(found.text_short, pack(apply_transform(text, MATRIX)))  # type: ignore[arg-type]
    assert found.image_short.shape == (11, 1)
    assert unpack(found.image_short, SHORT).shape == (11, SHORT)


def test_without_a_transform_the_delivered_code_is_the_trained_one(model: Twdh) -> None:
    found = encoded(model, items(5), short=False)
    assert np.array_equal(found.image_short, found.image_long)
    assert np.array_equal(found.text_short, found.text_long)


def test_all_captions_give_the_sign_of_their_mean(model: Twdh) -> None:
    things = items(30)
    first, every = encoded(model, things), encoded(model, things, caption="all")
    assert np.array_equal(every.text_long, pack(soft(model, things, 2)))
    assert not np.array_equal(every.text_long, first.text_long)
    assert np.array_equal(every.image_long, first.image_long)


def test_the_mean_of_several_captions_worked_by_hand() -> None:
    """The network gives its input back: (1, -1) and (-0.5, -1) have the mean (0.25, -1); none have zeros."""

    class Echo:
        train_bits = 2

        def encode_text(self, text: torch.Tensor) -> torch.Tensor:
            return text

    texts = [
        [np.array([1.0, -1.0], np.float32), np.array([-0.5, -1.0], np.float32)],
        [],
        [np.array([-0.25, 0.5], np.float32)],
    ]
    found = text_codes(Echo(), texts, 2, CPU)  # type: ignore[arg-type]
    assert found.dtype == np.float32
    assert found.tolist() == [[0.25, -1.0], [0.0, 0.0], [-0.25, 0.5]]


@pytest.mark.parametrize("caption", ["first", "all"])
def test_an_item_without_a_caption_has_zero_codes_and_says_so(model: Twdh, caption: str) -> None:
    things = items(6)
    things[2] = replace(things[2], texts=())
    found = encoded(model, things, caption)
    assert found.has_text.tolist() == [True, True, False, True, True, True]
    assert found.text_long[2].tolist() == found.text_short[2].tolist() == [0]
    assert found.text_long.dtype == found.text_short.dtype == np.uint8
    others = [0, 1, 3, 4, 5]
    whole = encoded(model, items(6), caption)
    assert np.array_equal(found.text_long[others], whole.text_long[others])
    assert np.array_equal(found.image_long, whole.image_long)


def test_no_item_at_all_with_a_caption(model: Twdh) -> None:
    found = encoded(model, [replace(item, texts=()) for item in items(3)])
    assert not found.has_text.any()
    assert found.text_long.shape == (3, 1)


@pytest.mark.parametrize("batch", [1, 2, 5, 64])
def test_the_batch_size_does_not_show(model: Twdh, batch: int) -> None:
    found, whole = encoded(model, items(11), "all", batch), encoded(model, items(11), "all", 11)
    for name in ("image_long", "text_long", "image_short", "text_short", "rows", "ids"):
        assert np.array_equal(getattr(found, name), getattr(whole, name))


def test_a_single_item(model: Twdh) -> None:
    found = encoded(model, items(1))
    assert found.image_long.shape == found.text_short.shape == (1, 1)
    assert found.ids.tolist() == ["0"]


def test_items_come_back_in_the_order_of_the_pair_table(model: Twdh) -> None:
    things = items(9)
    mixed = [things[place] for place in (4, 0, 8, 2, 6, 1, 7, 3, 5)]
    found, sorted_ones = encoded(model, mixed), encoded(model, things)
    assert found.rows.tolist() == list(range(9))
    assert found.labels == sorted_ones.labels
    assert np.array_equal(found.ids, sorted_ones.ids)
    assert np.array_equal(found.image_long, sorted_ones.image_long)


def test_ids_of_unequal_length_are_kept_whole(model: Twdh) -> None:
    """Each batch has a text width of its own."""
    things = [replace(item, id="x" * (item.row + 1)) for item in items(7)]
    assert [len(name) for name in encoded(model, things, batch=2).ids] == [1, 2, 3, 4, 5, 6, 7]


def test_a_soft_code_of_zero_counts_as_plus() -> None:
    assert shortened(np.zeros((1, BITS), np.float32), None).tolist() == [[255]]
    assert shortened(np.full((1, BITS), -0.0, np.float32), None).tolist() == [[255]]


def test_soft_codes_leave_no_graph(model: Twdh) -> None:
    found = soft_codes(model.encode_image, [item.image for item in items(5)], 2, CPU)
    assert found.dtype == np.float32
    assert found.shape == (5, BITS)
