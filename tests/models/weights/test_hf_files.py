from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from crosshash.errors import CrosshashError
from crosshash.inference.model_folder import ModelCard, build_method, load_model, save_model
from crosshash.models.tower_specs import TowerSpec, text_spec
from crosshash.models.towers import build_towers
from crosshash.models.weights.tensors import read_tensors, write_tensors
from tests.models.hf_folders import modules, network, save, transformers

IMAGE = TowerSpec("mlp", "mlp", 4, 3)
FILE = "model.safetensors"


def spec(folder: Path) -> TowerSpec:
    return text_spec(f"hf/{folder}", "caption", "jpeg", None, [], 12, None)


def state(folder: Path) -> dict[str, Tensor]:
    found: dict[str, Tensor] = build_towers(IMAGE, spec(folder))[1].network.state_dict()
    return {key.removeprefix("inner."): value for key, value in found.items()}


def assert_equal(found: dict[str, Tensor], model: Any) -> None:  # noqa: ANN401
    own = {key: value for key, value in model.state_dict().items() if not key.startswith("pooler.")}
    assert found.keys() == own.keys()
    assert all(torch.equal(found[key], own[key]) for key in own)


# Layouts of published files


@pytest.mark.parametrize("name", ["Bert", "Roberta", "MPNet", "DistilBert", "XLMRoberta", "ModernBert"])
def test_a_folder_of_a_network_alone(name: str, tmp_path: Path) -> None:
    model = network(name)
    assert_equal(state(save(tmp_path, model)), model)


@pytest.mark.parametrize(
    ("name", "base"), [("Bert", "bert"), ("Roberta", "roberta"), ("DistilBert", "distilbert")]
)
def test_a_network_within_one_for_another_task(name: str, base: str, tmp_path: Path) -> None:
    """Names start with `bert.`, and a head stands beside it."""
    whole = network(name, "ForMaskedLM")
    folder = save(tmp_path, whole)
    assert any(key.startswith(f"{base}.") for key in read_tensors(folder / FILE, ""))
    assert_equal(state(folder), getattr(whole, base))


def test_old_names_of_norms_and_buffers(tmp_path: Path) -> None:
    """Files of 2019: `gamma` and `beta` instead of `weight` and `bias`, position_ids among the tensors."""
    model = network()
    folder = save(tmp_path, model)
    old = {
        key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
        for key, value in read_tensors(folder / FILE, "").items()
    }
    write_tensors(folder / FILE, old | {"embeddings.position_ids": torch.arange(40)[None]}, ("format", "pt"))
    assert_equal(state(folder), model)


def test_weights_in_several_files(tmp_path: Path) -> None:
    model = network()
    model.save_pretrained(tmp_path, max_shard_size="8KB")  # type: ignore[operator]
    shards = {path.name: path.read_bytes() for path in tmp_path.glob("*.safetensors")}
    index = (tmp_path / "model.safetensors.index.json").read_bytes()
    folder = save(tmp_path, model)
    (folder / FILE).unlink(missing_ok=True)
    for name, content in (*shards.items(), ("model.safetensors.index.json", index)):
        (folder / name).write_bytes(content)
    assert len(shards) > 1
    assert_equal(state(folder), model)


# What does not fit


def test_tensors_that_are_missing_or_too_many_are_all_named(tmp_path: Path) -> None:
    """A file of four layers under a config of three, and one tensor less."""
    folder = save(tmp_path, network(num_hidden_layers=4))
    tensors = read_tensors(folder / FILE, "")
    del tensors["encoder.layer.1.output.dense.bias"]
    write_tensors(folder / FILE, tensors, ("format", "pt"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    with pytest.raises(CrosshashError) as refused:
        state(folder)
    text = str(refused.value)
    assert "- encoder.layer.1.output.dense.bias: missing" in text
    assert "- encoder.layer.3.output.dense.bias: not part of the model" in text
    assert text.count(": missing") == 1


def test_tensors_of_other_shapes_are_refused(tmp_path: Path) -> None:
    folder = save(tmp_path, network())
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 48}))
    with pytest.raises(CrosshashError, match=r"cannot be loaded: .*"):
        state(folder)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    folder = save(tmp_path, network())
    (folder / FILE).write_bytes((folder / FILE).read_bytes()[:900])
    with pytest.raises(CrosshashError, match=rf"{tmp_path}: cannot be loaded"):
        state(folder)


