from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from crosshash.artifacts import read_json
from crosshash.errors import CrosshashError
from crosshash.inference.model_folder import Model, ModelCard, build_method, load_model, save_model
from crosshash.models.tower_specs import TowerSpec
from crosshash.models.towers import build_towers
from tests.methods.cases import BITS, IMAGE, TEXT, inputs

ROOT = Path(__file__).resolve().parents[2]
SETTINGS: dict[str, float | int | str | bool | None] = {"quan_weight": 0.5, "short_weight": 0.0}
VECTORS = ModelCard("twdh", BITS, SETTINGS, IMAGE, TEXT, 3)
CLIP = TowerSpec("clip", "tiny-rn", config=json.loads((ROOT / "configs" / "tiny-rn.json").read_text()))
PICTURES = ModelCard("twdh", BITS, SETTINGS, CLIP, CLIP, 1)


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (60, 50), "red").save(buffer, "JPEG")
    return buffer.getvalue()


def trained(card: ModelCard) -> Model:
    """A model whose running statistics and weights are no longer those it was built with."""
    torch.manual_seed(3)
    towers = build_towers(card.image, card.text)
    method = build_method(card, towers, inputs())
    network = cast(nn.Module, method)
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.add_(torch.rand_like(value) * 0.1)
    network.eval()
    return Model(card, method, towers[0].prepare, towers[1].prepare, "")


def codes(model: Model, image: object, text: object) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        return (
            model.method.encode_image(torch.from_numpy(model.prepare_image(image)[None])),
            model.method.encode_text(torch.from_numpy(model.prepare_text(text)[None])),
        )


def state_of(model: Model) -> dict[str, Tensor]:
    return cast(nn.Module, model.method).state_dict()


@pytest.mark.parametrize(
    ("card", "image"),
    [(VECTORS, np.arange(1.0, 10.0)), (PICTURES, jpeg())],
    ids=["vectors", "pictures"],
)
def test_a_model_read_again_gives_the_same_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, card: ModelCard, image: object
) -> None:
    """Also where no configs folder is at hand: the networks' description stands in model.json."""
    model = trained(card)
    save_model(tmp_path / "model", card, state_of(model))
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(99)
    again = load_model(Path("model"))
    assert again.card == card
    for before, after in zip(codes(model, image, "a b"), codes(again, image, "a b"), strict=True):
        assert torch.equal(before, after)
    assert not cast(nn.Module, again.method).training


def test_equal_models_give_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_model(tmp_path / name, PICTURES, state_of(trained(PICTURES)))
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["model.json", "model.safetensors"]
    for name in ("model.json", "model.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_failed_write_leaves_the_model_before(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    save_model(folder, VECTORS, state_of(trained(VECTORS)))
    before = (folder / "model.json").read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        save_model(folder, replace(VECTORS, settings={"quan_weight": float("nan")}), {})
    assert (folder / "model.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_missing_model_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(CrosshashError, match=r"model\.json: not found\. Run `dvc repro`"):
        load_model(tmp_path)


def test_damaged_models_are_named(tmp_path: Path) -> None:
    state = state_of(trained(VECTORS))
    save_model(tmp_path, VECTORS, state)
    weights, card = tmp_path / "model.safetensors", tmp_path / "model.json"
    whole, text = weights.read_bytes(), json.dumps(read_json(card))

    weights.write_bytes(whole[:100])
    with pytest.raises(CrosshashError, match=r"safetensors: is not a whole .*Run `dvc repro train`"):
        load_model(tmp_path)
    weights.unlink()
    with pytest.raises(CrosshashError, match=r"safetensors: not found\. Run `dvc repro train`"):
        load_model(tmp_path)
    save_model(tmp_path, VECTORS, {key: value for key, value in state.items() if key != "image.hidden.bias"})
    with pytest.raises(
        CrosshashError, match=r"safetensors: does not fit model\.json .*Run `dvc repro train`"
    ):
        load_model(tmp_path)

    for changed in (
        text.replace('"train_bits"', '"bits_trained"'),
        text.replace('"kind"', '"sort"'),
        text.replace('"method": "twdh"', '"method": "nonsense"'),
        text.replace('"quan_weight"', '"another_weight"'),
        "[]",
    ):
        card.write_text(changed)
        with pytest.raises(CrosshashError, match=r"model\.json: was written by another version"):
            load_model(tmp_path)
    card.write_text(text[:50])
    with pytest.raises(CrosshashError, match=r"model\.json: cannot be read as JSON"):
        load_model(tmp_path)
