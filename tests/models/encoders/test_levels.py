from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn

from crosshash.errors import CrosshashError
from crosshash.models.encoders.levels import evenly, tapped, token_mean
from crosshash.models.tower_specs import TowerSpec
from crosshash.models.towers import Tower, build_towers
from tests.models.built_encoders import ALL, BAG, build, clip, inputs, timm


@pytest.mark.parametrize(("modality", "name"), ALL)
def test_four_different_depths_each_with_gradient_and_the_embedding_last(modality: str, name: str) -> None:
    tower, given = build(modality, name), inputs(modality, name)
    tower.network.eval()
    levels = tower.network.levels(given)
    assert len(levels) == 4
    assert tuple(level.shape for level in levels) == tuple((len(given), dim) for dim in tower.level_dims)
    assert tower.level_dims[-1] == tower.dim
    assert torch.equal(levels[-1], tower.network(given))
    for shallow, deep in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]:
        first, second = levels[shallow], levels[deep]
        assert first.shape != second.shape or not torch.allclose(first, second, atol=1e-4)
    for level in levels:
        assert level.isfinite().all()
        assert level.std(0).max() > 0  # it says something of the item


@pytest.mark.parametrize(("modality", "name"), ALL)
def test_gradient_of_the_levels_reaches_every_parameter_and_more_of_them_from_the_deeper_ones(
    modality: str, name: str
) -> None:
    """Residual blocks start with a weight of zero at their end, behind which there is no gradient yet."""
    tower, given = build(modality, name), inputs(modality, name)
    with torch.no_grad():
        for value in tower.network.parameters():
            value.add_(torch.full_like(value, 0.02))
    levels = tower.network.train().levels(given)
    reached = []
    for level in levels:
        tower.network.zero_grad()
        weights = torch.randn(level.shape, generator=torch.Generator().manual_seed(0))
        (level.float() * weights).sum().backward(retain_graph=True)
        reached.append(
            {
                key
                for key, value in tower.network.named_parameters()
                if value.grad is not None and value.grad.any()
            }
        )
    assert all(reached)
    everything = {key for key, value in tower.network.named_parameters() if value.requires_grad}
    assert set.union(*reached) == everything
    assert len(reached[0]) < len(reached[1]) < len(reached[2]) < len(reached[3])


@pytest.mark.parametrize(("modality", "name"), ALL)
def test_one_item_alone_has_the_levels_that_it_has_among_others(modality: str, name: str) -> None:
    tower, given = build(modality, name), inputs(modality, name)
    tower.network.train()(given)  # running statistics of their own
    tower.network.eval()
    with torch.no_grad():
        among = tower.network.levels(given)
        for item in (0, 3):
            for alone, level in zip(tower.network.levels(given[item : item + 1]), among, strict=True):
                assert alone.shape == (1, level.shape[1])
                assert torch.allclose(alone[0], level[item], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("modality", "name"), ALL)
def test_a_frozen_copy_stays_while_the_network_learns(modality: str, name: str) -> None:
    tower, given = build(modality, name), inputs(modality, name)
    tower.network.train()(given)
    frozen = copy.deepcopy(tower.network).requires_grad_(False).eval()
    before = [level.clone() for level in frozen.levels(given)]
    optimizer = torch.optim.SGD(tower.network.parameters(), lr=1.0)
    sum(level.float().square().mean() for level in tower.network.levels(given)).backward()  # type: ignore[union-attr]
    optimizer.step()
    for level, old in zip(frozen.levels(given), before, strict=True):
        assert not level.requires_grad
        assert torch.equal(level, old)
    changed = tower.network.eval()(given)
    assert not torch.allclose(changed, before[-1], atol=1e-5)


