from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from crosshash.codes.quantiser import Codebook, fit_codebook, revived
from crosshash.errors import CrosshashError
from crosshash.methods.hq import (
    Hq,
    aligned_likelihood,
    balance_loss,
    build,
    hash_loss,
    quantisation_loss,
)
from crosshash.models.towers import build_towers
from crosshash.protocols import PairBatch
from tests.methods.cases import BITS, IMAGE, TEXT, FixedBatches, inputs, pairs, rows_of

ITEMS = 29
WEIGHTS = (1.0, 0.25, 0.125, 0.0625)

# Items a, b, c, d over 8 bits. a, b share a label, and c, d do.
FOUR = torch.tensor([[1.0] * 8, [1.0] * 6 + [-1.0] * 2, [-1.0] * 8, [-0.5] * 8])
LABELS = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]])


def made(paired: str = "all", items: int = ITEMS, dropout: float = 0.0, words: int = 4) -> Hq:
    torch.manual_seed(0)
    return build(
        *build_towers(IMAGE, TEXT), BITS, inputs(items), *WEIGHTS,
        pairs=paired, alpha=2.0, dictionaries=2, words=words, dropout=dropout,  # type: ignore[arg-type]
    )  # fmt: skip


def after_an_epoch(paired: str = "all", dropout: float = 0.0) -> tuple[Hq, PairBatch]:
    """A method with a codebook, and its training set."""
    method, whole = made(paired, dropout=dropout), pairs("vectors", ITEMS)
    torch.manual_seed(1)
    method.end_epoch(1, FixedBatches(whole).in_order)
    return method, whole


def vectors_of(method: Hq, items: PairBatch) -> tuple[np.ndarray, np.ndarray]:
    """Real vectors of a batch with the batch's own statistics, as a training step sees them."""
    method.train()
    image, text = method.encode_image(items.image), method.encode_text(items.text)
    return image.detach().double().numpy(), text.detach().double().numpy()


