from __future__ import annotations

import math
from collections.abc import Iterator
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from crosshash.errors import CrosshashError
from crosshash.methods import scahn as scahn_module
from crosshash.methods.scahn import LEVELS, LevelCodes, Scahn, build
from crosshash.models.tower_specs import TowerSpec
from crosshash.models.towers import build_towers
from crosshash.protocols import BitScalable, PairBatch, TrainingInputs
from crosshash.seeding import stream
from tests.methods.cases import BITS, DIM, HIDDEN, WORDS, batch, inputs

IMAGE = TowerSpec("mlp", "mlp", HIDDEN, DIM, layers=4)
TEXT = TowerSpec("bow", "bow", HIDDEN, vocabulary=WORDS, layers=4)
ITEMS = 13


def scahn(
    bits: int = BITS,
    alpha: float = 1.0,
    pair_weight: float = 0.01,
    quan_weight: float = 1.0,
    known: TrainingInputs | None = None,
) -> Scahn:
    torch.manual_seed(0)
    towers = build_towers(IMAGE, TEXT)
    return build(*towers, bits, known or inputs(ITEMS), alpha, pair_weight, quan_weight)


def started(model: Scahn, whole: PairBatch) -> Scahn:
    model.start_epoch(1, lambda: iter([whole]))
    return model.eval()


def linear_of(codes: LevelCodes, level: int) -> nn.Linear:
    return cast(nn.Linear, cast(nn.Sequential, codes.hashing[level])[1])


def reached(parameter: Tensor) -> bool:
    return parameter.grad is not None and bool(parameter.grad.any())


class FixedCodes(nn.Module):
    """Codes float[5, N, K] as a network would give them for the items whose rows it gets."""

    def __init__(self, codes: Tensor) -> None:
        super().__init__()
        self.codes = nn.Parameter(codes)

    def forward(self, rows: Tensor) -> Tensor:
        return self.codes[:, rows]


def with_codes(
    image: Tensor, text: Tensor, labels: Tensor, pair_weight: float = 1.0, quan_weight: float = 1.0
) -> tuple[Scahn, PairBatch]:
    """SCAHN over given codes float[5, N, K] of both modalities, at the first step."""
    bits = image.shape[2]
    model = scahn(bits, 1.0, pair_weight, quan_weight, TrainingInputs(labels.to(torch.uint8).numpy()))
    model.image, model.text = FixedCodes(image), FixedCodes(text)  # type: ignore[assignment]
    rows = torch.arange(len(labels))
    whole = PairBatch(rows, rows, labels, rows)
    model.start_epoch(1, lambda: iter([whole]))
    return model, whole


# Levels and fusion


def test_the_levels_are_four_different_codes_with_gradient_in_each() -> None:
    """Also of the fused one alone: every level enters it."""
    model, items = scahn(), batch(ITEMS)
    for codes, inputs_of in ((model.image, items.image), (model.text, items.text)):
        found = codes(inputs_of)
        assert found.shape == (5, ITEMS, BITS)
        for one in range(5):
            for other in range(one):
                assert not torch.allclose(found[one], found[other], atol=1e-3)
        for level in range(5):
            model.zero_grad()
            found[level].square().sum().backward(retain_graph=True)
            layers = [reached(linear_of(codes, own).weight) for own in range(LEVELS)]
            assert layers == [level in (own, LEVELS) for own in range(LEVELS)]
            assert reached(codes.fusion) == (level == LEVELS)


def test_each_level_is_its_own_tensor_of_the_network() -> None:
    """A hash layer whose depth is overwritten by noise changes its own level and the fused code alone."""
    model, items = scahn().eval(), batch(ITEMS)
    before = model.image(items.image)
    with torch.no_grad():
        linear_of(model.image, 1).weight.normal_()
    after = model.image(items.image)
    changed = [not torch.equal(a, b) for a, b in zip(before, after, strict=True)]
    assert changed == [False, True, False, False, True]


