from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from crosshash.errors import CrosshashError
from crosshash.models.encoders.clip_settings import clip_config, open_clip
from crosshash.models.tower_specs import image_spec
from crosshash.models.towers import build_towers
from crosshash.models.weights.clip_weights import OPENAI_EXTRAS, convert_openai, with_activation
from crosshash.models.weights.tensors import read_note, read_tensors, write_tensors

ROOT = Path(__file__).resolve().parents[3]
NAME = "tiny-rn"
QUICK_NAME = "tiny-rn-quickgelu"


@pytest.fixture(autouse=True)
def _with_two_own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configs folder with the small model, and the same with QuickGELU."""
    config = json.loads((ROOT / "configs" / f"{NAME}.json").read_text())
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / f"{NAME}.json").write_text(json.dumps(config))
    (tmp_path / "configs" / f"{QUICK_NAME}.json").write_text(json.dumps({**config, "quick_gelu": True}))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def clip() -> nn.Module:
    """A whole open_clip model with weights of its own, as somebody else has trained it."""
    torch.manual_seed(5)
    model: nn.Module = open_clip.CLIP(**clip_config(NAME, Path("configs")))
    return model.eval()


def settle(name: str, pretrained: str | None) -> dict[str, Any]:
    return with_activation(clip_config(name, Path("configs")), name, pretrained)


def assert_towers_hold(state: dict[str, Tensor], pretrained: str) -> None:
    torch.manual_seed(0)
    spec = image_spec(NAME, "jpeg", None, 1, pretrained)
    image, text = (tower.network.state_dict() for tower in build_towers(spec, spec, pretrained))
    own = dict(image) | {key.removeprefix("clip."): value for key, value in text.items()}
    assert own.keys() == state.keys() - {"logit_scale", *OPENAI_EXTRAS}
    for key, value in own.items():
        assert torch.equal(value, state[key].to(value.dtype)), key


# Activation


def test_a_plain_name_takes_the_activation_of_the_weights() -> None:
    write_tensors(Path("quick.safetensors"), {}, ("activation", "quick_gelu"))
    write_tensors(Path("plain.safetensors"), {}, ("activation", "gelu"))
    assert settle(NAME, "quick.safetensors")["quick_gelu"] is True
    assert "quick_gelu" not in settle(NAME, "plain.safetensors")
    assert "quick_gelu" not in settle(NAME, None)


def test_a_name_that_insists_on_quickgelu_refuses_weights_of_gelu() -> None:
    write_tensors(Path("plain.safetensors"), {}, ("activation", "gelu"))
    write_tensors(Path("quick.safetensors"), {}, ("activation", "quick_gelu"))
    with pytest.raises(CrosshashError, match=r"uses QuickGELU, but .* with GELU; .* Use model 'tiny-rn'\."):
        settle(QUICK_NAME, "plain.safetensors")
    assert settle(QUICK_NAME, "quick.safetensors")["quick_gelu"] is True
    assert settle(QUICK_NAME, None)["quick_gelu"] is True


def test_published_tags_tell_their_activation_without_a_download() -> None:
    assert settle("ViT-B-32", "openai")["quick_gelu"] is True
    assert settle("ViT-B-32-quickgelu", "openai")["quick_gelu"] is True
    assert not settle("ViT-B-32", "laion2b_s34b_b79k").get("quick_gelu", False)


def test_an_unknown_tag_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        CrosshashError, match=r"'opneai' is no file, .* for 'ViT-B-32'\. Known tags: openai, "
    ):
        settle("ViT-B-32", "opneai")
    with pytest.raises(CrosshashError, match=r"for 'tiny-rn'\. Known tags: none"):
        settle(NAME, "openai")


def test_a_file_that_does_not_say_leaves_it_to_the_name_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    write_tensors(Path("silent.safetensors"), {})
    with caplog.at_level(logging.WARNING):
        assert "quick_gelu" not in settle(NAME, "silent.safetensors")
    assert "does not say which activation" in caplog.text
    assert QUICK_NAME in caplog.text
    assert settle(QUICK_NAME, "silent.safetensors")["quick_gelu"] is True


def test_a_file_of_a_model_that_never_had_quickgelu_is_taken_without_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """ViT-B-32 has tags of both kinds, MobileCLIP2-S0 of one."""
    write_tensors(Path("silent.safetensors"), {})
    with caplog.at_level(logging.WARNING):
        assert not settle("MobileCLIP2-S0", "silent.safetensors").get("quick_gelu", False)
        assert not caplog.records
        settle("ViT-B-32", "silent.safetensors")
    assert "ViT-B-32 uses GELU (with QuickGELU it is ViT-B-32-quickgelu)" in caplog.text


def test_the_activation_makes_a_difference_to_the_codes(clip: nn.Module) -> None:
    write_tensors(Path("quick.safetensors"), clip.state_dict(), ("activation", "quick_gelu"))
    write_tensors(Path("plain.safetensors"), clip.state_dict(), ("activation", "gelu"))
    tokens = torch.tensor([[49406, 320, 736, 49407] + [0] * 20])
    found = []
    for path in ("quick.safetensors", "plain.safetensors"):
        spec = image_spec(NAME, "jpeg", None, 1, path)
        found.append(build_towers(spec, spec, path)[1].network.eval()(tokens))
    assert not torch.allclose(found[0], found[1], atol=1e-5)


# Files


def test_weights_of_a_safetensors_file_reach_both_towers(clip: nn.Module) -> None:
    write_tensors(Path("own.safetensors"), clip.state_dict(), ("activation", "gelu"))
    assert_towers_hold(clip.state_dict(), "own.safetensors")


@pytest.mark.parametrize(
    "form",
    [
        lambda state: state,
        lambda state: {"epoch": 3, "state_dict": {f"module.{key}": value for key, value in state.items()}},
    ],
)
def test_weights_of_a_plain_torch_file_reach_both_towers(
    clip: nn.Module, form: Callable[[dict[str, Tensor]], object]
) -> None:
    torch.save(form(clip.state_dict()), "own.pt")
    assert_towers_hold(clip.state_dict(), "own.pt")


def test_a_pretrained_model_crops_its_pictures_as_it_was_trained() -> None:
    write_tensors(Path("own.safetensors"), {}, ("activation", "gelu"))
    assert image_spec(NAME, "jpeg", None, 1, "own.safetensors").resize == "crop"
    assert image_spec(NAME, "jpeg", None, 1, None).resize == "squash"


@pytest.mark.parametrize("name", ["none.safetensors", "none.pt", "folder/none.bin"])
def test_a_missing_file_is_named(name: str) -> None:
    with pytest.raises(CrosshashError, match=rf"{name}: not found\. model\.pretrained takes a tag"):
        settle(NAME, name)


def test_a_cut_file_is_named(clip: nn.Module) -> None:
    for name in ("cut.safetensors", "cut.pt"):
        if name.endswith("pt"):
            torch.save(clip.state_dict(), name)
        else:
            write_tensors(Path(name), clip.state_dict())
        Path(name).write_bytes(Path(name).read_bytes()[:5000])
        with pytest.raises(CrosshashError, match=rf"{name}: (is not a whole|cannot be read)"):
            settle(NAME, name)


def test_a_file_of_python_objects_is_not_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (Path("sprung"),))  # type: ignore[return-value]

    torch.save({"weight": Trap()}, "trap.pt")
    torch.save([torch.zeros(2)], "list.pt")
    for name in ("trap.pt", "list.pt"):
        with pytest.raises(CrosshashError, match=rf"{name}: cannot be read as plain weights"):
            settle(NAME, name)
    assert not Path("sprung").exists()


def test_tensors_of_other_names_and_shapes_are_all_named(clip: nn.Module) -> None:
    state = dict(clip.state_dict())
    state["extra.weight"] = torch.zeros(2)
    del state["text_projection"]
    state["visual.conv1.weight"] = torch.zeros(1, 2)
    write_tensors(Path("other.safetensors"), state, ("activation", "gelu"))
    spec = image_spec(NAME, "jpeg", None, 1, "other.safetensors")
    with pytest.raises(CrosshashError) as refused:
        build_towers(spec, spec, "other.safetensors")
    text = str(refused.value)
    assert "other.safetensors: does not fit the model 'tiny-rn'" in text
    assert "- extra.weight: not part of the model" in text
    assert "- text_projection: missing" in text
    assert "- visual.conv1.weight: shape (1, 2), the model has (8, 3, 3, 3)" in text
    assert text.count("\n") == 3


def test_a_download_that_fails_names_the_way_without_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offline mode makes the client give up at once; an empty cache leaves it nothing to find."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    from crosshash.models.weights.clip_weights import _download

    with pytest.raises(CrosshashError, match=r"'openai' of 'ViT-B-32' could not be downloaded .* local file"):
        _download("ViT-B-32", "openai")


# OpenAI's archive


@pytest.fixture
def archive(clip: nn.Module) -> Path:
    """A TorchScript archive as OpenAI's: half precision, with three numbers beside the weights."""
    for number, key in enumerate(OPENAI_EXTRAS):
        clip.__dict__.pop(key, None)
        clip.register_buffer(key, torch.tensor(number + 7))
    clip.half()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tokens = torch.zeros(1, 24, dtype=torch.int64)
        traced = torch.jit.trace_module(clip, {"encode_text": tokens})  # type: ignore[no-untyped-call]
        traced.save("ViT.pt")
    return Path("ViT.pt")


