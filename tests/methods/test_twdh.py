from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from crosshash.centers.center_book import CenterBook
from crosshash.centers.transform import apply_transform
from crosshash.codes.hashcodes import pack
from crosshash.methods.twdh import Twdh, build, targets
from crosshash.models.tower_specs import TowerSpec
from crosshash.models.towers import build_towers
from crosshash.protocols import PairBatch, TrainingInputs
from tests.methods.cases import BITS, CLASSES, IMAGE, SHORT, TEXT, batch, inputs, method

ROOT = Path(__file__).resolve().parents[2]


# The loss


def target_by_loops(labels: np.ndarray, centers: np.ndarray, ties: np.ndarray) -> np.ndarray:
    rows = []
    for row in labels:
        sums = [sum(int(centers[c, k]) for c in np.flatnonzero(row)) for k in range(centers.shape[1])]
        rows.append([int(np.sign(s)) if s else int(ties[k]) for k, s in enumerate(sums)])
    return np.array(rows)


def terms_by_loops(pairs: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    """Cross-entropy and quantisation of p float64[B, 2K], negative halves first, against +-1 [B, K]."""
    bits = target.shape[1]
    entropy, decided = [], []
    for row, wanted in zip(pairs, target, strict=True):
        for k in range(bits):
            for p, t in ((row[k], wanted[k] < 0), (row[bits + k], wanted[k] > 0)):
                entropy.append(-np.log(p) if t else -np.log(1 - p))
                decided.append((2 * p - 1) ** 2)
    return float(np.mean(entropy)), float(1 - np.mean(decided))


def pair_softmax(margin: np.ndarray) -> np.ndarray:
    positive = 1 / (1 + np.exp(-margin))
    return np.concatenate([1 - positive, positive], axis=1)


def loss_by_loops(model: Twdh, items: PairBatch, known: TrainingInputs, short_weight: float) -> float:
    labels = items.labels.numpy()
    long = target_by_loops(labels, known.centers, known.tie_bits)  # type: ignore[arg-type]
    short = target_by_loops(labels, known.short_centers, known.short_ties)  # type: ignore[arg-type]
    total = 0.0
    for network, head, values in (
        (model.image, model.image_head, items.image),
        (model.text, model.text_head, items.text),
    ):
        pairs = pair_softmax(head(network(values)).detach().double().numpy())
        entropy, undecided = terms_by_loops(pairs, long)
        total += (entropy + 0.5 * undecided) / 2
        scores = pairs @ known.short_matrix.astype(np.float64)  # type: ignore[union-attr]
        entropy, undecided = terms_by_loops(pair_softmax(scores[:, SHORT:] - scores[:, :SHORT]), short)
        total += short_weight * (entropy + undecided) / 2
    return total


@pytest.mark.parametrize("short_weight", [0.0, 0.7])
@pytest.mark.parametrize("items", [2, 5, 33])
def test_the_loss_is_the_published_one(items: int, short_weight: float) -> None:
    known = inputs(items)
    model = method(short_weight=short_weight, known=known).eval()
    step = model.training_step(batch(items), "all")
    assert step.total.item() == pytest.approx(
        loss_by_loops(model, batch(items), known, short_weight), rel=1e-5
    )


def test_the_loss_of_four_items_and_eight_bits_worked_by_hand() -> None:
    """Heads without weights: the outputs of a pair are its biases, 0 and log 3, everywhere: p_pos = 3/4.

    One class with the centre + + + + - - - -, four items of it. Each of the first four bits costs -log(3/4),
    each of the others -log(1/4): cross-entropy (log(4/3) + log 4) / 2. (2p - 1)^2 is 1/4 everywhere: Q = 3/4.
    With quan_weight 1/2: L = (log(4/3) + log 4) / 2 + 3/8.
    """
    centers = np.array([[1, 1, 1, 1, -1, -1, -1, -1]], np.int8)
    known = TrainingInputs(np.ones((4, 1), np.uint8), centers, np.ones(8, np.int8))
    model = method(known=known)
    for head in (model.image_head, model.text_head):
        nn.init.zeros_(head.pairs.weight)
        nn.init.zeros_(head.pairs.bias)
        with torch.no_grad():
            head.pairs.bias[BITS:] = float(np.log(3))
    items = batch(4)
    step = model.training_step(PairBatch(items.image, items.text, torch.ones(4, 1), items.index), "all")
    assert step.parts["entropy"].item() == pytest.approx((np.log(4 / 3) + np.log(4)) / 2, rel=1e-6)
    assert step.parts["quantisation"].item() == pytest.approx(0.75, rel=1e-6)
    assert step.total.item() == pytest.approx((np.log(4 / 3) + np.log(4)) / 2 + 0.375, rel=1e-6)


def test_the_parts_of_the_loss_are_named_and_carry_no_gradient() -> None:
    parts = method().training_step(batch(4), "all").parts
    assert list(parts) == ["entropy", "quantisation"]
    parts = method(short_weight=0.5).training_step(batch(4), "all").parts
    assert list(parts) == ["entropy", "quantisation", "short_entropy", "short_quantisation"]
    assert not any(part.requires_grad for part in parts.values())


# Targets


def test_targets_are_the_sign_of_the_sum_and_ties_take_the_tie_bits() -> None:
    """Centres ++-, +-+ and --+. Classes 0 and 1: 2, 0, 0; tie bits -, +, - fill the zeros: + + -."""
    centers = torch.tensor([[1.0, 1, -1], [1, -1, 1], [-1, -1, 1]])
    ties = torch.tensor([-1.0, 1, -1])
    labels = torch.tensor([[1.0, 0, 0], [1, 1, 0], [1, 1, 1], [0, 1, 1]])
    assert targets(labels, centers, ties).tolist() == [[1, 1, -1], [1, 1, -1], [1, -1, 1], [-1, -1, 1]]


def test_targets_are_those_of_the_centre_book() -> None:
    known = inputs(200)
    assert known.centers is not None
    assert known.tie_bits is not None
    book = CenterBook(known.centers, np.array(["a", "b", "c"]), known.tie_bits)
    found = targets(
        torch.from_numpy(known.labels).float(),
        torch.from_numpy(known.centers).float(),
        torch.from_numpy(known.tie_bits).float(),
    )
    assert np.array_equal(found.numpy(), book.targets(known.labels))


def test_targets_are_exact_under_autocast() -> None:
    """Sums of many classes are small whole numbers, which bfloat16 holds."""
    generator = np.random.default_rng(0)
    labels = torch.from_numpy((generator.random((50, 90)) < 0.5).astype(np.float32))
    centers = torch.from_numpy(generator.choice([-1.0, 1.0], (90, 64)).astype(np.float32))
    ties = torch.ones(64)
    exact = targets(labels, centers, ties)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(targets(labels, centers, ties), exact)


def test_the_same_labels_have_the_same_target_at_every_step() -> None:
    """The released code draws tie bits anew for every batch."""
    model = method().eval()
    losses = {model.training_step(batch(6), "all").total.item() for _ in range(5)}
    assert len(losses) == 1


# The networks


def test_soft_codes_are_twice_the_probability_minus_one() -> None:
    model = method().eval()
    margin = model.image_head(model.image(batch(5).image))
    assert torch.allclose(model.encode_image(batch(5).image), 2 * torch.sigmoid(margin) - 1, atol=1e-6)


def test_a_bit_that_prefers_neither_side_counts_as_plus() -> None:
    """Both outputs of a pair are cut to 0 by ReLU: p = 1/2, the soft code is 0. An argmax would say minus."""
    model = method().eval()
    with torch.no_grad():
        model.image_head.pairs.weight.zero_()
        model.image_head.pairs.bias.fill_(-1)
        soft = model.encode_image(batch(2).image).numpy()
    assert (soft == 0).all()
    assert pack(soft).tolist() == [[255], [255]]


def test_the_short_code_in_the_loss_is_the_one_that_is_delivered() -> None:
    """The sign of the short margin in training is that of the transform at encoding time."""
    from crosshash.methods.twdh import _through

    known = inputs()
    margin = torch.randn(50, BITS)
    assert known.short_matrix is not None
    short = _through(margin, torch.from_numpy(known.short_matrix))
    delivered = apply_transform(torch.tanh(margin / 2).numpy(), known.short_matrix)
    clear = short.abs().numpy() > 1e-4
    assert np.array_equal(np.sign(short.numpy())[clear], delivered[clear])
    assert clear.mean() > 0.99


def test_centres_follow_the_network_but_are_not_stored_with_its_weights() -> None:
    model = method(short_weight=0.5)
    assert not [key for key in model.state_dict() if key.startswith(("centers", "ties", "short"))]
    assert model.to(torch.float64).centers.dtype == torch.float64
    for_encoding = build(*build_towers(IMAGE, TEXT), BITS, None, quan_weight=0.5, short_weight=0.5)
    assert for_encoding.state_dict().keys() == model.state_dict().keys()


# Training


@pytest.mark.parametrize("short_weight", [0.0, 1.0])
def test_a_few_items_are_learnt_by_heart(short_weight: float) -> None:
    """Vectors and words are one-hot, so that every item can be told apart."""
    items = 8
    labels = np.eye(CLASSES, dtype=np.uint8)[np.arange(items) % CLASSES]
    known = inputs(items)
    known = TrainingInputs(
        labels, known.centers, known.tie_bits, known.short_matrix, known.short_centers, known.short_ties
    )
    torch.manual_seed(0)
    towers = build_towers(
        TowerSpec("mlp", "mlp", 32, items), TowerSpec("bow", "bow", 32, vocabulary=tuple("abcdefgh"))
    )
    model = build(*towers, BITS, known, quan_weight=0.5, short_weight=short_weight)
    one_hot = torch.eye(items)
    pairs = PairBatch(one_hot, one_hot, torch.from_numpy(labels).float(), torch.arange(items))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    losses = []
    for _ in range(60):
        step = model.training_step(pairs, "all")
        losses.append(step.total.item())
        optimizer.zero_grad()
        step.total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert losses[-1] < 0.7 * losses[0]
    if not short_weight:
        wanted = targets(pairs.labels, model.centers, model.ties)
        model.eval()
        for encode in (model.encode_image, model.encode_text):
            # Not all: where ReLU has cut both outputs of a pair, no gradient brings them back.
            assert (encode(one_hot).sign() == wanted).float().mean() > 0.85


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("short_weight", [0.0, 0.5])
def test_cuda_in_bfloat16_agrees_with_the_cpu(short_weight: float) -> None:
    """bfloat16 keeps 8 bits of each factor; losses agree to a few thousandths, clear bits all."""
    device = torch.device("cuda")
    on_cpu, on_gpu = method(short_weight=short_weight), method(short_weight=short_weight).to(device)
    items = batch(64)
    a = on_cpu.training_step(items, "all").total
    with torch.autocast("cuda", torch.bfloat16):
        b = on_gpu.training_step(items.to(device), "all").total
    assert b.item() == pytest.approx(a.item(), rel=0.01)
    on_cpu.eval(), on_gpu.eval()
    with torch.no_grad():
        soft = on_cpu.encode_image(items.image)
        with torch.autocast("cuda", torch.bfloat16):
            found = on_gpu.encode_image(items.image.to(device)).cpu()
    clear = soft.abs() > 0.05
    assert torch.equal(found.sign()[clear], soft.sign()[clear])
