from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from crosshash.errors import CrosshashError
from crosshash.models.encoders.image_networks import build_image_network, image_config, load_image_weights
from crosshash.models.tower_specs import TowerSpec, image_spec, text_spec
from crosshash.models.towers import Tower, build_towers
from crosshash.models.weights.tensors import write_tensors
from tests.models.built_encoders import BAG

torchvision = importlib.import_module("torchvision")
SMALL = "timm/test_resnet"


def spec(name: str, pretrained: str | None = None) -> TowerSpec:
    return image_spec(name, "jpeg", None, 12, pretrained)


def tower(name: str, pretrained: str | None = None, seed: int = 0) -> Tower:
    torch.manual_seed(seed)
    return build_towers(spec(name, pretrained), BAG, pretrained)[0]


def pictures(count: int, size: int) -> Tensor:
    noise = np.random.default_rng(1).integers(0, 256, (count, 3, size, size))
    return torch.from_numpy(noise.astype(np.uint8))


def published(name: str = "test_resnet", seed: int = 5) -> nn.Module:
    """A whole network of timm with its classifier, as somebody else has trained it."""
    torch.manual_seed(seed)
    network: nn.Module = importlib.import_module("timm").create_model(name, pretrained=False)
    return network.eval()


# Names


def test_a_network_of_timm_brings_its_own_size_and_scaling() -> None:
    assert spec("timm/resnet34").config == {
        "image_size": 224,
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    }
    assert spec("timm/test_vit").config == {"image_size": 160, "mean": [0.5] * 3, "std": [0.5] * 3}
    picture = Path(__file__).resolve().parents[3] / "examples" / "custom" / "images" / "01.jpg"
    assert tower(SMALL).prepare(picture.read_bytes()).shape == (3, 160, 160)


def test_a_tag_brings_the_scaling_of_its_training() -> None:
    config = spec("timm/resnet34", "ra4_e3600_r224_in1k").config
    assert config is not None
    assert config["mean"] == [0.5] * 3


@pytest.mark.parametrize(
    ("name", "pretrained", "message"),
    [
        ("timm/resnet43", None, r"'timm/resnet43' is no network of timm \(close to it: .*timm/resnet34"),
        (
            "timm/resnet34.tv_in1k",
            None,
            r"is no network of timm \(close to it: timm/resnet34.*model\.pretrained",
        ),
        ("timm/hf-hub:someone/model", None, "is no network of timm"),
        ("timm/", None, "is no network of timm"),
        (
            "timm/resnet34",
            "openai",
            r"'openai' is no file, and timm .* 'timm/resnet34'\. Known tags: a1_in1k, ",
        ),
        ("timm/vit_base_patch16_sapiens2", None, r"reads 3 x 1024 x 768 numbers, not square pictures"),
        ("torchvision/resnet34", None, r"of torchvision only torchvision/alexnet .* such as timm/resnet34"),
        (
            "torchvision/alexnet",
            "openai",
            r"'openai' is no file, and torchvision .* Known tags: IMAGENET1K_V1",
        ),
    ],
)
def test_what_is_not_known_is_refused(name: str, pretrained: str | None, message: str) -> None:
    with pytest.raises(CrosshashError, match=message):
        spec(name, pretrained)


def test_a_network_for_pictures_reads_no_captions_and_no_vectors() -> None:
    with pytest.raises(
        CrosshashError, match=r"model\.text: 'timm/resnet34' reads pictures, not captions: use"
    ):
        text_spec("timm/resnet34", "caption", "jpeg", None, ["a"], 12, None)
    with pytest.raises(CrosshashError, match="'timm/resnet34' cannot be used, for this data set has vectors"):
        image_spec("timm/resnet34", "vector", 5, 12, None)


def test_pictures_are_cropped_for_published_weights_and_squashed_else() -> None:
    assert spec("timm/resnet34").resize == "squash"
    assert spec("timm/resnet34", "tv_in1k").resize == "crop"
    assert spec("torchvision/alexnet", "own.safetensors").resize == "crop"


def test_pixels_are_scaled_as_for_imagenet() -> None:
    """Red 255, green 0, blue 128: (1 - 0.485) / 0.229 = 2.2489, -0.456 / 0.224 = -2.0357, 0.4265."""
    network = tower("timm/resnet34").network
    colour = torch.tensor([255, 0, 128], dtype=torch.uint8).view(1, 3, 1, 1)
    scaled = network.scaling(colour).flatten()  # type: ignore[operator]
    assert scaled.tolist() == pytest.approx([2.2489, -2.0357, (128 / 255 - 0.406) / 0.225], abs=1e-4)


# Real sizes, from nothing


def test_resnet_34_gives_its_four_stages() -> None:
    """Torchvision's network with the same weights, stage by stage."""
    built = tower("timm/resnet34")
    assert (built.dim, built.level_dims) == (512, (64, 128, 256, 512))
    other = torchvision.models.resnet34(weights=None).eval()
    missing = other.load_state_dict(built.network.trunk.state_dict(), strict=False)  # type: ignore[union-attr, operator]
    assert missing.missing_keys == ["fc.weight", "fc.bias"]
    given = pictures(2, 224)
    inside = other.maxpool(other.relu(other.bn1(other.conv1(built.network.scaling(given)))))  # type: ignore[operator]
    with torch.no_grad():
        levels = built.network.eval().levels(given)
        for level, stage in zip(
            levels, (other.layer1, other.layer2, other.layer3, other.layer4), strict=True
        ):
            inside = stage(inside)
            assert torch.allclose(level, inside.mean((2, 3)), rtol=1e-3, atol=1e-3)


