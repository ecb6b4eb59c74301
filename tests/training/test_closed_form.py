from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from crosshash.codes.hashcodes import pack
from crosshash.codes.real_codes import to_half
from crosshash.codes.vector_code import fit_words
from crosshash.methods import cca, ridge
from crosshash.models.towers import build_towers
from crosshash.protocols import PairBatch
from crosshash.retrieval.measures.mean_ap import mean_average_precision
from crosshash.training.checkpoint import Epoch
from crosshash.training.closed_form import CORRELATION, Solved, correlation, solve
from tests.methods.cases import IMAGE, TEXT, FixedBatches, pairs
from tests.retrieval import loops

TRAIN, VAL = pairs("vectors", 40), pairs("vectors", 12, seed=1)


def solved(
    method: Any,  # noqa: ANN401
    train: PairBatch = TRAIN,
    val: PairBatch | None = VAL,
    penalty: Any = "auto",  # noqa: ANN401
    seed: int = 0,
    quantiser: Any = "itq",  # noqa: ANN401
) -> tuple[Solved, list[Epoch], Any]:
    dims = 3 if quantiser == "none" else 4  # as many as there are classes
    model = method.build(*build_towers(IMAGE, TEXT), dims, None, quantiser, penalty)
    rows = list[Epoch]()

    def note(number: int, row: Epoch) -> None:
        assert number == len(rows) + 1
        rows.append(row)

    found = solve(
        torch.device("cpu"), model, FixedBatches(train), None if val is None else FixedBatches(val),
        supervised=method is ridge, seed=seed, on_penalty=note,
    )  # fmt: skip
    model.load_state_dict(found.state)
    return found, rows, model


@pytest.mark.parametrize(("method", "criteria"), [(cca, [CORRELATION]), (ridge, ["val_i2t", "val_t2i"])])
def test_the_best_of_the_penalties_is_kept(method: Any, criteria: list[str]) -> None:  # noqa: ANN401
    found, rows, model = solved(method)
    values = [sum(row[name] for name in criteria) for row in rows]
    assert len(rows) == len(model.penalties) > 3
    assert found.number == 1 + int(np.argmax(values))
    assert found.penalty == model.penalties[found.number - 1]
    alone, (row,), _ = solved(method, penalty=found.penalty)
    assert row == rows[found.number - 1]
    assert all(torch.equal(value, found.state[key]) for key, value in alone.state.items())


def test_scores_are_those_of_the_codes_of_validation_pairs() -> None:
    _, rows, model = solved(ridge, penalty=0.1)
    codes = {
        one: (pack(model.encode_image(side.image).numpy()), pack(model.encode_text(side.text).numpy()))
        for one, side in (("val", VAL), ("train", TRAIN))
    }
    labels = VAL.labels.numpy().astype(np.uint8), TRAIN.labels.numpy().astype(np.uint8)
    assert rows[0]["val_i2t"] == mean_average_precision(codes["val"][0], codes["train"][1], *labels)
    assert rows[0]["val_t2i"] == mean_average_precision(codes["val"][1], codes["train"][0], *labels)
    image, text = model.encode_image(VAL.image).double(), model.encode_text(VAL.text).double()
    image, text = image - image.mean(0), text - text.mean(0)
    expected = (image * text).sum() / (image.square().sum() * text.square().sum()).sqrt()
    assert rows[0][CORRELATION] == pytest.approx(float(expected), rel=1e-5)


def test_correlation_by_hand() -> None:
    """Around their means (1, 0), (-1, 0) and (1, 1), (-1, -1): 2 / sqrt(2 x 4); of a constant nothing."""
    first, second = np.array([[3.0, 5], [1, 5]]), np.array([[1.0, 1], [-1, -1]])
    assert correlation(first, second) == pytest.approx(0.5**0.5)
    assert correlation(first, np.ones((2, 2))) == 0


