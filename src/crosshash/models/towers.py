"""The two networks of a model, built from their description."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crosshash.config.networks import brings_weights
from crosshash.models.encoders.levels import Encoder, Widths
from crosshash.models.encoders.multiscale import MultiscaleBag
from crosshash.models.encoders.vectors import VectorEncoder
from crosshash.models.tower_specs import MULTISCALE, TowerSpec
from crosshash.models.weights.unset import UnsetWeights
from crosshash.protocols import Prepare
from crosshash.readers.pictures import image_reader
from crosshash.readers.words import bag_reader, vector_reader
from crosshash.retrieval.codefiles.codeset import Modality

if TYPE_CHECKING:
    from crosshash.models.encoders.clip import ClipTowers


@dataclass(frozen=True)
class Tower:
    """One network, the width of its embedding, and how a raw value becomes its input.

    space: of the embedding, where it may be one with the other network's: they then have equal names.
    """

    network: Encoder
    dim: int
    prepare: Prepare
    space: str | None = None

    @property
    def level_dims(self) -> Widths:
        """Widths of `network.levels(x)`.

        Raises:
            CrosshashError: the network has no four depths to show.
        """
        return self.network.level_dims


def build_towers(
    image: TowerSpec, text: TowerSpec, pretrained: str | None = None, *, empty: bool = False
) -> tuple[Tower, Tower]:
    """Build both networks, with fresh weights or published ones.

    pretrained: weights of the image network alone where it is one for images alone (the text network starts
    fresh), else of every open_clip model. empty: set no weights, neither random ones nor those that networks
    bring along, for those of a trained model come next.

    Raises:
        CrosshashError: weights that are not there or do not fit.
    """
    found = build_each({"image": image, "text": text}, pretrained, empty=empty)
    return found["image"], found["text"]


def build_each(
    specs: Mapping[Modality, TowerSpec], pretrained: str | None, *, empty: bool = False
) -> dict[Modality, Tower]:
    """Build some networks as `build_towers` does; both of one open_clip model at once.

    Raises:
        CrosshashError: weights that are not there or do not fit.
    """
    with UnsetWeights() if empty else nullcontext():
        return _build_each(specs, pretrained, empty)


def _build_each(
    specs: Mapping[Modality, TowerSpec], pretrained: str | None, empty: bool
) -> dict[Modality, Tower]:
    for_both = None if any(spec.kind == "image" for spec in specs.values()) else pretrained
    names = {spec.name: spec for spec in specs.values() if spec.kind == "clip"}
    clip = {name: _build_clip(spec, for_both, empty) for name, spec in names.items()}
    found = {}
    for modality, spec in specs.items():
        if spec.kind == "image":
            found[modality] = _image_only_tower(spec, pretrained, empty)
        elif spec.kind == "hf":
            found[modality] = _hf_tower(spec, empty)
        elif spec.kind == "clip":
            found[modality] = _clip_tower(clip[spec.name], spec.name, modality)
        else:
            found[modality] = _plain_tower(spec)
    return found


def _image_only_tower(spec: TowerSpec, pretrained: str | None, empty: bool) -> Tower:
    from crosshash.models.encoders.image_networks import build_image_network, load_image_weights

    config = spec.config or {}
    network = build_image_network(spec.name, config)
    if pretrained or (brings_weights(spec.name) and not empty):
        load_image_weights(network, spec.name, pretrained)
    read = image_reader(config["image_size"], spec.resize, share=config.get("share", 1.0))
    return Tower(network, network.dim, read)


def _hf_tower(spec: TowerSpec, empty: bool) -> Tower:
    from crosshash.models.encoders.hf_text import HfTextEncoder
    from crosshash.models.weights.hf_files import load_hf
    from crosshash.readers.tokens import hf_reader

    network = HfTextEncoder(spec.config or {})
    if not empty:
        load_hf(network, spec.name)
    return Tower(network, network.dim, hf_reader(spec.config or {}))


def _clip_tower(towers: ClipTowers, name: str, modality: Modality) -> Tower:
    if modality == "image":
        return Tower(towers.image, towers.dim, towers.prepare_image, name)
    return Tower(towers.text, towers.dim, towers.prepare_text, name)


def _plain_tower(spec: TowerSpec) -> Tower:
    """Build the encoder of vectors or of a bag of words."""
    if spec.kind == "mlp":
        network = VectorEncoder(spec.dim, spec.hidden, scaled=True, layers=spec.layers)
        space = f"vectors of {spec.dim} numbers"
        if spec.over is not None:
            space = spec.over.name
        return Tower(network, spec.hidden, vector_reader, space)
    words = len(spec.vocabulary)
    if spec.name == MULTISCALE:
        scales = MultiscaleBag(words)
        return Tower(scales, scales.dim, bag_reader(spec.vocabulary))
    bag = VectorEncoder(words, spec.hidden, scaled=False, layers=spec.layers)
    return Tower(bag, spec.hidden, bag_reader(spec.vocabulary))


def _build_clip(spec: TowerSpec, pretrained: str | None, empty: bool) -> ClipTowers:
    from crosshash.models.encoders.clip import build_clip
    from crosshash.models.weights.clip_weights import load_weights

    towers = build_clip(spec.config or {}, spec.name, spec.resize)
    own = brings_weights(spec.name)
    if (own and not empty) or (pretrained and not own):
        load_weights(towers, spec.name, None if own else pretrained)
    return towers