def test_an_archive_becomes_safetensors_that_the_towers_load(clip: nn.Module, archive: Path) -> None:
    count = convert_openai(archive, Path("out/ViT.safetensors"))
    state = read_tensors(Path("out/ViT.safetensors"), "")
    assert count == len(state) > 50
    assert not state.keys() & set(OPENAI_EXTRAS)
    assert read_note(Path("out/ViT.safetensors"), "", "activation") == "quick_gelu"
    assert settle(NAME, "out/ViT.safetensors")["quick_gelu"] is True
    assert_towers_hold(clip.state_dict(), "out/ViT.safetensors")


def test_an_archive_that_is_not_converted_is_refused_with_the_command(archive: Path) -> None:
    with pytest.raises(CrosshashError, match=r"run `crosshash weights convert ViT\.pt ViT\.safetensors`"):
        settle(NAME, "ViT.pt")


def test_the_tensors_of_an_archive_in_a_plain_file_tell_their_activation(
    clip: nn.Module, archive: Path
) -> None:
    torch.save(clip.state_dict(), "state.pt")
    assert settle(NAME, "state.pt")["quick_gelu"] is True
    assert_towers_hold(clip.state_dict(), "state.pt")


def test_what_is_no_archive_is_not_converted(clip: nn.Module) -> None:
    torch.save(clip.state_dict(), "plain.pt")
    Path("text.pt").write_text("no archive")
    Path("empty.pt").touch()
    for name in ("plain.pt", "text.pt", "empty.pt"):
        with pytest.raises(CrosshashError, match=rf"{name}: is not a TorchScript archive"):
            convert_openai(Path(name), Path("out.safetensors"))
    with pytest.raises(CrosshashError, match=r"none\.pt: not found"):
        convert_openai(Path("none.pt"), Path("out.safetensors"))
    with pytest.raises(CrosshashError, match=r"out\.pt: the file to write has to end in \.safetensors"):
        convert_openai(Path("plain.pt"), Path("out.pt"))
    assert not Path("out.safetensors").exists()