def test_without_validation_pairs_the_middle_penalty_is_taken() -> None:
    found, rows, model = solved(cca, val=None)
    assert (found.number, found.penalty) == (1, model.penalties[len(model.penalties) // 2])
    assert list(rows[0]) == ["quantisation"]


@pytest.mark.parametrize(("pairs", "tried"), [(4, 1), (5, 7)])
def test_of_too_few_validation_pairs_the_largest_penalty_is_taken(pairs: int, tried: int) -> None:
    few = PairBatch(VAL.image[:pairs], VAL.text[:pairs], VAL.labels[:pairs], VAL.index[:pairs])
    found, rows, model = solved(cca, val=few)
    assert len(rows) == tried
    assert tried == 7 or found.penalty == max(model.penalties)


def test_labels_have_no_say_in_a_method_without() -> None:
    generator = np.random.default_rng(0)
    mixed = torch.from_numpy(generator.permutation(len(VAL.labels)))
    others = PairBatch(VAL.image, VAL.text, VAL.labels[mixed], VAL.index)
    first, second = solved(cca)[0], solved(cca, val=others)[0]
    assert first.number == second.number
    assert all(torch.equal(value, second.state[key]) for key, value in first.state.items())


def test_validation_queries_without_a_relevant_item_leave_what_there_is() -> None:
    """Ridge is chosen by mAP; where no label is shared, by the correlation of pairs."""
    bare = PairBatch(VAL.image, VAL.text, torch.zeros_like(VAL.labels), VAL.index)
    found, rows, _ = solved(ridge, val=bare)
    assert "val_i2t" not in rows[0]
    assert found.number == 1 + int(np.argmax([row[CORRELATION] for row in rows]))


def test_labels_that_occur_on_one_side_alone_allow_no_map() -> None:
    """Validation pairs are of the first class, training pairs of the others."""
    train, val = TRAIN.labels.clone(), torch.zeros_like(VAL.labels)
    train[:, 0], val[:, 0] = 0, 1
    sides = replace(TRAIN, labels=train), replace(VAL, labels=val)
    assert "val_i2t" not in solved(ridge, *sides, penalty=0.1)[1][0]


def test_of_equal_values_the_first_penalty_is_kept() -> None:
    """All items share the first class: every mAP is 1."""
    train, val = TRAIN.labels.clone(), VAL.labels.clone()
    train[:, 0] = val[:, 0] = 1
    found, rows, _ = solved(ridge, replace(TRAIN, labels=train), replace(VAL, labels=val))
    assert [row["val_i2t"] + row["val_t2i"] for row in rows] == [2.0] * 7
    assert found.number == 1


class Watched(FixedBatches):
    """Notes whether the networks that take its batches run in half precision."""

    def in_order(self) -> Iterator[PairBatch]:
        for batch in super().in_order():
            SEEN.append(
                torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else torch.float32
            )
            yield batch


SEEN: list[torch.dtype] = []


@pytest.mark.parametrize(
    ("asked", "seen"),
    [({}, torch.float32), ({"half": False}, torch.float32), ({"half": True}, torch.bfloat16)],
)
def test_networks_run_in_half_precision_where_that_is_asked_for(asked: Any, seen: torch.dtype) -> None:  # noqa: ANN401
    SEEN.clear()
    solve(
        torch.device("cpu"), cca.build(*build_towers(IMAGE, TEXT), 4, None, "itq", 1.0),
        Watched(TRAIN), Watched(VAL), supervised=False, seed=0, on_penalty=lambda *_: None, **asked,
    )  # fmt: skip
    assert [seen] * (5 + 2) == SEEN


def test_the_seed_turns_the_rotation() -> None:
    first, again, other = (solved(cca, seed=seed)[0].state for seed in (0, 0, 1))
    assert all(torch.equal(value, again[key]) for key, value in first.items())
    assert not torch.equal(first["image_weight"], other["image_weight"])


@pytest.mark.parametrize("quantiser", ["none", "pq", "rabitq"])
def test_scores_of_stored_vectors_are_those_of_inner_products(quantiser: str) -> None:
    """Of the values: words are fitted to those of the penalty that is kept, and to no others."""
    found, rows, model = solved(ridge, quantiser=quantiser)
    code = model.vector_code()
    assert code is not None
    if quantiser == "pq":
        values = [
            to_half(model.code_of(name, model.look_at([TRAIN]).sample[name])) for name in ("image", "text")
        ]
        assert (code.words == fit_words(np.concatenate(values), 0)).all()
    best = rows[found.number - 1]
    assert "quantisation" not in best
    assert best["val_i2t"] + best["val_t2i"] == max(row["val_i2t"] + row["val_t2i"] for row in rows)
    query, items = model.encode_image(VAL.image).numpy(), model.encode_text(TRAIN.text).numpy()
    precisions = []
    for row, scores in enumerate(query @ items.T):
        shared = (VAL.labels[row] * TRAIN.labels).sum(dim=1).int().tolist()
        if any(shared):
            pairs = list(zip((-scores).tolist(), shared, strict=True))
            precisions.append(loops.Expected(pairs).ap())  # type: ignore[arg-type]
    assert best["val_i2t"] == pytest.approx(np.mean(precisions), abs=1e-12)
    again = solved(ridge, quantiser=quantiser)[0].state
    assert all(torch.equal(value, again[key]) for key, value in found.state.items())


def test_queries_of_stored_vectors_count_by_their_relevant_items() -> None:
    """One has none, and does not count; one has a single one, its AP is one over the item's place."""
    train, val = (torch.cat([one.labels, torch.zeros(len(one.labels), 1)], 1) for one in (TRAIN, VAL))
    train[5] = val[3] = torch.tensor([0.0, 0, 0, 1])
    val[2] = 0
    sides = replace(TRAIN, labels=train), replace(VAL, labels=val)
    _, (row,), model = solved(ridge, *sides, penalty=0.1, quantiser="none")
    scores = (model.encode_image(VAL.image) @ model.encode_text(TRAIN.text).T).numpy()
    found = []
    for query, line in enumerate(scores):
        shared = (val[query] * train).sum(dim=1).int().tolist()
        if any(shared):
            pairs = list(zip((-line).tolist(), shared, strict=True))
            found.append(loops.Expected(pairs).ap())  # type: ignore[arg-type]
    assert len(found) == 11
    assert row["val_i2t"] == pytest.approx(np.mean(found), abs=1e-12)


def test_without_validation_pairs_nothing_is_told_of_stored_vectors() -> None:
    found, rows, _ = solved(cca, val=None, quantiser="pq")
    assert (found.number, rows) == (1, [{}])
    assert found.state["words"].any()