def test_pickles_are_not_read(tmp_path: Path) -> None:
    folder = save(tmp_path, network())
    torch.save(read_tensors(folder / FILE, ""), folder / "pytorch_model.bin")
    (folder / FILE).unlink()
    with pytest.raises(
        CrosshashError, match=r"holds no \.safetensors file; weights of other kinds are pickles"
    ):
        state(folder)


def test_code_of_the_publisher_is_never_run(tmp_path: Path) -> None:
    """A config that names a class of its own, which would leave a file behind."""
    folder, sprung = save(tmp_path / "trap", network()), tmp_path / "sprung"
    (folder / "own.py").write_text(f"open({str(sprung)!r}, 'w')\n")
    config = json.loads((folder / "config.json").read_text())
    own = {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": own}))
    assert_equal(state(folder), network())  # the class of transformers' own
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": own, "model_type": "own"}))
    with pytest.raises(CrosshashError, match=rf"{folder}: transformers cannot read it"):
        spec(folder)
    assert not sprung.exists()


def test_what_is_no_text_encoder_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "t5", network("T5", d_model=24, d_kv=8, d_ff=32, num_layers=1, num_heads=2))
    with pytest.raises(CrosshashError, match="'t5' is no encoder of texts alone"):
        spec(tmp_path / "t5")
    save(tmp_path / "vit", network("ViT", image_size=32, patch_size=16))
    with pytest.raises(CrosshashError, match="'vit' is no encoder of texts alone"):
        spec(tmp_path / "vit")


def test_steps_and_poolings_that_are_not_known_are_refused(tmp_path: Path) -> None:
    dense = save(tmp_path / "dense", network(), modules=modules("Transformer", "Pooling", "Dense"))
    with pytest.raises(CrosshashError, match=r"modules\.json: the step Dense is not known here"):
        spec(dense)
    largest = save(tmp_path / "max", network(), pooling={"pooling_mode_max_tokens": True})
    with pytest.raises(CrosshashError, match=r"pools by 'max_tokens', .* model\.pooling: mean, cls, last"):
        spec(largest)
    assert text_spec(f"hf/{largest}", "caption", "jpeg", None, [], 1, None, pooling="cls").kind == "hf"


def test_a_name_of_the_hub_without_network_names_the_way_by_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offline mode makes the client give up at once; an empty cache leaves it nothing to find."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(
        CrosshashError, match=r"'someone/model' is no folder here, .* local folder: hf/<path>"
    ):
        spec(Path("someone/model"))


def test_a_name_of_the_hub_is_taken_from_its_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The layout of the hub's cache: the commit of a branch in refs, the files under snapshots/<commit>."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    place, commit, model = tmp_path / "models--someone--model", "0" * 39 + "1", network()
    save(place / "snapshots" / commit, model)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(commit)
    assert_equal(state(Path("someone/model")), model)


# A trained model


def test_a_trained_model_needs_the_folder_no_more(tmp_path: Path) -> None:
    folder = save(tmp_path / "bert", network())
    text = spec(folder)
    card = ModelCard(
        "dcmht",
        8,
        {"similarity": "euclidean", "vartheta": 0.25, "quan_weight": 0.0, "head": "mlp"},
        IMAGE,
        text,
        0,
    )
    towers = build_towers(IMAGE, text)
    method: Any = build_method(card, towers, None)
    save_model(tmp_path / "model", card, method.state_dict())
    shutil.rmtree(folder)
    loaded: Any = load_model(tmp_path / "model")
    tokens = torch.from_numpy(loaded.prepare_text("two dog run"))[None]
    assert torch.equal(tokens[0], torch.from_numpy(towers[1].prepare("two dog run")))
    with torch.no_grad():
        assert torch.equal(loaded.method.encode_text(tokens), method.eval().encode_text(tokens))


def test_transformers_talks_as_before(tmp_path: Path) -> None:
    talk = importlib.import_module("transformers.utils.logging")
    before = talk.get_verbosity(), talk.is_progress_bar_enabled()
    state(save(tmp_path, network()))
    assert (talk.get_verbosity(), talk.is_progress_bar_enabled()) == before
    assert transformers.__version__ >= "5.20"
