from __future__ import annotations

import unicodedata

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from crosshash.models.encoders.vectors import VectorEncoder
from crosshash.pairs.vocabulary import words_of
from crosshash.readers.words import bag_reader, vector_reader


def test_a_bag_marks_the_words_that_occur() -> None:
    """Columns are those of the vocabulary; a word that stands twice counts once, unknown ones not at all."""
    read = bag_reader(["a", "red", "don't", "circle"])
    assert read("A red, RED square.").tolist() == [1, 1, 0, 0]
    assert read("don't").tolist() == [0, 0, 1, 0]
    assert read("12 squares!").tolist() == [0, 0, 0, 0]
    assert read("").dtype == np.float32


TAGS = ("d80", "nikon-d80", "日本", "são", "50mm_f1.8", "f1", "NYC")


@pytest.mark.parametrize(
    ("caption", "found"),
    [
        ("d80 são", {"d80", "são"}),
        ("nikon-d80", {"nikon-d80"}),
        ("Nikon-D80 日本", {"nikon-d80", "日本"}),
        ("a 50mm_f1.8 lens", {"50mm_f1.8"}),
        ("nyc\tsao 日本人 nikond80", {"NYC"}),
        ("In São, with my D80; f1.", {"são", "d80", "f1"}),
        ("canon_d80", {"d80"}),  # no tag as a whole: a text, whose words are looked up
    ],
)
def test_published_words_are_counted_between_blanks(caption: str, found: set[str]) -> None:
    """A word with `-`, `_` or `.` inside is one word, and the words that it is made of are not counted."""
    bag = bag_reader(TAGS)(caption)
    assert {word for word, count in zip(TAGS, bag, strict=True) if count} == found


def test_a_caption_is_the_same_bag_composed_and_decomposed() -> None:
    """A question in the one spelling finds captions in the other."""
    vocabulary = words_of("un élève d'été à Noël")
    bags = [bag_reader(vocabulary)(unicodedata.normalize(form, "d’été, un élève")) for form in ("NFC", "NFD")]
    assert [bag.tolist() for bag in bags] == [[1, 1, 1, 0, 0]] * 2


@given(st.text(alphabet="ab c'D.-_\n1é日", max_size=30))
def test_words_of_ordinary_captions_are_split_as_the_vocabulary_was(caption: str) -> None:
    words = sorted(set(words_of(caption)))
    assert bag_reader(words)(caption).tolist() == [1] * len(words)
    few = words[::2]
    assert bag_reader(few)(caption).sum() == len(few)


def test_a_vector_is_read_as_float32() -> None:
    assert vector_reader(np.arange(3, dtype=np.float64)).dtype == np.float32


def test_scaled_vectors_of_any_unit_look_alike_to_the_network() -> None:
    """Metres or millimetres, with or without an offset: after training the embedding is the same."""
    torch.manual_seed(0)
    vectors = torch.randn(64, 5)
    found = []
    for scale, offset in ((1.0, 0.0), (1000.0, 0.0), (10.0, 40.0)):
        torch.manual_seed(1)
        encoder = VectorEncoder(5, 8, scaled=True)
        for _ in range(60):
            encoder(vectors * scale + offset)
        found.append(encoder.eval()(vectors * scale + offset))
    assert torch.allclose(found[0], found[1], atol=0.02)
    assert torch.allclose(found[0], found[2], atol=0.02)


def test_a_constant_column_has_no_say_in_training() -> None:
    torch.manual_seed(0)
    encoder = VectorEncoder(3, 8, scaled=True)
    vectors = torch.randn(16, 3)
    vectors[:, 1] = 7.0
    other = vectors.clone()
    other[:, 1] = -200.0
    assert torch.allclose(encoder(vectors), encoder(other), atol=1e-3)


def test_words_are_not_scaled() -> None:
    torch.manual_seed(0)
    encoder = VectorEncoder(4, 8, scaled=False).train()
    bag = torch.tensor([[1.0, 0, 0, 1]])
    assert torch.equal(encoder(bag), encoder.eval()(bag))
    assert [name for name, _ in encoder.named_parameters()] == ["hidden.weight", "hidden.bias"]


def test_integers_and_half_precision_are_taken_too() -> None:
    encoder = VectorEncoder(3, 2, scaled=True).eval()
    assert encoder(torch.ones(1, 3, dtype=torch.int64)).dtype == torch.float32
    assert encoder(torch.ones(1, 3, dtype=torch.float16)).dtype == torch.float32


@pytest.mark.parametrize("scaled", [True, False])
def test_one_layer_is_the_encoder_that_older_models_hold(scaled: bool) -> None:
    """The same names, and the same weights from the same seed, as a scaling and a linear layer alone."""
    torch.manual_seed(3)
    plain = nn.ModuleDict({"hidden": nn.Linear(5, 8)})
    torch.manual_seed(3)
    encoder = VectorEncoder(5, 8, scaled=scaled)
    after = torch.rand(1)
    torch.manual_seed(3)
    nn.Linear(5, 8)
    assert torch.equal(torch.rand(1), after)
    scale = {"scale.running_mean", "scale.running_var", "scale.num_batches_tracked"} if scaled else set()
    assert encoder.state_dict().keys() == plain.state_dict().keys() | scale
    assert all(torch.equal(value, encoder.state_dict()[key]) for key, value in plain.state_dict().items())
    vectors = torch.randn(4, 5)
    assert torch.equal(encoder.eval()(vectors), torch.relu(plain["hidden"](encoder.scale(vectors))))


def test_a_signal_keeps_its_size_through_many_layers() -> None:
    torch.manual_seed(0)
    encoder = VectorEncoder(50, 256, scaled=False, layers=8)
    levels = encoder.levels(torch.randn(64, 50))
    sizes = [level.square().mean().item() for level in levels]
    assert max(sizes) < 3 * min(sizes)