def test_codes_against_a_loop() -> None:
    model, items = scahn().eval(), batch(ITEMS)
    codes: LevelCodes = model.image
    found = codes(items.image).detach().double().numpy()
    levels = codes.network.levels(items.image)
    for level in range(LEVELS):
        linear = linear_of(codes, level)
        inside = cast(nn.Sequential, codes.hashing[level])[0](levels[level]).detach().double().numpy()
        weight, bias = linear.weight.detach().double().numpy(), linear.bias.detach().double().numpy()
        for i in range(ITEMS):
            for b in range(BITS):
                value = math.tanh(sum(weight[b][d] * inside[i][d] for d in range(HIDDEN)) + bias[b])
                assert found[level, i, b] == pytest.approx(value, abs=1e-5)
    weights = codes.fusion.detach().double().numpy()
    for i in range(ITEMS):
        for b in range(BITS):
            value = math.tanh(sum(weights[level][b] * found[level, i, b] for level in range(LEVELS)))
            assert found[4, i, b] == pytest.approx(value, abs=1e-5)


def test_fusion_by_hand() -> None:
    """4 levels of one item x 8 bits: h^l_b = tanh(x), x the bias. Bits 0-3 have x = 0.5 in every level, bits
    4-7 +0.5 in levels 1, 2 and -0.5 in 3, 4; w = 1/4 but for the last bit, whose first level has 1.

    tanh(0.5) = 0.462117. Bits 0-3: tanh(4 x 0.462117 / 4) = tanh(0.462117) = 0.431808. Bits 4-6: tanh(0) = 0.
    Bit 7: (1 + 1/4 - 1/4 - 1/4) 0.462117 = 0.75 x 0.462117 = 0.346588, tanh 0.333346.
    """
    codes = scahn().image.eval()
    with torch.no_grad():
        for level in range(LEVELS):
            linear_of(codes, level).weight.zero_()
            linear_of(codes, level).bias[:4] = 0.5
            linear_of(codes, level).bias[4:] = 0.5 if level < 2 else -0.5
        codes.fusion.fill_(0.25)
        codes.fusion[0, 7] = 1
    fused = codes(batch(1).image)[4, 0]
    assert fused.tolist() == pytest.approx([0.431808] * 4 + [0.0] * 3 + [0.333346], abs=1e-6)


def test_the_code_of_an_item_is_the_fused_one() -> None:
    model, items = scahn().eval(), batch(ITEMS)
    assert torch.equal(model.encode_image(items.image), model.image(items.image)[4])
    assert torch.equal(model.encode_text(items.text), model.text(items.text)[4])


def test_fusion_weights_start_around_a_quarter() -> None:
    fusion = scahn(bits=512).image.fusion.detach()
    assert fusion.mean().item() == pytest.approx(0.25, abs=1e-3)
    assert fusion.std().item() == pytest.approx(1 / 512, rel=0.1)


# Loss


def mean_likelihood(codes: np.ndarray, others: np.ndarray, labels: np.ndarray, stored: np.ndarray) -> float:
    """Mean over levels, items and stored items of log(1 + e^t) - s t, t = h . g / (K / 32)."""
    total = 0.0
    levels, items, bits = codes.shape
    for level in range(levels):
        for i in range(items):
            for j in range(len(others)):
                t = sum(codes[level, i, b] * others[j, b] for b in range(bits)) / (bits / 32)
                s = float(any(x and y for x, y in zip(labels[i], stored[j], strict=True)))
                total += math.log1p(math.exp(-abs(t))) + max(t, 0) - s * t
    return float(total / (levels * items * len(others)))


def loop_terms(model: Scahn, items: PairBatch, phase: str) -> dict[str, float]:
    """The four terms in float64, from the codes and what the buffers hold."""
    inputs_of, codes_of = (items.image, model.image) if phase == "image" else (items.text, model.text)
    codes = codes_of(inputs_of).detach().double().numpy()
    buffers = {name: model.get_buffer(f"buffer_{name}").double().numpy() for name in ("image", "text")}
    sums = buffers["image"] + buffers["text"]
    target = np.where(sums >= 0, 1.0, -1.0)[items.index.numpy()]
    buffers[phase] = buffers[phase].copy()
    buffers[phase][items.index.numpy()] = codes[4]  # items of the batch are known anew
    labels, stored = items.labels.numpy(), model.labels.numpy()
    other = buffers["text" if phase == "image" else "image"]
    half = len(labels) // 2
    pair = [
        mean_likelihood(codes[[level], :half], codes[level, half:], labels[:half], labels[half:])
        for level in range(5)
    ]
    distances = [
        sum((target[i, b] - codes[4, i, b]) ** 2 for b in range(codes.shape[2])) for i in range(len(labels))
    ]
    return {
        "inter": mean_likelihood(codes, other, labels, stored),
        "intra": mean_likelihood(codes, buffers[phase], labels, stored),
        "pair": sum(pair) / 5,
        "quantisation": sum(distances) / len(labels),
    }


