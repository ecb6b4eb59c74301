from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from crosshash.errors import CrosshashError
from crosshash.models.encoders.clip import build_clip
from crosshash.models.encoders.clip_settings import clip_config
from crosshash.models.tower_specs import TowerSpec, image_spec, text_spec, with_fresh_weights
from crosshash.models.towers import build_towers
from crosshash.readers.pictures import image_reader

ROOT = Path(__file__).resolve().parents[2]
WORDS = ["a", "red", "circle"]
CONFIG = json.loads((ROOT / "configs" / "tiny-rn.json").read_text())
SIDE = CONFIG["vision_cfg"]["image_size"]
TOKENS = CONFIG["text_cfg"]["context_length"]
DIM = CONFIG["embed_dim"]


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def jpeg(left: str, right: str, size: tuple[int, int] = (80, 40)) -> bytes:
    """A picture of two halves."""
    picture = Image.new("RGB", size, left)
    picture.paste(Image.new("RGB", (size[0] // 2, size[1]), right), (size[0] // 2, 0))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def text(name: str, kind: str, image_kind: str, vocabulary: list[str] = WORDS) -> TowerSpec:
    return text_spec(name, kind, image_kind, 7 if kind == "vector" else None, vocabulary, 12, None)


@pytest.mark.parametrize(
    ("kind", "settled", "network"), [("jpeg", "tiny-rn", "clip"), ("vector", "mlp", "mlp")]
)
def test_the_image_network_follows_the_data(kind: str, settled: str, network: str) -> None:
    spec = image_spec("auto", kind, 5 if kind == "vector" else None, 12, None)
    assert (spec.name, spec.kind) == (settled, network)
    assert spec.dim == (5 if kind == "vector" else 0)


@pytest.mark.parametrize(
    ("kind", "image_kind", "network"),
    [
        ("caption", "jpeg", "clip"),
        ("caption", "vector", "bow"),
        ("vector", "jpeg", "mlp"),
        ("vector", "vector", "mlp"),
    ],
)
def test_the_text_network_follows_the_data(kind: str, image_kind: str, network: str) -> None:
    assert text("auto", kind, image_kind).kind == network


def test_layers_are_those_of_the_plain_networks() -> None:
    image = image_spec("auto", "vector", 5, 12, None, 4)
    words = text_spec("bow", "caption", "vector", None, WORDS, 12, None, 4)
    towers = build_towers(image, words)
    assert [tower.level_dims for tower in towers] == [(12, 12, 12, 12)] * 2
    assert image_spec("auto", "jpeg", None, 12, None, 4).layers == 1


def test_the_multiscale_bag_reads_the_words_that_bow_reads() -> None:
    image = image_spec("auto", "jpeg", None, 12, None)
    (_, plain), (_, scales) = (
        build_towers(image, text(name, "caption", "jpeg")) for name in ("bow", "bow-multiscale")
    )
    assert (scales.dim, scales.level_dims) == (256, (256, 256, 256, 256))
    assert scales.prepare("A red, RED square.").tolist() == plain.prepare("A red, RED square.").tolist()
    with pytest.raises(
        CrosshashError, match=r"model\.text: bow-multiscale: the training captions hold no word"
    ):
        text("bow-multiscale", "caption", "jpeg", [])


def test_a_network_may_be_chosen_where_it_fits() -> None:
    assert text("bow", "caption", "jpeg").vocabulary == tuple(WORDS)
    assert text("tiny-rn", "caption", "vector").kind == "clip"
    assert image_spec("ViT-B-32", "jpeg", None, 12, None).config is not None


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("mlp", "jpeg", r"model\.image: 'mlp' cannot be used, for this data set has pictures: use auto"),
        (
            "tiny-rn",
            "vector",
            r"model\.image: 'tiny-rn' cannot be used, for this data set has vectors: use mlp",
        ),
        (
            "auto",
            "none",
            r"no pictures: .* needs images\. Put them, .* folder of download\.local or mat_triple\.path",
        ),
        ("mlp", "none", "this data set has no pictures"),
        ("bow", "jpeg", r"'bow' is neither a file of configs/ \(tiny-rn\) nor a model of open_clip"),
        (
            "ViT-B-23",
            "jpeg",
            r"'ViT-B-23' is neither a file of configs/ \(tiny-rn\) nor a model of open_clip",
        ),
    ],
)
def test_an_image_network_that_does_not_fit_is_refused(name: str, kind: str, message: str) -> None:
    with pytest.raises(CrosshashError, match=message):
        image_spec(name, kind, 5, 12, None)


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        (
            "mlp",
            "caption",
            r"model\.text: 'mlp' cannot be used, for this data set has captions: use auto, bow",
        ),
        ("bow", "vector", r"model\.text: 'bow' cannot be used, for this data set has vectors: use mlp"),
        ("tiny", "caption", "'tiny' is neither a file of configs/"),
    ],
)
def test_a_text_network_that_does_not_fit_is_refused(name: str, kind: str, message: str) -> None:
    with pytest.raises(CrosshashError, match=message):
        text(name, kind, "jpeg")


