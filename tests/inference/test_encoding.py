from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from crosshash.codes.trained_codes import Block
from crosshash.inference.encoding import encode_items, soft_codes, text_codes
from crosshash.methods.twdh import Twdh
from crosshash.shards.prepared import PreparedItem
from tests.methods.cases import BITS
from tests.training.cases import items, learner

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model() -> Twdh:
    return learner().eval()


def encoded(model: Twdh, things: list[PreparedItem], caption: str = "first", batch: int = 4) -> Block:
    """All blocks as one."""
    blocks = list(encode_items(model, things, caption, batch, CPU))  # type: ignore[arg-type]
    return Block(*(np.concatenate([getattr(block, f.name) for block in blocks]) for f in fields(Block)))


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


def test_they_are_what_the_networks_give_rounded_to_float16(model: Twdh) -> None:
    things = items(11)
    found = encoded(model, things)
    with torch.no_grad():
        image = model.encode_image(torch.from_numpy(np.stack([item.image for item in things]))).numpy()
    assert np.array_equal(found.image, image.astype(np.float16))
    assert np.array_equal(found.text, soft(model, things, 1).astype(np.float16))
    assert found.rows.tolist() == list(range(11))


def test_all_captions_give_their_mean(model: Twdh) -> None:
    things = items(30)
    first, every = encoded(model, things), encoded(model, things, caption="all")
    assert np.allclose(every.text, soft(model, things, 2), atol=1e-3)
    assert not np.array_equal(every.text, first.text)
    assert np.array_equal(every.image, first.image)


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
    assert found.dtype == np.float16
    assert found.tolist() == [[0.25, -1.0], [0.0, 0.0], [-0.25, 0.5]]


@pytest.mark.parametrize("caption", ["first", "all"])
def test_an_item_without_a_caption_has_zeros_and_says_so(model: Twdh, caption: str) -> None:
    things = items(6)
    things[2] = replace(things[2], texts=())
    found = encoded(model, things, caption)
    assert found.has_text.tolist() == [True, True, False, True, True, True]
    assert not found.text[2].any()
    others = [0, 1, 3, 4, 5]
    whole = encoded(model, items(6), caption)
    assert np.array_equal(found.text[others], whole.text[others])
    assert np.array_equal(found.image, whole.image)


def test_no_item_at_all_with_a_caption(model: Twdh) -> None:
    found = encoded(model, [replace(item, texts=()) for item in items(3)])
    assert not found.has_text.any()
    assert found.text.shape == (3, BITS)


@pytest.mark.parametrize("batch", [1, 2, 5, 64])
def test_the_batch_size_does_not_show(model: Twdh, batch: int) -> None:
    found, whole = encoded(model, items(11), "all", batch), encoded(model, items(11), "all", 11)
    assert np.allclose(found.image, whole.image, atol=1e-3)
    assert np.allclose(found.text, whole.text, atol=1e-3)
    assert np.array_equal(found.rows, whole.rows)


def test_soft_codes_leave_no_graph(model: Twdh) -> None:
    found = soft_codes(model.encode_image, [item.image for item in items(5)], 2, CPU)
    assert found.dtype == np.float16
    assert found.shape == (5, BITS)