@pytest.mark.parametrize("phase", ["image", "text"])
@pytest.mark.parametrize("rows", [[3, 1, 7, 4, 11, 0], [2, 5, 12], [6, 8]])
def test_every_term_against_a_loop(phase: str, rows: list[int]) -> None:
    """Full batch, an odd last one, two items; the buffers are from the start of the epoch."""
    whole = batch(ITEMS)
    model = started(scahn(pair_weight=0.3, quan_weight=0.7), whole)
    chosen = torch.tensor(rows)
    items = PairBatch(whole.image[chosen], whole.text[chosen], whole.labels[chosen], chosen)
    with torch.no_grad():  # the network has moved since the buffers were filled
        for codes in (model.image, model.text):
            codes.fusion.add_(0.5)
    expected = loop_terms(model, items, phase)
    loss = model.training_step(items, phase)
    assert {name: part.item() for name, part in loss.parts.items()} == pytest.approx(
        {f"{phase}_{name}": value for name, value in expected.items()}, rel=1e-5
    )
    total = expected["inter"] + expected["intra"] + 0.3 * expected["pair"]
    total += 0.7 * 2 / BITS * expected["quantisation"]
    assert loss.total.item() == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("phase", ["image", "text"])
def test_of_many_items_a_step_compares_with_drawn_ones(monkeypatch: pytest.MonkeyPatch, phase: str) -> None:
    """Five rows of thirteen, drawn by epoch and step: the terms are those of a buffer of these five alone."""
    whole = batch(ITEMS)
    exact = loop_terms(started(scahn(), whole), whole, phase)
    monkeypatch.setattr(scahn_module, "WHOLE", ITEMS - 1)
    monkeypatch.setattr(scahn_module, "DRAWN", 5)
    model = started(scahn(), whole)
    rows = np.sort(stream(1, "scahn", "rows").integers(ITEMS, size=5))
    codes = (model.image if phase == "image" else model.text)(whole.image if phase == "image" else whole.text)
    buffers = {name: model.get_buffer(f"buffer_{name}").double().numpy()[rows] for name in ("image", "text")}
    told = whole.labels.numpy(), model.labels.numpy()[rows]
    expected = {
        name: mean_likelihood(codes.detach().double().numpy(), buffers[one], *told)
        for name, one in (("inter", "text" if phase == "image" else "image"), ("intra", phase))
    }
    parts = model.training_step(whole, phase).parts
    for name, value in expected.items():
        assert parts[f"{phase}_{name}"].item() == pytest.approx(value, rel=1e-5)
        assert value != pytest.approx(exact[name], rel=1e-3)
    assert parts[f"{phase}_quantisation"].item() == pytest.approx(exact["quantisation"], rel=1e-5)


def test_of_as_many_items_as_are_compared_whole_none_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = batch(ITEMS)
    exact = started(scahn(), whole).training_step(whole, "text").total
    monkeypatch.setattr(scahn_module, "WHOLE", ITEMS)
    monkeypatch.setattr(scahn_module, "DRAWN", 5)
    assert torch.equal(started(scahn(), whole).training_step(whole, "text").total, exact)


