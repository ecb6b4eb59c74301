from __future__ import annotations

import numpy as np
import pytest
import torch

from crosshash.codes.hashcodes import pack
from crosshash.retrieval.measures.mean_ap import mean_average_precision
from crosshash.training import selection
from crosshash.training.fabric import open_fabric
from crosshash.training.selection import pair_codes, validation
from tests.training.cases import batches, learner

FABRIC = open_fabric("cpu", "fp32")


def test_the_value_is_the_map_of_the_trained_code_over_the_training_items() -> None:
    model, train, queries = learner(), batches(30), batches(9, seed=1)
    found = validation(FABRIC, model, queries, train)()
    model.eval()
    with torch.no_grad():
        asked, held = (
            {
                "image": pack(model.encode_image(part.images).numpy()),
                "text": pack(model.encode_text(part.texts[::2]).numpy()),  # the first of two captions
                "labels": part.labels.numpy().astype(np.uint8),
            }
            for part in (queries, train)
        )
    assert found == {
        "i2t": mean_average_precision(asked["image"], held["text"], asked["labels"], held["labels"]),
        "t2i": mean_average_precision(asked["text"], held["image"], asked["labels"], held["labels"]),
    }


def test_looking_changes_nothing_and_training_goes_on() -> None:
    """In training mode dropout would draw and BatchNorm learn from the validation queries."""
    model = learner()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    score = validation(FABRIC, model, batches(9, seed=1), batches(30))
    draws = torch.get_rng_state()
    assert score() == score()
    assert torch.equal(torch.get_rng_state(), draws)
    assert model.training
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("count", [1, 2, 17])
def test_codes_of_any_number_of_items(count: int) -> None:
    images, texts = pair_codes(FABRIC, learner(), batches(count).in_order())
    assert images.shape == texts.shape == (count, 1)


@pytest.mark.parametrize(("most", "searched"), [(8, 8), (9, 16), (16, 16), (30, 30), (1000, 30)])
def test_of_a_large_training_set_the_first_batches_are_searched(
    monkeypatch: pytest.MonkeyPatch, most: int, searched: int
) -> None:
    """30 items in batches of 8: whole batches, until there are at least as many as wanted."""
    monkeypatch.setattr(selection, "VALIDATED", most)
    rows = [row for batch in selection._first(batches(30)) for row in batch.index.tolist()]
    assert rows == list(range(searched))


def test_labels_that_occur_on_one_side_alone_choose_nothing() -> None:
    queries, train = batches(6, seed=1), batches(30)
    queries.labels, train.labels = torch.zeros_like(queries.labels), train.labels.clone()
    queries.labels[:, 0], train.labels[:, 0] = 1, 0
    assert train.labels.any()
    assert validation(FABRIC, learner(), queries, train) is None


def test_nothing_is_chosen_where_no_query_has_a_relevant_item() -> None:
    queries, train = batches(6, seed=1), batches(30)
    queries.labels = torch.zeros_like(queries.labels)
    assert validation(FABRIC, learner(), queries, train) is None