@pytest.mark.parametrize(("modality", "name"), ALL)
def test_half_precision_on_the_processor_is_close(modality: str, name: str) -> None:
    tower, given = build(modality, name), inputs(modality, name)
    tower.network.train()(given)
    tower.network.eval()
    with torch.no_grad():
        full = tower.network.levels(given)
        with torch.autocast("cpu", torch.bfloat16):
            half = tower.network.levels(given)
    for level, rough in zip(full, half, strict=True):
        assert nn.functional.cosine_similarity(level, rough.float()).min() > 0.99


def test_one_pass_gives_all_levels() -> None:
    """BatchNorm counts the batches that it has seen."""
    for modality, name in (("image", "tiny-rn"), ("image", "timm/test_resnet"), ("text", "bow-multiscale")):
        tower, given = build(modality, name), inputs(modality, name)
        tower.network.train().levels(given)
        counts = [
            value.item() for key, value in tower.network.state_dict().items() if "batches_tracked" in key
        ]
        assert counts
        assert set(counts) == {1}


# What the levels are, against other ways to the same numbers


def test_levels_of_a_clip_resnet_are_its_stages_averaged() -> None:
    tower, given = build("image", "tiny-rn"), inputs("image", "tiny-rn")
    network = tower.network.eval()
    visual = network.visual
    inside = visual.stem(network.scaling(given))  # type: ignore[operator, union-attr]
    for level, stage in zip(
        network.levels(given), (visual.layer1, visual.layer2, visual.layer3), strict=False
    ):  # type: ignore[union-attr]
        inside = stage(inside)  # type: ignore[operator]
        assert torch.allclose(level, inside.flatten(2).mean(2), atol=1e-6)


def test_levels_of_a_transformer_are_what_enters_its_layers() -> None:
    """Five blocks have 11 layer norms; in front of 0, 3, 7 are the embedding, the middle of blocks 1, 3."""
    network, given = build("image", "vit").network.eval(), inputs("image", "vit")
    visual = network.visual
    tokens = visual._embeds(network.scaling(given))  # type: ignore[operator, union-attr]
    expected = [tokens.mean(1)]
    for number, block in enumerate(visual.transformer.resblocks):  # type: ignore[arg-type, union-attr]
        attended = tokens + block.attention(block.ln_1(tokens))  # type: ignore[operator, union-attr]
        if number in (1, 3):
            expected.append(attended.mean(1))
        tokens = block(tokens)
    for level, wanted in zip(network.levels(given), expected, strict=False):
        assert torch.allclose(level, wanted, atol=1e-5)


def test_levels_of_a_timm_transformer_are_what_enters_its_blocks() -> None:
    """Six blocks: 0, 2 and 4."""
    network, given = build("image", "timm/test_vit").network.eval(), inputs("image", "timm/test_vit")
    pictures = network.scaling(given)  # type: ignore[operator]
    _, maps = network.trunk.forward_intermediates(  # type: ignore[operator, union-attr]
        pictures, norm=False, return_prefix_tokens=True, output_fmt="NLC"
    )
    levels = network.levels(given)
    for level, block in ((levels[1], 1), (levels[2], 3)):
        patches, first = maps[block]
        assert torch.allclose(level, torch.cat([first, patches], 1).mean(1), atol=1e-5)


@pytest.mark.parametrize("name", ["tiny-rn", "text alone"])
def test_levels_of_a_text_do_not_look_at_what_is_behind_its_end(name: str) -> None:
    """The first level is the mean of the embedded tokens with their positions, up to the last."""
    network, given = build("text", name).network.eval(), inputs("text", name)
    inner = getattr(network.clip, "text", network.clip)
    level = network.levels(given)[0]
    for row, tokens in enumerate(given):
        length = int(tokens.argmax()) + 1
        embedded = inner.token_embedding(tokens) + inner.positional_embedding  # type: ignore[operator]
        assert torch.allclose(level[row], embedded[:length].mean(0), atol=1e-6)