def drawn(rows: int = 5, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = np.random.default_rng(seed)
    image, text = torch.from_numpy(generator.normal(0, 1, (2, rows, 8)))
    return image, text, torch.from_numpy((generator.random((rows, 3)) < 0.4).astype(np.float64))


# Loops in float64


def share(a: np.ndarray, b: np.ndarray) -> bool:
    return any(x and y for x, y in zip(a.tolist(), b.tolist(), strict=True))


def pair_loss(f: np.ndarray, g: np.ndarray, shared: bool, alpha: float) -> float:
    x = sum(float(a) * float(b) for a, b in zip(f, g, strict=True)) / alpha
    return math.log1p(math.exp(-abs(x))) + max(x, 0) - shared * x


def loop_hash(vectors: np.ndarray) -> float:
    return sum((v - (1 if v >= 0 else -1)) ** 2 for v in vectors.ravel().tolist()) / vectors.size


def loop_balance(image: np.ndarray, text: np.ndarray) -> float:
    return math.sqrt(sum((image[:, bit].sum() + text[:, bit].sum()) ** 2 for bit in range(image.shape[1])))


def loop_quantisation(vectors: np.ndarray, book: np.ndarray, words: np.ndarray) -> float:
    total = 0.0
    for vector, row in zip(vectors, words, strict=True):
        for column in range(len(vector)):
            total += (vector[column] - sum(float(book[m, w, column]) for m, w in enumerate(row))) ** 2
    return total


# L_sim


@pytest.mark.parametrize("alpha", [0.5, 1.0, 4.0])
def test_aligned_pairs_against_a_loop(alpha: float) -> None:
    image, text, labels = drawn()
    others = labels.flip(0)
    rows = range(len(image))
    expected = np.mean([pair_loss(image[i], text[i], share(labels[i], others[i]), alpha) for i in rows])
    assert float(aligned_likelihood(image, text, labels, others, alpha)) == pytest.approx(expected, abs=1e-12)


def test_aligned_pairs_by_hand() -> None:
    """a with a, b with c, c with b, d with d; x = f . g / 8.

    a-a: x = 1, similar: ln(1 + e) - 1 = 0.313262. b-c and c-b: x = (-6 + 2) / 8 = -0.5, not similar:
    ln(1 + e^-0.5) = 0.474077. d-d: x = 8 x 0.25 / 8 = 0.25, similar: ln(1 + e^0.25) - 0.25 = 0.575939.
    """
    order = torch.tensor([0, 2, 1, 3])
    found = aligned_likelihood(FOUR, FOUR[order], LABELS, LABELS[order], alpha=8.0)
    assert float(found) == pytest.approx((0.313262 + 2 * 0.474077 + 0.575939) / 4, abs=1e-6)


def test_labels_decide_pair_by_pair() -> None:
    """The released code broadcasts to B x B x B, and only the mean of the pairs' labels is left.

    Two batches with as many similar pairs, but other ones: here they have another loss and another gradient.
    """
    image, text, _ = drawn(4)
    losses, gradients = [], []
    for similar_rows in ([0, 1], [2, 3]):
        labels = torch.zeros(4, 2, dtype=torch.float64)
        labels[:, 0] = 1
        others = torch.zeros(4, 2, dtype=torch.float64)
        others[:, 1] = 1
        others[similar_rows, 0] = 1
        leaf = image.clone().requires_grad_()
        loss = aligned_likelihood(leaf, text, labels, others, 1.0)
        loss.backward()  # type: ignore[no-untyped-call]
        losses.append(float(loss.detach()))
        gradients.append(leaf.grad)
    assert losses[0] != pytest.approx(losses[1], abs=1e-3)
    for row, gradient in enumerate(zip(*gradients, strict=True)):
        assert gradient[0] @ text[row] * (gradient[1] @ text[row]) < 0  # towards the text, or away


def test_similar_pairs_are_drawn_together_and_others_apart() -> None:
    image = FOUR.clone().requires_grad_()
    loss = aligned_likelihood(image, FOUR, LABELS, LABELS.flip(0), alpha=1.0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert image.grad is not None
    assert ((image.grad * FOUR).sum(1) > 0).all()  # a descent step makes f . g smaller
    image.grad = None
    aligned_likelihood(image, FOUR, LABELS, LABELS, alpha=1.0).backward()  # type: ignore[no-untyped-call]
    assert ((image.grad * FOUR).sum(1) < 0).all()


# L_h, L_b, L_q


def test_hash_balance_and_quantisation_against_loops() -> None:
    image, text, _ = drawn()
    generator = np.random.default_rng(1)
    book, words = generator.normal(0, 1, (2, 3, 8)), generator.integers(0, 3, (5, 2))
    assert float(hash_loss(image)) == pytest.approx(loop_hash(image.numpy()), abs=1e-12)
    assert float(balance_loss(image, text)) == pytest.approx(loop_balance(image.numpy(), text.numpy()))
    found = quantisation_loss(image, torch.from_numpy(book), torch.from_numpy(words))
    assert float(found) == pytest.approx(loop_quantisation(image.numpy(), book, words), abs=1e-10)


def test_hash_by_hand() -> None:
    """Whole codes are their own signs; d is 0.5 off in each of 8 bits: 8 x 0.25 / 32. Zero counts as +1."""
    assert float(hash_loss(FOUR)) == pytest.approx(8 * 0.25 / 32)
    assert float(hash_loss(torch.zeros(4, 8))) == 1
    assert float(hash_loss(-torch.zeros(4, 8))) == 1


def test_hash_draws_towards_the_sign_of_retrieval() -> None:
    """The released targets are 0 and 1, while its codes are +-1: there -0.9 would be drawn up to 0."""
    vectors = torch.tensor([[-0.9, 0.9, -2.0, 2.0]], requires_grad=True)
    hash_loss(vectors).backward()  # type: ignore[no-untyped-call]
    assert vectors.grad is not None
    assert vectors.grad[0].tolist() == pytest.approx([0.05, -0.05, -0.5, 0.5])


def test_hash_draws_zero_up() -> None:
    """Zero counts as +1: 2 (0 - 1) / 2 for each of two bits."""
    vectors = torch.zeros(1, 2, requires_grad=True)
    hash_loss(vectors).backward()  # type: ignore[no-untyped-call]
    assert vectors.grad is not None
    assert vectors.grad.tolist() == [[-1, -1]]


def test_balance_by_hand() -> None:
    """Sums over a, b, c, d: six bits 1 + 1 - 1 - 0.5 = 0.5, two bits 1 - 1 - 1 - 0.5 = -1.5.

    Images and texts alike: 1 and -3, so sqrt(6 x 1 + 2 x 9) = sqrt(24). Texts of opposite sign: zero.
    """
    assert float(balance_loss(FOUR, FOUR)) == pytest.approx(math.sqrt(24))
    assert float(balance_loss(FOUR, -FOUR)) == 0


def test_a_balanced_batch_has_no_balance_loss_however_long_its_vectors() -> None:
    """The released sum of norms would be that of the lengths: 4 x sqrt(8) x 2."""
    half = torch.ones(2, 8)
    both = torch.cat([half, -half]).requires_grad_()
    loss = balance_loss(both, both)
    loss.backward()  # type: ignore[no-untyped-call]
    assert float(loss.detach()) == 0
    assert both.grad is not None
    assert both.grad.isfinite().all()  # of a norm at zero


def test_quantisation_by_hand() -> None:
    """Words: 1 and -1 over the first 4 bits, 1 and -1 over the last 4. a, c are met exactly.

    b with (0, 0): two bits are -1 instead of 1: 2 x 4 = 8. d with (1, 1): 8 x 0.25 = 2. In all 10.
    """
    one, zero = [1.0] * 4, [0.0] * 4
    first = torch.tensor([[*one, *zero], [*one, *zero]]) * torch.tensor([[1.0], [-1.0]])
    book = torch.stack([first, first.flip(1)])
    words = torch.tensor([[0, 0], [0, 0], [1, 1], [1, 1]])
    assert float(quantisation_loss(FOUR, book, words)) == 10


def test_gradient_of_quantisation_draws_a_vector_to_the_sum_of_its_words() -> None:
    """dL_q / df = 2 (f - b Cb): of a and c, met exactly, none; of b -4 in the two bits that are -1 instead of
    1; of d 2 (-0.5 + 1) = 1 in every bit.
    """
    one, zero = [1.0] * 4, [0.0] * 4
    first = torch.tensor([[*one, *zero], [*one, *zero]]) * torch.tensor([[1.0], [-1.0]])
    book = torch.stack([first, first.flip(1)]).requires_grad_()
    vectors = FOUR.clone().requires_grad_()
    words = torch.tensor([[0, 0], [0, 0], [1, 1], [1, 1]])
    quantisation_loss(vectors, book.detach(), words).backward()  # type: ignore[no-untyped-call]
    assert vectors.grad is not None
    assert vectors.grad.tolist() == [[0.0] * 8, [0.0] * 6 + [-4.0] * 2, [0.0] * 8, [1.0] * 8]


# The whole loss


def slopes(term: int, method: Hq, items: PairBatch) -> tuple[np.ndarray, np.ndarray]:
    """Gradients of one term of the loss with respect to the vectors of images and texts, written out."""
    image, text = vectors_of(method, items)
    if term == 0:  # mean over all pairs of softplus(x) - s x, x = f . g / 0.5
        labels = items.labels.numpy()
        shared = np.array([[share(a, b) for b in labels] for a in labels])
        away = (1 / (1 + np.exp(-image @ text.T / 0.5)) - shared) / (0.5 * shared.size)
        return away @ text, away.T @ image
    if term == 1:
        return tuple(2 * (f - np.where(f >= 0, 1, -1)) / f.size for f in (image, text))  # type: ignore[return-value]
    if term == 2:
        total = (image + text).sum(0)
        each = np.tile(total / np.linalg.norm(total), (len(image), 1))
        return each, each
    book, rows = method.codebook.double().numpy(), items.index.numpy()
    words = method.words_image.numpy()[rows], method.words_text.numpy()[rows]
    decoded = [sum(book[m, chosen[:, m]] for m in range(len(book))) for chosen in words]
    return 2 * (image - decoded[0]), 2 * (text - decoded[1])


@pytest.mark.parametrize("term", range(4))
def test_gradients_of_every_term_by_itself(term: int) -> None:
    """The last layer's bias gets the sum of the vectors' gradients, its weights those times its input."""
    method, whole = after_an_epoch()
    method.weights = tuple(float(place == term) for place in range(4))  # type: ignore[assignment]
    items = rows_of(whole, torch.tensor([4, 17, 2, 9, 20]))
    expected = slopes(term, method, items)
    method.training_step(items, "all").total.backward()  # type: ignore[no-untyped-call]
    networks = (method.image, method.image_head, items.image), (method.text, method.text_head, items.text)
    for slope, (network, head, inputs_of) in zip(expected, networks, strict=True):
        last: Any = head[-1]
        features = network(inputs_of).detach().double().numpy()
        assert last.bias.grad.numpy() == pytest.approx(slope.sum(0), rel=1e-4, abs=1e-5)
        assert last.weight.grad.numpy() == pytest.approx(slope.T @ features, rel=1e-4, abs=1e-5)
        assert np.abs(slope).max() > 1e-3


def expected_loss(method: Hq, items: PairBatch, similarity: float) -> float:
    image, text = vectors_of(method, items)
    rows = items.index.numpy()
    book = method.codebook.double().numpy()
    quantisation = sum(
        loop_quantisation(vectors, book, words.numpy()[rows]) if method.codebook.any() else 0.0
        for vectors, words in ((image, method.words_image), (text, method.words_text))
    )
    parts = (similarity, loop_hash(image) + loop_hash(text), loop_balance(image, text), quantisation)
    return sum(weight * part for weight, part in zip(WEIGHTS, parts, strict=True))


@pytest.mark.parametrize("quantised", [False, True])
def test_the_whole_loss_over_all_pairs(quantised: bool) -> None:
    """alpha 2 and 8 bits: products are divided by 2 x 8 / 32."""
    method, whole = after_an_epoch() if quantised else (made(), pairs("vectors", ITEMS))
    items = rows_of(whole, torch.tensor([4, 17, 2, 9, 20]))
    image, text = vectors_of(method, items)
    labels = items.labels.numpy()
    every = [
        pair_loss(f, g, share(labels[i], labels[j]), 0.5)
        for i, f in enumerate(image)
        for j, g in enumerate(text)
    ]
    expected = expected_loss(method, items, float(np.mean(every)))
    loss = method.training_step(items, "all")
    assert float(loss.total) == pytest.approx(expected, rel=1e-5)
    assert list(loss.parts) == ["similarity", "hash", "balance", "quantisation"]


def test_the_whole_loss_over_images_and_shuffled_texts() -> None:
    method, whole = after_an_epoch("aligned")
    items = rows_of(whole, torch.arange(6, 18))
    torch.manual_seed(5)
    found = float(method.training_step(items, "all").total)
    torch.manual_seed(5)
    order = torch.randperm(12).tolist()
    image, text = vectors_of(method, items)
    labels = items.labels.numpy()
    assert order != list(range(12))
    chosen = [
        pair_loss(f, text[j], share(labels[i], labels[j]), 0.5)
        for i, (f, j) in enumerate(zip(image, order, strict=True))
    ]
    expected = expected_loss(method, items, float(np.mean(chosen)))
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("paired", ["all", "aligned"])
def test_labels_are_left_as_they_were(paired: str) -> None:
    """Released code writes -1 through a view into its caller's labels."""
    method, whole = after_an_epoch(paired)
    before = whole.labels.clone()
    method.training_step(whole, "all")
    method.end_epoch(2, FixedBatches(whole).in_order)
    assert torch.equal(whole.labels, before)


def test_dropout_is_for_training_alone() -> None:
    method, whole = after_an_epoch(dropout=0.5)
    method.train()
    assert not torch.equal(method.encode_image(whole.image), method.encode_image(whole.image))
    assert not torch.equal(method.encode_text(whole.text), method.encode_text(whole.text))
    method.eval()
    assert torch.equal(method.encode_text(whole.text), method.encode_text(whole.text))


# The codebook


def test_quantisation_waits_for_the_first_epoch() -> None:
    method, whole = made(), pairs("vectors", ITEMS)
    assert not method.codebook.any()
    assert (method.words_image == -1).all()
    assert float(method.training_step(whole, "all").parts["quantisation"]) == 0
    method.end_epoch(1, FixedBatches(whole).in_order)
    assert float(method.training_step(whole, "all").parts["quantisation"]) > 0


def test_codebook_and_words_are_constants_of_a_step() -> None:
    method, whole = after_an_epoch()
    before = {key: value.clone() for key, value in method.named_buffers() if "scale" not in key}
    method.training_step(whole, "all").total.backward()  # type: ignore[no-untyped-call]
    for key, value in before.items():
        assert not value.requires_grad
        assert torch.equal(method.get_buffer(key), value)
    assert not any("codebook" in key for key, _ in method.named_parameters())


def encoded(method: Hq, whole: PairBatch) -> np.ndarray:
    """Vectors of all items as they would be encoded later, images, then texts."""
    method.eval()
    with torch.no_grad():
        both = torch.cat([method.encode_image(whole.image), method.encode_text(whole.text)])
    method.train()
    return both.numpy()


def words_of(method: Hq) -> np.ndarray:
    return torch.cat([method.words_image, method.words_text]).numpy().astype(np.int64)


def test_each_epoch_is_a_sweep_and_a_fit_over_both_modalities() -> None:
    method, whole = after_an_epoch(dropout=0.5)
    whole.text[-1] = whole.text[7]  # so that the last two texts have other words
    assert set(words_of(method).ravel()) <= {0, 1, 2, 3}
    for parameter in method.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)  # the network has moved on meanwhile
    vectors, words = encoded(method, whole), words_of(method)
    swept = Codebook(method.codebook.numpy().copy()).sweep(vectors, words)
    fitted = revived(fit_codebook(vectors, swept, 4), vectors, swept)
    method.train()
    method.end_epoch(2, FixedBatches(whole).in_order)
    assert method.training
    assert np.array_equal(words_of(method), swept)
    assert np.allclose(method.dictionaries().numpy(), fitted.dictionaries, atol=1e-6)
    known = method.known_words().tolist()
    assert known[0] == swept[0].tolist()
    assert known[-1] == swept[-1].tolist() != swept[-2].tolist()
    assert all(row in swept.tolist() for row in known)


def test_rows_keep_their_words_in_whatever_order_they_pass() -> None:
    first, whole = after_an_epoch()
    second = made()
    mixed = rows_of(whole, torch.randperm(ITEMS, generator=torch.Generator().manual_seed(3)))

    def batches() -> Iterator[PairBatch]:
        return (rows_of(mixed, rows) for rows in torch.arange(ITEMS).split(8))

    torch.manual_seed(1)
    second.end_epoch(1, batches)
    assert torch.equal(second.words_image, first.words_image)
    assert torch.equal(second.words_text, first.words_text)


def test_the_start_of_the_codebook_comes_from_the_stream_of_the_epoch() -> None:
    """Not from its number, which is the same in every training."""

    def started(seed: int) -> Tensor:
        method, whole = made(), pairs("vectors", ITEMS)
        torch.manual_seed(seed)
        method.end_epoch(1, FixedBatches(whole).in_order)
        return method.codebook

    assert torch.equal(started(1), started(1))
    assert any(not torch.equal(started(1), started(seed)) for seed in (2, 3, 4))


def test_later_epochs_quantise_better() -> None:
    method, whole = after_an_epoch()
    vectors = encoded(method, whole)
    errors = []
    for epoch in range(2, 6):
        errors.append(Codebook(method.codebook.numpy()).errors(vectors, words_of(method)).sum())
        method.end_epoch(epoch, FixedBatches(whole).in_order)
    assert errors[-1] < errors[0]
    assert errors == sorted(errors, reverse=True)


def test_new_vectors_are_quantised_about_as_well_as_training_vectors() -> None:
    """Their words are looked for from known ones; one after the other they would be far worse."""
    method, whole = after_an_epoch()
    for epoch in (2, 3, 4):
        method.end_epoch(epoch, FixedBatches(whole).in_order)
    vectors = encoded(method, whole)
    book, known = Codebook(method.codebook.numpy()), method.known_words().numpy().astype(np.int64)
    nudged = vectors + np.random.default_rng(0).normal(0, 1e-3, vectors.shape).astype(np.float32)
    found = book.errors(nudged, book.encode(nudged, known)).sum()
    assert found < 1.05 * book.errors(vectors, words_of(method)).sum()


def test_words_of_an_item_take_few_bytes() -> None:
    assert made().words_image.dtype == torch.int16
    assert made().known_words().dtype == torch.int16


def test_as_many_words_as_training_items_are_enough() -> None:
    method, whole = made(words=ITEMS), pairs("vectors", ITEMS)
    method.end_epoch(1, FixedBatches(whole).in_order)
    assert method.codebook.isfinite().all()


def test_more_words_than_training_items_are_refused() -> None:
    with pytest.raises(CrosshashError, match=r"hq\.words: 30 words, but only 29 training items"):
        made(words=30)


def test_vectors_that_are_no_numbers_end_the_epoch_with_a_remedy() -> None:
    method, whole = made(), pairs("vectors", ITEMS)
    last: Any = method.image_head[-1]
    assert isinstance(last, nn.Linear)
    last.weight.data.fill_(torch.nan)
    with pytest.raises(CrosshashError, match=r"no longer numbers after epoch 3.*Lower train\.lr_head"):
        method.end_epoch(3, FixedBatches(whole).in_order)
