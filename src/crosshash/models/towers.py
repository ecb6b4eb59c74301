"""The two networks of a model, chosen by name or by the kind of the data, rebuilt from their description."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from torch import nn

from crosshash.errors import CrosshashError
from crosshash.models.vectors import VectorEncoder, bag_reader, vector_reader
from crosshash.protocols import Prepare

if TYPE_CHECKING:
    from crosshash.models.clip import ClipTowers

CONFIGS = Path("configs")
OFFLINE = "tiny-rn"


@dataclass(frozen=True)
class TowerSpec:
    """All that is needed to build one network again, without weights: what `model.json` keeps.

    kind: `clip` (config of open_clip), `mlp` (vectors of `dim` numbers) or `bow` (a vocabulary).
    """

    kind: Literal["clip", "mlp", "bow"]
    name: str
    hidden: int = 0
    dim: int = 0
    config: dict[str, Any] | None = None
    resize: Literal["squash", "crop"] = "squash"
    vocabulary: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Give plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Tower:
    """One network, the width of its embedding, and how a raw value becomes its input."""

    network: nn.Module
    dim: int
    prepare: Prepare


def image_spec(name: str, kind: str, dim: int | None, hidden: int, pretrained: str | None) -> TowerSpec:
    """Settle the image network for data of a kind (`jpeg` or `vector`).

    Raises:
        CrosshashError: a network for pictures on vectors, or the other way round, or no images at all.
    """
    if kind == "none":
        raise CrosshashError(
            "this data set has no pictures: it was converted from label and tag files alone. Hash centres "
            "and the transform work, training needs images. Set download.local in params.yaml to a folder "
            "that holds them as well."
        )
    settled = {"jpeg": OFFLINE, "vector": "mlp"}[kind] if name == "auto" else name
    if (settled == "mlp") != (kind == "vector"):
        held = "vectors: use mlp or auto" if kind == "vector" else "pictures: use auto or an open_clip model"
        raise CrosshashError(
            f"params.yaml: model.image: '{settled}' cannot be used, for this data set has {held}."
        )
    if settled == "mlp":
        return TowerSpec("mlp", settled, hidden, dim or 0)
    return _clip_spec(settled, pretrained)


def text_spec(
    name: str,
    kind: str,
    image_kind: str,
    dim: int | None,
    vocabulary: list[str],
    hidden: int,
    pretrained: str | None,
) -> TowerSpec:
    """Settle the text network: vectors take `mlp`, captions `bow` beside image vectors, else open_clip's.

    Raises:
        CrosshashError: a network for captions on vectors, or the other way round, or an empty vocabulary.
    """
    auto = "mlp" if kind == "vector" else "bow" if image_kind == "vector" else OFFLINE
    settled = auto if name == "auto" else name
    if (settled == "mlp") != (kind == "vector"):
        held = "vectors: use mlp or auto" if kind == "vector" else "captions: use auto, bow or a CLIP model"
        raise CrosshashError(
            f"params.yaml: model.text: '{settled}' cannot be used, for this data set has {held}."
        )
    if settled == "mlp":
        return TowerSpec("mlp", settled, hidden, dim or 0)
    if settled == "bow":
        if not vocabulary:
            raise CrosshashError(
                "params.yaml: model.text: bow: the training captions hold no word. Use an open_clip model."
            )
        return TowerSpec("bow", settled, hidden, vocabulary=tuple(vocabulary))
    return _clip_spec(settled, pretrained)


def build_towers(image: TowerSpec, text: TowerSpec, pretrained: str | None = None) -> tuple[Tower, Tower]:
    """Build both networks, with fresh weights, or those of open_clip's models with published ones.

    Raises:
        CrosshashError: weights that are not there or do not fit.
    """
    clip: dict[str, ClipTowers] = {}
    for spec in (image, text):
        if spec.kind == "clip" and spec.name not in clip:
            clip[spec.name] = _build_clip(spec, pretrained)
    image_tower = _clip_tower(clip[image.name], "image") if image.kind == "clip" else _plain_tower(image)
    text_tower = _clip_tower(clip[text.name], "text") if text.kind == "clip" else _plain_tower(text)
    return image_tower, text_tower


def _clip_spec(name: str, pretrained: str | None) -> TowerSpec:
    from crosshash.models.clip import clip_config
    from crosshash.models.weights import with_activation

    config = with_activation(clip_config(name, CONFIGS), name, pretrained)
    return TowerSpec("clip", name, config=config, resize="crop" if pretrained else "squash")


def _clip_tower(towers: ClipTowers, modality: Literal["image", "text"]) -> Tower:
    if modality == "image":
        return Tower(towers.image, towers.dim, towers.prepare_image)
    return Tower(towers.text, towers.dim, towers.prepare_text)


def _plain_tower(spec: TowerSpec) -> Tower:
    """Build the encoder of vectors or of a bag of words."""
    if spec.kind == "mlp":
        return Tower(VectorEncoder(spec.dim, spec.hidden, scaled=True), spec.hidden, vector_reader)
    words = VectorEncoder(len(spec.vocabulary), spec.hidden, scaled=False)
    return Tower(words, spec.hidden, bag_reader(spec.vocabulary))


def _build_clip(spec: TowerSpec, pretrained: str | None) -> ClipTowers:
    from crosshash.models.clip import build_clip
    from crosshash.models.weights import load_weights

    towers = build_clip(spec.config or {}, spec.name, spec.resize)
    if pretrained:
        load_weights(towers, spec.name, pretrained)
    return towers