def test_levels_of_layers_are_spread_over_them() -> None:
    """Six layers: the outputs of the first, third, fourth and sixth."""
    network, given = build("image", "mlp of six layers").network.eval(), inputs("image", "mlp of six layers")
    inside = network.scale(given)  # type: ignore[operator]
    outputs = []
    for layer in (network.hidden, *network.deeper):  # type: ignore[misc]
        inside = torch.relu(layer(inside))  # type: ignore[operator]
        outputs.append(inside)
    for level, number in zip(network.levels(given), (0, 2, 3, 5), strict=True):
        assert torch.equal(level, outputs[number])


# Networks without four depths


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_too_few_layers_are_named(layers: int) -> None:
    tower = build_towers(TowerSpec("mlp", "mlp", 4, 3, layers=layers), BAG)[0]
    message = rf"model\.layers: {layers}, but this method looks at four depths .* Set model\.layers to 4"
    with pytest.raises(CrosshashError, match=message):
        _ = tower.level_dims
    with pytest.raises(CrosshashError, match=message):
        tower.network.levels(torch.zeros(2, 3))
    assert tower.network(torch.zeros(2, 3)).shape == (2, 4)


def test_timm_networks_that_show_no_four_depths_are_named() -> None:
    """LeViT has three stages; ConvMixer's blocks hold maps and no tokens, which one pass shows."""
    message = r"model\.image: \w+ of timm has no four depths to show"
    tower: Tower = build_towers(timm("levit_128s"), BAG)[0]
    with pytest.raises(CrosshashError, match=message):
        _ = tower.level_dims
    with pytest.raises(CrosshashError, match=message):
        build_towers(timm("convmixer_768_32"), BAG)[0].network.eval().levels(torch.zeros(1, 3, 28, 28))


# Tapping


def test_depths_are_spread_evenly() -> None:
    assert evenly(3) == (0, 1, 2)
    assert evenly(12) == (0, 4, 8)
    assert evenly(25) == (0, 8, 16)


def test_a_tap_keeps_what_was_given_even_if_the_layer_overwrites_it() -> None:
    layers = nn.Sequential(nn.Identity(), nn.ReLU(inplace=True))
    given = torch.tensor([[[-1.0, 2.0], [-3.0, 4.0]]])
    with tapped([layers[1]], token_mean) as found:
        layers(given.clone())
    assert found[0].tolist() == [[-2.0, 3.0]]


def test_nothing_is_left_on_the_network() -> None:
    network = build("image", "vit").network
    network.levels(inputs("image", "vit"))
    with pytest.raises(RuntimeError):
        network.levels(torch.zeros(1, 3, 5, 5))
    assert not any(module._forward_pre_hooks for module in network.modules())


def test_passes_of_other_threads_are_not_mixed_in() -> None:
    network, given = build("image", "vit").network.eval(), inputs("image", "vit")
    expected = [network.levels(given[item : item + 1]) for item in range(4)]

    def agrees(item: int) -> bool:
        found = [network.levels(given[item : item + 1]) for _ in range(10)]
        return all(
            torch.allclose(*pair, atol=1e-5)
            for levels in found
            for pair in zip(levels, expected[item], strict=True)
        )

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(agrees, range(4)))


def test_a_class_token_of_a_text_is_none_of_its_words() -> None:
    """Behind the 12 tokens stands the class token; the levels average the tokens alone."""
    network, given = (
        build("text", "text with class token").network.eval(),
        inputs("text", "text with class token"),
    )
    inner = network.clip.text  # type: ignore[union-attr]
    length = int(given[1].argmax()) + 1
    embedded: Tensor = inner.token_embedding(given[1]) + inner.positional_embedding[:12]  # type: ignore[operator, union-attr, index]
    assert torch.allclose(network.levels(given)[0][1], embedded[:length].mean(0), atol=1e-6)


def test_a_whole_clip_of_the_small_sizes_is_what_the_specs_say() -> None:
    image, text = build_towers(clip(), clip())
    assert (image.level_dims, text.level_dims) == ((48, 48, 48, 40), (24, 24, 24, 40))