def test_drawn_items_are_others_at_each_step_and_the_same_in_a_resumed_epoch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The mean over many steps is that over all items."""
    whole = batch(ITEMS)
    exact = started(scahn(), whole).training_step(whole, "image").parts["image_inter"].item()
    monkeypatch.setattr(scahn_module, "WHOLE", ITEMS - 1)
    monkeypatch.setattr(scahn_module, "DRAWN", 5)

    def steps(epoch: int, count: int) -> list[float]:
        model = started(scahn(), whole)
        model.start_epoch(epoch, lambda: iter([whole]))
        with torch.no_grad():
            return [model.training_step(whole, "image").parts["image_inter"].item() for _ in range(count)]

    many = steps(2, 400)
    assert many[:5] == steps(2, 5)
    assert len(set(many[:5] + steps(3, 5))) == 10
    assert np.mean(many) == pytest.approx(exact, rel=0.02)


def hand_codes() -> tuple[Tensor, Tensor, Tensor]:
    """4 items x 8 bits, labels x y x y: image codes +1/4 (x) and -1/4 (y) in all bits, first level 0.

    Text codes are the same but for the last item, which has +1/4.
    """
    signs = torch.tensor([1.0, -1, 1, -1])
    image = (signs[:, None] / 4).expand(5, 4, 8).clone()
    image[0] = 0
    text = image.clone()
    text[1:, 3] = 0.25
    return image, text, torch.tensor([[1.0, 0], [0, 1], [1, 0], [0, 1]])


def test_inter_by_hand() -> None:
    """t = 8 (+-1/16) / (8 / 32) = +-2. Against right codes ell is ell(1, 2) = ell(0, -2) = 0.126928, against
    the last text's, which has the wrong sign, 2 more; three of four are right: 0.126928 + 2 / 4 = 0.626928.
    The first level has t = 0 everywhere: log 2 = 0.693147. Mean of five: (0.693147 + 4 x 0.626928) / 5.
    """
    model, whole = with_codes(*hand_codes())
    parts = model.training_step(whole, "image").parts
    assert parts["image_inter"].item() == pytest.approx((0.693147 + 4 * 0.626928) / 5, abs=1e-6)


def test_intra_by_hand() -> None:
    """Images against images: all signs are right, (0.693147 + 4 x 0.126928) / 5."""
    model, whole = with_codes(*hand_codes())
    parts = model.training_step(whole, "image").parts
    assert parts["image_intra"].item() == pytest.approx((0.693147 + 4 * 0.126928) / 5, abs=1e-6)


def test_pair_by_hand() -> None:
    """Texts x y against x y, the last of the wrong sign: x-x and y-x right, x-y and y-y wrong by 2.

    Two of four: 0.126928 + 2 / 2 = 1.126928; (0.693147 + 4 x 1.126928) / 5.
    """
    model, whole = with_codes(*hand_codes())
    parts = model.training_step(whole, "text").parts
    assert parts["text_pair"].item() == pytest.approx((0.693147 + 4 * 1.126928) / 5, abs=1e-6)


def test_quantisation_by_hand() -> None:
    """b = sign(f + g): of the last item -1/4 + 1/4 = 0, so +1 in all bits; of the others their own sign.

    Images: three times 8 (1 - 1/4)^2 = 4.5, once 8 (1 + 1/4)^2 = 12.5; mean (13.5 + 12.5) / 4 = 6.5, which
    enters the total with 2 / 8: 1.625. Texts, the last +1/4, are all 4.5: 1.125.
    """
    model, whole = with_codes(*hand_codes(), pair_weight=0.0)
    for phase, mean in (("image", 6.5), ("text", 4.5)):
        loss = model.training_step(whole, phase)
        assert loss.parts[f"{phase}_quantisation"].item() == pytest.approx(mean)
        others = loss.parts[f"{phase}_inter"] + loss.parts[f"{phase}_intra"]
        assert (loss.total - others).item() == pytest.approx(mean / 4, abs=1e-6)


def gradient(phase: str, pair_weight: float, quan_weight: float) -> tuple[Tensor, Scahn, PairBatch]:
    """Gradient float64[5, N, K] of the whole loss with respect to the codes of the phase."""
    generator = np.random.default_rng(3)
    image, text = torch.from_numpy(generator.uniform(-1, 1, (2, 5, 7, 8))).float()
    labels = torch.from_numpy((generator.random((7, 3)) < 0.5).astype(np.float32))
    labels[:, 2] = (labels[:, :2].sum(1) == 0).float()
    model, whole = with_codes(image, text, labels, pair_weight, quan_weight)
    model.training_step(whole, phase).total.backward()  # type: ignore[no-untyped-call]
    found = cast(Tensor, getattr(model, phase).codes.grad)
    return found.double(), model, whole


@pytest.mark.parametrize("phase", ["image", "text"])
def test_gradients_of_pairs_reach_both_halves_of_the_batch(phase: str) -> None:
    """Mean over 5 levels of 3 x 4 pairs, d ell / dt = sigmoid(t) - s, t = h . g / (8 / 32)."""
    found, model, whole = gradient(phase, pair_weight=1.0, quan_weight=0.0)
    found = found - gradient(phase, pair_weight=0.0, quan_weight=0.0)[0]
    codes, labels = getattr(model, phase).codes.detach().double(), whole.labels.double()
    expected = torch.zeros_like(codes)
    for level in range(5):
        for i in range(3):
            for j in range(3, 7):
                t = float(codes[level, i] @ codes[level, j]) * 4
                slope = 1 / (1 + math.exp(-t)) - float((labels[i] * labels[j]).sum() > 0)
                expected[level, i] += slope * 4 * codes[level, j] / 60
                expected[level, j] += slope * 4 * codes[level, i] / 60
    assert float((found - expected).abs().max()) < 1e-6
    assert float(expected.abs().amax(2).min()) > 1e-4


@pytest.mark.parametrize("phase", ["image", "text"])
def test_gradient_of_quantisation_draws_the_fused_code_to_its_target(phase: str) -> None:
    """(2 / K) times the mean over items of ||b - h||^2: 2 / 8 x 2 (h - b) / 7, of the fused code alone."""
    found, model, _ = gradient(phase, pair_weight=0.0, quan_weight=1.0)
    found = found - gradient(phase, pair_weight=0.0, quan_weight=0.0)[0]
    codes = getattr(model, phase).codes.detach().double()
    expected = torch.zeros_like(codes)
    expected[4] = (codes[4] - model.target) / 14
    assert float((found - expected).abs().max()) < 1e-6


def test_alpha_grows_with_the_length() -> None:
    assert [scahn(bits, alpha=2.0).alpha for bits in (16, 32, 128)] == [1, 2, 8]


def test_a_batch_of_one_is_refused() -> None:
    model = started(scahn(), batch(ITEMS))
    with pytest.raises(CrosshashError, match="two items or more"):
        model.training_step(batch(1), "image")


# Buffers, targets, phases


def test_image_and_text_buffers_are_separate_tensors() -> None:
    """In published code both names are one tensor on the CPU, so that i2t and t2i coincide."""
    whole = batch(ITEMS)
    model = started(scahn(), whole)
    image, text = model.get_buffer("buffer_image"), model.get_buffer("buffer_text")
    assert image.data_ptr() != text.data_ptr()
    assert not torch.allclose(image, text, atol=1e-3)
    assert torch.equal(image, model.image(whole.image)[-1])
    assert torch.equal(text, model.text(whole.text)[-1])
    kept = text.clone()
    with torch.no_grad():
        model.image.fusion.add_(1)
    model.training_step(whole, "image")
    assert torch.equal(model.get_buffer("buffer_text"), kept)
    assert torch.equal(model.get_buffer("buffer_image"), model.image(whole.image)[-1])


def test_a_step_renews_the_rows_of_its_items_alone() -> None:
    whole = batch(ITEMS)
    model = started(scahn(), whole)
    before = model.get_buffer("buffer_text").clone()
    with torch.no_grad():
        model.text.fusion.add_(1)
    rows = torch.tensor([4, 0, 9])
    model.training_step(PairBatch(whole.image[rows], whole.text[rows], whole.labels[rows], rows), "text")
    changed = (model.get_buffer("buffer_text") != before).any(1)
    assert changed.nonzero().flatten().tolist() == [0, 4, 9]


def test_targets_stay_within_an_epoch_and_follow_the_buffers_at_the_next() -> None:
    whole = batch(ITEMS)
    model = started(scahn(), whole)
    first = model.target.clone()
    sums = model.get_buffer("buffer_image") + model.get_buffer("buffer_text")
    assert torch.equal(first.float(), torch.where(sums >= 0, 1.0, -1.0))
    with torch.no_grad():
        for codes in (model.image, model.text):
            codes.fusion.neg_()
    model.training_step(whole, "image")
    assert torch.equal(model.target, first)
    model.end_epoch(1, lambda: iter([whole]))
    model.start_epoch(2, lambda: iter([whole]))
    assert torch.equal(model.target, -first)


def test_buffers_are_filled_by_row_whatever_the_order_of_a_pass() -> None:
    whole = batch(ITEMS)

    def shuffled() -> Iterator[PairBatch]:
        order = torch.randperm(ITEMS, generator=torch.Generator().manual_seed(0))
        for rows in (order[:4], order[4:9], order[9:]):
            yield PairBatch(whole.image[rows], whole.text[rows], whole.labels[rows], whole.index[rows])

    one, two = started(scahn(), whole), scahn()
    two.start_epoch(1, shuffled)
    for name in ("buffer_image", "buffer_text", "image_activity", "text_activity"):
        assert torch.allclose(one.get_buffer(name), two.get_buffer(name), atol=1e-6)


def test_a_phase_trains_its_own_modality() -> None:
    model, whole = scahn(), batch(ITEMS)
    model.start_epoch(1, lambda: iter([whole]))
    for phase in model.phases:
        groups = model.parameter_groups(phase)
        assert [(group.modality, group.part) for group in groups] == [(phase, "backbone"), (phase, "head")]
        trained = {id(p) for group in groups for p in group.parameters}
        model.zero_grad()
        model.training_step(whole, phase).total.backward()  # type: ignore[no-untyped-call]
        for name, parameter in model.named_parameters():
            assert reached(parameter) == (id(parameter) in trained)
            assert name.startswith(phase) == (id(parameter) in trained)


def test_checkpoints_hold_the_buffers_but_neither_labels_nor_targets() -> None:
    """Those are known again at the start of an epoch; at 100,000 items they would be a fifth of the file."""
    state = scahn().state_dict()
    assert {key for key, value in state.items() if ITEMS in value.shape} == {"buffer_image", "buffer_text"}
    known = build(*build_towers(IMAGE, TEXT), BITS, None, 1.0, 0.01, 1.0).state_dict()
    assert known.keys() == {key for key in state if not key.startswith(tuple(Scahn.training_only))}


# Significance


def test_significances_against_a_loop() -> None:
    whole = batch(ITEMS)
    model = started(scahn(), whole)
    with torch.no_grad():
        for codes in (model.image, model.text):
            codes.fusion.normal_()  # of both signs: the size counts
    model.end_epoch(1, lambda: iter([whole]))
    found = model.significances()
    assert list(found) == ["weights", "activity", "alignment"]
    for b in range(BITS):
        weights = activity = 0.0
        for codes, inputs_of in ((model.image, whole.image), (model.text, whole.text)):
            levels = codes(inputs_of).detach()
            for level in range(LEVELS):
                size = codes.fusion[level, b].abs().item()
                weights += size
                activity += size * sum(abs(float(levels[level, i, b])) for i in range(ITEMS)) / ITEMS
        assert found["weights"][b].item() == pytest.approx(weights, rel=1e-5)
        assert found["activity"][b].item() == pytest.approx(activity, rel=1e-5)
    assert sorted(found["alignment"].tolist()) == pytest.approx([(b + 1) / BITS for b in range(BITS)])


@pytest.mark.parametrize("sample", [4, 8, 4000])
def test_alignment_is_that_with_the_labels_of_the_same_rows(
    sample: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Classes A A B B | A B A B. Bit 1 is ++-- | +-+-, as the labels; bit 0 +-+- | ++--, bit 2 +--+ | +--+.

    Of the first four items, or of all eight, bits 0 and 2 agree with no label: of equal ones the first goes
    first. By the labels of the last four, or in the reverse order, bit 0 would stay; shifted by a row, bit 2.
    """
    monkeypatch.setattr(scahn_module, "SAMPLE", sample)
    a, b, c = torch.tensor([[1.0, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]])
    bits = torch.stack([torch.cat([b, a]), torch.cat([a, b]), torch.cat([c, c])])
    codes = bits.T.expand(5, 8, 3)
    model, whole = with_codes(codes.clone(), codes.clone(), torch.eye(2)[[0, 0, 1, 1, 0, 1, 0, 1]])
    model.end_epoch(1, lambda: iter([whole]))
    assert model.alignment.tolist() == pytest.approx([1 / 3, 1, 2 / 3])


def test_significance_is_part_of_the_model_and_can_be_asked_for() -> None:
    model = scahn()
    assert isinstance(model, BitScalable)
    kept = {key for key in model.state_dict() if not key.startswith(tuple(Scahn.training_only))}
    assert {"alignment", "image_activity", "text_activity"} <= kept


# Refused


@pytest.mark.parametrize("layers", [1, 3])
def test_an_encoder_without_four_depths_is_refused(layers: int) -> None:
    towers = build_towers(TowerSpec("mlp", "mlp", HIDDEN, DIM, layers=layers), TEXT)
    with pytest.raises(CrosshashError, match=rf"model\.layers: {layers}, .* Set model\.layers to 4"):
        build(*towers, BITS, None, 1.0, 0.01, 1.0)
