from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from crosshash.config.params import METHODS
from crosshash.errors import CrosshashError
from crosshash.export.graphs import CodeGraph, write_graph
from crosshash.inference.model_folder import Model, ModelCard, build_method
from crosshash.models.encoders.vectors import VectorEncoder
from crosshash.models.tower_specs import TowerSpec, text_spec
from crosshash.models.towers import build_towers
from crosshash.retrieval.codefiles.codeset import Modality
from tests.methods.cases import plans
from tests.models.built_encoders import ALL, BAG, SPECS, VIT, clip, inputs
from tests.models.frozen_text import frozen_text_model
from tests.models.hf_folders import CAPTIONS as HF_CAPTIONS
from tests.models.hf_folders import network, save

TWDH = {"quan_weight": 0.5, "short_weight": 0.0}
VECTORS = TowerSpec("mlp", "mlp", 16, 7, layers=4)
DEEP_BAG = SPECS["bow"]


def model(image: TowerSpec, text: TowerSpec, method: str = "twdh", **settings: Any) -> Model:  # noqa: ANN401
    """A model of fresh weights."""
    torch.manual_seed(1)
    card = ModelCard(method, 16, settings or TWDH, image, text, 1)
    towers = build_towers(image, text)
    made = build_method(card, towers, None)
    for one in [*made.parameters(), *made.buffers()]:
        if one.dtype == torch.float32 and not one.any():  # what a closed form solves for, means
            one.data.normal_(0, 0.1)
    return Model(card, made.eval(), towers[0].prepare, towers[1].prepare, "digest")


def run(path: Path, ready: Tensor) -> np.ndarray:
    (code,) = onnxruntime.InferenceSession(str(path)).run(None, {"raw": ready.numpy()})
    return np.asarray(code)


def assert_alike(made: Model, modality: Modality, ready: Tensor, path: Path) -> None:
    """Written from two inputs, run with one and with all of them: the codes of torch."""
    encode = getattr(made.method, f"encode_{modality}")
    with torch.no_grad():
        _settle(made.method, encode, ready)
        expected = encode(ready).float().numpy()
    write_graph(made, modality, ready[:2], path)
    size = np.abs(expected).max()
    assert expected.std(axis=0).max() > 0.01 * size  # items differ: a constant would pass all else
    for found in (run(path, ready), np.concatenate([run(path, ready[row : row + 1]) for row in range(5)])):
        assert np.abs(found - expected).max() < 1e-4 * size


def _settle(method: nn.Module, encode: Callable[[Tensor], Tensor], ready: Tensor) -> None:
    """Give batch norms the statistics of their inputs, as training does: not those of the start."""
    norms = [one for one in method.modules() if isinstance(one, nn.BatchNorm1d | nn.BatchNorm2d)]
    for one in norms:
        one.momentum = None
        one.train()
    encode(ready)
    method.eval()


@pytest.mark.parametrize(("modality", "name"), ALL, ids=lambda value: str(value))
def test_every_kind_of_network_gives_the_codes_of_torch(
    modality: Modality, name: str, tmp_path: Path
) -> None:
    spec = SPECS[name]
    text = spec if modality == "text" or spec.kind == "clip" else BAG
    image = spec if modality == "image" or spec.kind == "clip" else VECTORS
    assert_alike(model(image, text), modality, inputs(modality, name), tmp_path / "one.onnx")


def test_attention_of_an_even_number_of_heads(tmp_path: Path) -> None:
    """As in ViT-B-32: torch has a short cut for those, an operator that ONNX lacks."""
    vit = clip(vision_cfg={**VIT, "head_width": 24})
    assert_alike(model(vit, vit), "image", inputs("image", "vit"), tmp_path / "one.onnx")


def test_a_frozen_network_and_what_reads_its_vectors_are_one_graph(tmp_path: Path) -> None:
    """Its vectors are rounded to float16 on the way, as those on disk are."""
    made = frozen_text_model()
    frozen = made.frozen["text"]
    captions = ["a dog", "a red cat", "sofa", "a dog on a red sofa", ""]
    ready = torch.from_numpy(np.stack([frozen.tower.prepare(one) for one in captions]))
    vectors = frozen.embed(captions, torch.device("cpu")).astype(np.float32)
    with torch.no_grad():
        expected = made.method.encode_text(torch.from_numpy(vectors)).numpy()
    write_graph(made, "text", ready[:2], tmp_path / "one.onnx")
    assert np.allclose(run(tmp_path / "one.onnx", ready), expected, atol=1e-6)