def test_alexnet_gives_fc7_and_three_of_its_convolutions() -> None:
    built = tower("torchvision/alexnet")
    assert (built.dim, built.level_dims) == (4096, (64, 384, 256, 4096))
    network, given = built.network.eval(), pictures(1, 224)
    with torch.no_grad():
        levels = network.levels(given)
        inside, expected = network.scaling(given), []  # type: ignore[operator]
        for number, layer in enumerate(network.trunk.features):  # type: ignore[arg-type, union-attr]
            inside = layer(inside)
            if number in (2, 7, 12):  # the pooled convolution 1, the ReLU of 3, the pooled convolution 5
                expected.append(inside.mean((2, 3)))
    for level, wanted in zip(levels, expected, strict=False):
        assert torch.allclose(level, wanted, rtol=1e-4, atol=1e-5)
    assert levels[3].shape == (1, 4096)
    assert levels[3].min() == 0
    assert levels[3].max() > 0


# Weights


@pytest.mark.parametrize("ending", ["safetensors", "pth"])
def test_weights_of_a_file_reach_the_network_without_its_classifier(ending: str, tmp_path: Path) -> None:
    other, path = published(), tmp_path / f"own.{ending}"
    if ending == "pth":
        torch.save(other.state_dict(), path)
    else:
        write_tensors(path, other.state_dict())
    network, given = tower(SMALL, str(path)).network.eval(), pictures(2, 160)
    with torch.no_grad():
        pictures_of_other = network.scaling(given)  # type: ignore[operator]
        assert torch.allclose(other.fc(network(given)), other(pictures_of_other), atol=1e-5)  # type: ignore[operator]


def test_old_files_without_counters_of_batches_are_loaded(tmp_path: Path) -> None:
    state = {key: value for key, value in published().state_dict().items() if "batches_tracked" not in key}
    write_tensors(tmp_path / "old.safetensors", state)
    network = tower(SMALL, str(tmp_path / "old.safetensors")).network
    assert torch.equal(network.trunk.layer4[0].conv1.weight, state["layer4.0.conv1.weight"])  # type: ignore[union-attr, index]


def test_weights_of_the_images_leave_the_text_network_as_it_was(tmp_path: Path) -> None:
    write_tensors(tmp_path / "own.safetensors", published().state_dict())
    found = []
    for pretrained in (None, str(tmp_path / "own.safetensors")):
        torch.manual_seed(0)
        found.append(build_towers(spec(SMALL), BAG, pretrained))
    assert torch.equal(found[0][1].network.hidden.weight, found[1][1].network.hidden.weight)  # type: ignore[union-attr]
    assert not torch.equal(*(image.network.trunk.conv1[0].weight for image, _ in found))  # type: ignore[union-attr, index]


def test_weights_of_another_network_are_refused_with_what_does_not_fit(tmp_path: Path) -> None:
    state = dict(published().state_dict())
    state["extra"] = torch.zeros(2)
    del state["layer1.0.conv1.weight"]
    write_tensors(tmp_path / "other.safetensors", state)
    with pytest.raises(CrosshashError) as refused:
        tower(SMALL, str(tmp_path / "other.safetensors"))
    text = str(refused.value)
    assert "other.safetensors: does not fit the model 'timm/test_resnet'" in text
    assert "- extra: not part of the model" in text
    assert "- layer1.0.conv1.weight: missing" in text
    assert text.count("\n") == 2


def test_alexnet_reads_torchvisions_names_but_for_the_classifier(tmp_path: Path) -> None:
    """Every name fits and no shape does, so that nothing is loaded and all names are in the message."""
    with torch.device("meta"):
        names = list(torchvision.models.alexnet(weights=None).state_dict())
        network = build_image_network("torchvision/alexnet", image_config("torchvision/alexnet", None))
    write_tensors(tmp_path / "alexnet.safetensors", {name: torch.zeros(7, 7) for name in names})
    with pytest.raises(CrosshashError) as refused:
        load_image_weights(network, "torchvision/alexnet", str(tmp_path / "alexnet.safetensors"))
    lines = str(refused.value).splitlines()[1:]
    assert len(lines) == len(names) - 2 == 14
    assert all("shape (7, 7), the model has" in line for line in lines)


def test_a_missing_file_and_one_of_python_objects_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CrosshashError, match=r"none\.safetensors: not found"):
        tower(SMALL, str(tmp_path / "none.safetensors"))
    torch.save({"weight": Path("x")}, tmp_path / "trap.pth")
    with pytest.raises(CrosshashError, match=r"trap\.pth: cannot be read as plain weights"):
        tower(SMALL, str(tmp_path / "trap.pth"))


def test_downloads_that_fail_name_the_way_without_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offline mode makes the hub's client give up at once; a proxy that is not there stops the other."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(
        CrosshashError, match=r"'r160_in1k' of 'timm/test_resnet' could not be downloaded .* local file"
    ):
        tower(SMALL, "r160_in1k")
    with torch.device("meta"):
        network = build_image_network("torchvision/alexnet", image_config("torchvision/alexnet", None))
    with pytest.raises(CrosshashError, match=r"'torchvision/alexnet' could not be downloaded .* local file"):
        load_image_weights(network, "torchvision/alexnet", "IMAGENET1K_V1")
    assert not list((tmp_path / "torch").rglob("*.pth"))
