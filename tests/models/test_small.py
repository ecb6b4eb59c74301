"""The two small published networks, for real."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from crosshash.config.encoders.packaged import LITE0, MINILM, PACKAGED, checked_file
from crosshash.models.encoders.hf_text import import_transformers
from crosshash.models.tower_specs import image_spec, text_spec, with_fresh_weights
from crosshash.models.towers import Tower, build_towers
from tests.models.built_encoders import BAG

pytestmark = pytest.mark.skipif(any(one.path is None for one in PACKAGED.values()), reason="crosshash[small]")
IMAGE = image_spec(LITE0, "jpeg", None, 12, None)
CAPTIONS = (
    "a dog lying on a sofa",
    "a puppy sleeps on the couch",
    "two boats out on the sea",
    "ships on water",
)


@pytest.fixture(scope="module")
def towers() -> tuple[Tower, Tower]:
    found = build_towers(IMAGE, text_spec(MINILM, "caption", "jpeg", None, [], 12, None))
    for tower in found:
        tower.network.eval()
    return found


def timm_name(name: str) -> str:
    """What timm calls a tensor, by what each layer is and not by its place.

    Stages hold 1, 2, 2, 3, 3, 4 and 1 blocks; the one block of the first has no expansion before it.
    """
    name = (
        name.replace("_conv_stem", "conv_stem")
        .replace("_conv_head", "conv_head")
        .replace("_fc", "classifier")
    )
    found = re.match(r"_blocks\.(\d+)\.(_\w+)\.(.+)", name)
    if found is None:
        return name.replace("_bn0", "bn1").replace("_bn1", "bn2")
    stages = [(stage, block) for stage, count in enumerate((1, 2, 2, 3, 3, 4, 1)) for block in range(count)]
    stage, block = stages[int(found[1])]
    first = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    other = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2"}
    layers = first if stage == 0 else other | {"_project_conv": "conv_pwl", "_bn2": "bn3"}
    return f"blocks.{stage}.{block}.{layers[found[2]]}.{found[3]}"


def test_every_published_tensor_is_at_its_layer(towers: tuple[Tower, Tower]) -> None:
    published = torch.load(checked_file(LITE0), weights_only=True)
    own = {key.removeprefix("trunk."): value for key, value in towers[0].network.state_dict().items()}
    assert len(published) == 296
    for name, value in published.items():
        if not name.startswith("_fc."):
            assert torch.equal(own.pop(timm_name(name)), value), name
    assert not own


@pytest.mark.parametrize("size", [(512, 256), (256, 300), (128, 128), (1024, 2048)])
def test_pictures_are_the_middle_224_pixels_of_256(
    towers: tuple[Tower, Tower], size: tuple[int, int]
) -> None:
    """The shorter side is brought to 256, then the middle is cut out: the other order gives the same."""
    noise = np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype(np.uint8)
    picture = Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)
    factor = 256 / min(size)
    small = picture.resize((round(size[0] * factor), round(size[1] * factor)), Image.Resampling.BICUBIC)
    left, top = (small.width - 224) // 2, (small.height - 224) // 2
    wanted = np.asarray(small.crop((left, top, left + 224, top + 224))).transpose(2, 0, 1)
    file = io.BytesIO()
    picture.save(file, "png")
    found = towers[0].prepare(file.getvalue())
    assert np.abs(found.astype(int) - wanted).max() <= 1
    assert towers[0].dim == 1280


def test_sentences_are_as_transformers_pools_them(towers: tuple[Tower, Tower]) -> None:
    """Padded batch, mask, mean, unit length, as the model's page says; alike sentences are near."""
    folder, transformers = checked_file(MINILM).parent, import_transformers()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = transformers.AutoModel.from_pretrained(folder, local_files_only=True).eval()
    given = tokenizer(list(CAPTIONS), padding=True, return_tensors="pt")
    with torch.no_grad():
        states: Tensor = model(**given).last_hidden_state
        found: Tensor = towers[1].network(
            torch.from_numpy(np.stack([towers[1].prepare(one) for one in CAPTIONS]))
        )
    weight = given["attention_mask"][:, :, None].float()
    wanted = torch.nn.functional.normalize((states * weight).sum(1) / weight.sum(1))
    assert found.shape == (4, 384)
    assert torch.allclose(found, wanted, atol=1e-6)
    alike = found @ found.T
    assert alike[0, 1] > 0.6 > 0.3 > alike[0, 2]
    assert alike[2, 3] > 0.5
    assert towers[1].prepare("word " * 500).shape == (256,)


def test_both_bring_their_weights(towers: tuple[Tower, Tower]) -> None:
    text = text_spec(MINILM, "caption", "jpeg", None, [], 12, None)
    assert with_fresh_weights(IMAGE, text, None) == (False, False)
    assert with_fresh_weights(IMAGE, BAG, None) == (False, True)
    empty = build_towers(IMAGE, text, empty=True)
    for tower, filled in zip(empty, towers, strict=True):
        tower.network.load_state_dict(filled.network.state_dict())