def test_a_bag_of_no_words_is_refused() -> None:
    with pytest.raises(CrosshashError, match="the training captions hold no word"):
        text("bow", "caption", "jpeg", [])


def test_a_model_that_mixes_both_modalities_is_refused() -> None:
    with pytest.raises(CrosshashError, match="'coca_ViT-B-32' mixes image and text"):
        build_clip(clip_config("coca_ViT-B-32", Path("configs")), "coca_ViT-B-32", "squash")


def test_the_small_towers_read_pictures_and_captions() -> None:
    torch.manual_seed(0)
    spec = image_spec("auto", "jpeg", None, 12, None)
    image, words = build_towers(spec, text("auto", "caption", "jpeg"))
    pixels = image.prepare(jpeg("red", "blue"))
    tokens = words.prepare("a red circle")
    assert pixels.dtype == np.uint8
    assert pixels.shape == (3, SIDE, SIDE)
    assert tokens.dtype == np.int64
    assert tokens.shape == (TOKENS,)
    image.network.eval()
    assert image.network(torch.from_numpy(pixels[None])).shape == (1, image.dim) == (1, DIM)
    assert words.network(torch.from_numpy(tokens[None])).shape == (1, words.dim) == (1, DIM)


def test_parameters_of_the_contrastive_loss_are_no_part_of_the_towers() -> None:
    """They would get no gradient, but be counted, decayed and stored."""
    config = {**clip_config("tiny-rn", Path("configs")), "init_logit_bias": -10}
    towers = build_clip(config, "tiny-rn", "squash")
    names = [name for tower in (towers.image, towers.text) for name, _ in tower.named_parameters()]
    assert len(names) > 50
    assert not [name for name in names if "logit" in name]
    assert not [name for name in towers.text.state_dict() if "visual" in name]


def test_a_very_long_caption_and_one_of_other_letters_have_tokens() -> None:
    _, words = build_towers(image_spec("auto", "jpeg", None, 1, None), text("auto", "caption", "jpeg"))
    for caption in ("word " * 5000, "ein rotes Ø 円 🙂", 'said "no",\nthen went'):
        tokens = words.prepare(caption)
        assert tokens.shape == (TOKENS,)
        assert tokens[0] == 49406  # start of text
        assert 49407 in tokens  # its end


def test_a_caption_gives_the_same_tokens_alone_and_among_others() -> None:
    _, words = build_towers(image_spec("auto", "jpeg", None, 1, None), text("auto", "caption", "jpeg"))
    alone = words.prepare("a small green heart")
    words.prepare("something else")
    assert np.array_equal(words.prepare("a small green heart"), alone)


def test_squash_keeps_the_sides_and_crop_the_middle() -> None:
    """A green band stands at the far left of 80 x 40 pixels: the middle square of 40 x 40 is without it."""
    picture = Image.open(io.BytesIO(jpeg("red", "blue"))).copy()
    picture.paste(Image.new("RGB", (16, 40), "lime"), (0, 0))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    squashed = image_reader(8, "squash")(buffer.getvalue())
    cropped = image_reader(8, "crop")(buffer.getvalue())
    assert squashed.shape == cropped.shape == (3, 8, 8)
    assert squashed[:, 4, 0].tolist()[1] > 200
    assert cropped[1].max() < 50
    assert cropped[0, 4, 0] > 200
    assert cropped[2, 4, 7] > 200


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_pictures_of_any_mode_and_shape_become_squares_of_three_channels(mode: str) -> None:
    for size in ((48, 48), (1, 200), (300, 7)):
        buffer = io.BytesIO()
        Image.new(mode, size, 0).save(buffer, "JPEG")
        assert image_reader(48, "squash")(buffer.getvalue()).shape == (3, 48, 48)
        assert image_reader(48, "crop")(buffer.getvalue()).shape == (3, 48, 48)