def test_outputs_too_small_for_float16_are_nothing_to_both(tmp_path: Path) -> None:
    """As three of MiniLM's: beside others of length 1 they are noise, which columns of one deviation show."""
    made = frozen_text_model()
    frozen = made.frozen["text"]
    reading = next(
        one for one in made.method.modules() if isinstance(one, VectorEncoder) and one.inputs == frozen.dim
    )
    network: Any = frozen.tower.network
    with torch.no_grad():
        network.hidden.weight[3], network.hidden.bias[3] = 1e-9, 1e-9
        reading.hidden.weight[:, 3] = 1e9
    captions = ["a dog", "a red cat", "sofa"]
    ready = torch.from_numpy(np.stack([frozen.tower.prepare(one) for one in captions]))
    vectors = frozen.embed(captions, torch.device("cpu")).astype(np.float32)
    assert not vectors[:, 3].any()
    with torch.no_grad():
        expected = made.method.encode_text(torch.from_numpy(vectors)).numpy()
    write_graph(made, "text", ready[:2], tmp_path / "one.onnx")
    assert np.allclose(run(tmp_path / "one.onnx", ready), expected, atol=1e-6)


def test_texts_of_transformers_of_any_length(tmp_path: Path) -> None:
    """Cut to the longest of each batch, -1 behind the others' ends; no mask would change them."""
    spec = text_spec(f"hf/{save(tmp_path / 'hf', network())}", "caption", "jpeg", None, [], 12, None)
    made = model(VECTORS, spec)
    ready = torch.from_numpy(
        np.stack([made.prepare_text(text) for text in (*HF_CAPTIONS, "a dog on a sofa")])
    )
    longest = int((ready >= 0).sum(1).max())
    assert longest < ready.shape[1]
    with torch.no_grad():
        expected = made.method.encode_text(ready).numpy()
    write_graph(made, "text", ready[:2], tmp_path / "one.onnx")
    for cut in (longest, longest + 3):
        assert np.allclose(run(tmp_path / "one.onnx", ready[:, :cut]), expected, atol=1e-5)


@pytest.mark.parametrize("modality", ["image", "text"])
@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_gives_the_codes_of_torch(name: str, modality: Modality, tmp_path: Path) -> None:
    text = VECTORS if name == "shared" else DEEP_BAG  # which wants both in one space
    made = model(VECTORS, text, name, **plans(name)["train"].settings)
    ready = inputs(modality, "mlp" if modality == "image" or name == "shared" else "bow")
    assert_alike(made, modality, ready, tmp_path / "one.onnx")


def test_the_model_itself_stays_as_it_is(tmp_path: Path) -> None:
    """The exporter sets modes, and BatchNorm without weights gets some: in a copy."""
    made = model(VECTORS, DEEP_BAG)
    before = {key: value.clone() for key, value in made.method.state_dict().items()}
    write_graph(made, "image", inputs("image", "mlp")[:2], tmp_path / "one.onnx")
    assert before.keys() == made.method.state_dict().keys()
    assert not any(part.training for part in made.method.modules())


def test_the_file_holds_its_weights(tmp_path: Path) -> None:
    write_graph(model(VECTORS, DEEP_BAG), "text", inputs("text", "bow")[:2], tmp_path / "one.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["one.onnx"]


def test_an_operator_that_onnx_lacks_is_told_by_the_network_s_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(_: CodeGraph, raw: Tensor) -> Tensor:
        return torch.linalg.lu_factor(raw[:, :7].T @ raw[:, :7])[0]

    monkeypatch.setattr(CodeGraph, "forward", odd)
    with pytest.raises(CrosshashError, match=r"one\.onnx: the network 'mlp' cannot be written as .*lu"):
        write_graph(model(VECTORS, DEEP_BAG), "image", inputs("image", "mlp")[:2], tmp_path / "one.onnx")
