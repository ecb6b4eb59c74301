from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from crosshash.errors import CrosshashError
from crosshash.models.encoders.levels import evenly
from crosshash.models.tower_specs import TowerSpec, text_spec, with_fresh_weights
from crosshash.models.towers import Tower, build_towers
from tests.models.hf_folders import CAPTIONS, modules, network, save, tokenizer

IMAGE = TowerSpec("mlp", "mlp", 4, 3)
MEAN = {"word_embedding_dimension": 24, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}


def tower(folder: Path, pooling: str = "auto", *, empty: bool = False) -> Tower:
    spec = text_spec(f"hf/{folder}", "caption", "jpeg", None, [], 12, None, pooling=pooling)
    built = build_towers(IMAGE, spec, empty=empty)[1]
    built.network.eval()
    return built


def embedded(built: Tower, captions: tuple[str, ...] = CAPTIONS) -> Tensor:
    with torch.no_grad():
        found: Tensor = built.network(torch.from_numpy(np.stack([built.prepare(one) for one in captions])))
    return found


def states_alone(model: Any, kind: str, caption: str) -> list[Tensor]:  # noqa: ANN401
    """All hidden states [L, C] of one caption, without any padding."""
    ids = tokenizer(kind)(caption)["input_ids"] or [3]
    with torch.no_grad():
        given = model(input_ids=torch.tensor([ids]), output_hidden_states=True)
    return [state[0] for state in (*given.hidden_states, given.last_hidden_state)]


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
@pytest.mark.parametrize(
    ("name", "kind"), [("Bert", "bert"), ("Roberta", "bert"), ("MPNet", "bert"), ("GPT2", "gpt")]
)
def test_a_batch_gives_what_each_caption_gives_alone(
    name: str, kind: str, pooling: str, tmp_path: Path
) -> None:
    """The end of a text may have the id of padding (GPT-2's [SEP] here), and a text no token at all."""
    changes = {"n_embd": 24, "n_layer": 3, "n_head": 2} if name == "GPT2" else {}
    model = network(name, **changes)
    found = embedded(tower(save(tmp_path, model, kind), pooling))
    for row, caption in zip(found, CAPTIONS, strict=True):
        states = states_alone(model, kind, caption)[-1]
        wanted = {"mean": states.mean(0), "cls": states[0], "last": states[-1]}[pooling]
        assert torch.allclose(row, wanted, atol=1e-5)


def test_four_levels_are_what_enters_three_layers_and_the_embedding(tmp_path: Path) -> None:
    model = network()
    built = tower(save(tmp_path, model), "cls")
    tokens = torch.from_numpy(np.stack([built.prepare(one) for one in CAPTIONS]))
    with torch.no_grad():
        levels = built.network.levels(tokens)
    assert built.level_dims == tuple(level.shape[1] for level in levels) == (24,) * 4
    for item, caption in enumerate(CAPTIONS):
        states = states_alone(model, "bert", caption)
        for level, place in zip(levels, evenly(4), strict=False):
            assert torch.allclose(level[item], states[place].mean(0), atol=1e-5)
    assert torch.equal(levels[3], built.network(tokens))
    one = tower(save(tmp_path / "one", network(num_hidden_layers=1)))
    with pytest.raises(CrosshashError, match="single layer"):
        assert one.level_dims


def test_steps_of_sentence_transformers_are_followed(tmp_path: Path) -> None:
    """Tokens: [CLS], three words, [SEP]: what is more than max_seq_length 5 is cut, the marks stay."""
    steps = modules("Transformer", "Pooling", "Normalize")
    built = tower(save(tmp_path, network(), pooling=MEAN, modules=steps, limits={"max_seq_length": 5}))
    assert torch.allclose(embedded(built).norm(dim=1), torch.ones(4))
    assert built.prepare("two dog run over the field").tolist() == [2, 9, 5, 11, 3]
    assert built.prepare("two").tolist() == [2, 9, 3, -1, -1]
    plain = tower(save(tmp_path / "plain", network(), pooling=MEAN))
    assert not torch.allclose(embedded(plain).norm(dim=1), torch.ones(4))


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (MEAN, "mean"),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode_lasttoken": True, "include_prompt": True}, "last"),
        ({"pooling_mode": "cls", "embedding_dimension": 24}, "cls"),
        (None, "mean"),
    ],
)
def test_auto_pools_as_the_folder_says(told: dict[str, Any] | None, wanted: str, tmp_path: Path) -> None:
    folder = save(tmp_path, network(), **({"pooling": told} if told else {}))
    assert torch.equal(embedded(tower(folder)), embedded(tower(folder, wanted)))
    others = {"mean", "cls", "last"} - {wanted}
    assert not any(torch.allclose(embedded(tower(folder)), embedded(tower(folder, one))) for one in others)


def test_places_are_those_that_the_network_has(tmp_path: Path) -> None:
    """Of RoBERTa's 40 the first pad + 1 are never used: 39 with pad 0; MPNet's pad is always 1 there: 38."""
    for name, places in (("Bert", 40), ("Roberta", 39), ("MPNet", 38)):
        built = tower(save(tmp_path / name, network(name)))
        assert built.prepare("dog " * 100).shape == (places,)
        embedded(built, ("dog " * 100,))


def test_weights_are_float32_whatever_the_file_holds(tmp_path: Path) -> None:
    built = tower(save(tmp_path, network().half()))
    assert {value.dtype for value in built.network.state_dict().values()} == {torch.float32}


def test_every_parameter_has_a_gradient(tmp_path: Path) -> None:
    built = tower(save(tmp_path, network()))
    built.network(torch.from_numpy(built.prepare("a dog"))[None]).sum().backward()
    assert all(value.grad is not None for value in built.network.parameters())


def test_a_folder_brings_its_weights_whatever_model_pretrained_says(tmp_path: Path) -> None:
    spec = text_spec(f"hf/{save(tmp_path, network())}", "caption", "jpeg", None, [], 12, None)
    assert with_fresh_weights(IMAGE, spec, None) == (True, False)