def test_a_large_jpeg_is_decoded_at_a_coarser_scale_without_visible_difference() -> None:
    """The decoder's own shrinking saves most of the work; colours and places stay."""
    fine = image_reader(48, "squash")(jpeg("red", "blue", (2000, 1000)))
    plain = image_reader(48, "squash")(jpeg("red", "blue", (48, 48)))
    inner = [0, 10, 20, 27, 37, 47]
    assert np.abs(fine.astype(int) - plain)[:, :, inner].max() < 12


def test_towers_are_built_again_from_their_description_as_json() -> None:
    image, words = image_spec("auto", "jpeg", None, 12, None), text("bow", "caption", "jpeg")
    deep = image_spec("auto", "vector", 5, 12, None, 4)
    network, scales = (
        image_spec("timm/resnet34", "jpeg", None, 12, None),
        text("bow-multiscale", "caption", "jpeg"),
    )
    for spec in (image, words, deep, network, scales):
        raw = json.loads(json.dumps(spec.as_json()))
        assert TowerSpec(**{**raw, "vocabulary": tuple(raw["vocabulary"])}) == spec


def test_an_image_and_a_text_tower_of_other_models_may_stand_together() -> None:
    wide = TowerSpec("clip", "wide", config={**CONFIG, "embed_dim": 32})
    small = TowerSpec("clip", "tiny-rn", config=CONFIG)
    image, words = build_towers(wide, small)
    assert (image.dim, words.dim) == (32, DIM)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("image", "words", "fresh"),
    [
        ("tiny-rn", "tiny-rn", (False, False)),
        ("tiny-rn", "bow", (False, True)),
        ("timm/resnet34", "bow-multiscale", (False, True)),
        ("timm/resnet34", "tiny-rn", (False, True)),
        ("mlp", "tiny-rn", (True, False)),
    ],
)
def test_published_weights_leave_some_networks_fresh(
    image: str, words: str, fresh: tuple[bool, bool]
) -> None:
    """Weights of a network for images alone are none for the text, open_clip's are none for mlp and bow."""
    specs = (
        image_spec(image, "vector" if image == "mlp" else "jpeg", 5, 12, None),
        text(words, "caption", "jpeg"),
    )
    assert with_fresh_weights(*specs, "somewhere.safetensors") == fresh
    assert with_fresh_weights(*specs, None) == (True, True)


def test_vit_b_32_learns_from_fresh_weights() -> None:
    torch.manual_seed(0)
    spec = image_spec("ViT-B-32", "jpeg", None, 12, None)
    image, words = build_towers(spec, text("ViT-B-32", "caption", "jpeg"))
    pixels = torch.from_numpy(
        np.stack([image.prepare(jpeg("red", "blue")), image.prepare(jpeg("lime", "red"))])
    )
    tokens = torch.from_numpy(np.stack([words.prepare("red and blue"), words.prepare("green and red")]))
    assert pixels.shape == (2, 3, 224, 224)
    parameters = [*image.network.parameters(), *words.network.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.01)  # its state is no larger than the model
    optimizer.zero_grad()
    seen, read = image.network.levels(pixels), words.network.levels(tokens)
    assert [level.shape[1] for level in seen] == [*image.level_dims] == [768, 768, 768, 512]
    assert [level.shape[1] for level in read] == [*words.level_dims] == [512, 512, 512, 512]
    before = (seen[-1] - read[-1]).square().mean()
    before.backward()
    optimizer.step()
    with torch.no_grad():
        after = (image.network(pixels) - words.network(tokens)).square().mean()
    assert after < before
