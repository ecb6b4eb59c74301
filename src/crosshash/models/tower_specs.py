"""What networks are made of, chosen by name or by the kind of the data: descriptions without weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from crosshash.config.encoders.hf_folder import is_hf
from crosshash.config.networks import IMAGES_ALONE, brings_weights, for_image_alone
from crosshash.errors import CrosshashError
from crosshash.readers.pictures import Resize

CONFIGS = Path("configs")
OFFLINE = "tiny-rn"
MULTISCALE = "bow-multiscale"
CAPTIONS = f"bow, {MULTISCALE}, small/minilm, hf/<folder or name> or an open_clip model"
PICTURES = "an open_clip model, timm/<network>, torchvision/alexnet or small/efficientnet-lite0"


@dataclass(frozen=True)
class TowerSpec:
    """All that is needed to build one network again, without weights: what `model.json` keeps.

    kind: `clip` (config of open_clip), `image` (images alone; config: size, mean, deviation), `mlp` (vectors
    of `dim` numbers), `bow` (a vocabulary) or `hf` (config: transformers' own, tokenizer, pooling). layers:
    hidden layers of `mlp` and `bow`.
    """

    kind: Literal["clip", "image", "mlp", "bow", "hf"]
    name: str
    hidden: int = 0
    dim: int = 0
    config: dict[str, Any] | None = None
    resize: Resize = "squash"
    vocabulary: tuple[str, ...] = ()
    layers: int = 1
    over: TowerSpec | None = None

    @classmethod
    def of_json(cls, raw: dict[str, Any]) -> TowerSpec:
        """Take plain values.

        Raises:
            KeyError, TypeError: they were written by another version.
        """
        over = raw.get("over")
        return cls(
            **{
                **raw,
                "vocabulary": tuple(raw["vocabulary"]),
                "over": None if over is None else cls.of_json(over),
            }
        )

    @property
    def reads_vectors(self) -> bool:
        """Whether raw values are vectors, not pictures or captions."""
        return self.kind == "mlp" and self.over is None

    def as_json(self) -> dict[str, Any]:
        """Give plain values."""
        return asdict(self)


def image_spec(
    name: str, kind: str, dim: int | None, hidden: int, pretrained: str | None, layers: int = 1
) -> TowerSpec:
    """Settle the image network for data of a kind (`jpeg` or `vector`).

    Raises:
        CrosshashError: a network for pictures on vectors, or the other way round, or no images at all.
    """
    if kind == "none":
        raise CrosshashError(
            "this data set has no pictures: it was converted from label and tag files alone. Hash centres "
            "and the transform work, training needs images. Put them, or vectors of them, beside these files "
            "in the folder of download.local or mat_triple.path in params.yaml, by a name that its "
            "page in docs lists."
        )
    settled = {"jpeg": OFFLINE, "vector": "mlp"}[kind] if name == "auto" else name
    _check_kind("model.image", settled, kind, f"pictures: use auto, {PICTURES}")
    if settled == "mlp":
        return TowerSpec("mlp", settled, hidden, dim or 0, layers=layers)
    return _image_only_spec(settled, pretrained) if image_only(settled) else _clip_spec(settled, pretrained)


def text_spec(
    name: str,
    kind: str,
    image_kind: str,
    dim: int | None,
    vocabulary: list[str],
    hidden: int,
    pretrained: str | None,
    layers: int = 1,
    pooling: str = "auto",
) -> TowerSpec:
    """Settle the text network: vectors take `mlp`, captions `bow` beside image vectors, else open_clip's.

    Raises:
        CrosshashError: a network for captions on vectors, or the other way round, or an empty vocabulary.
    """
    auto = "mlp" if kind == "vector" else "bow" if image_kind == "vector" else OFFLINE
    settled = auto if name == "auto" else name
    _check_kind("model.text", settled, kind, f"captions: use auto, {CAPTIONS}")
    if settled == "mlp":
        return TowerSpec("mlp", settled, hidden, dim or 0, layers=layers)
    if settled in ("bow", MULTISCALE):
        if not vocabulary:
            raise CrosshashError(
                f"params.yaml: model.text: {settled}: the training captions hold no word. "
                "Use an open_clip model."
            )
        return TowerSpec("bow", settled, hidden, vocabulary=tuple(vocabulary), layers=layers)
    if image_only(settled):
        raise CrosshashError(
            f"params.yaml: model.text: '{settled}' reads pictures, not captions: use auto, {CAPTIONS}."
        )
    return _hf_spec(settled, pooling) if is_hf(settled) else _clip_spec(settled, pretrained)


def image_only(name: str) -> bool:
    """Tell whether a network is one for images alone, so that published weights leave the text's fresh."""
    return name.startswith(IMAGES_ALONE)


def with_fresh_weights(image: TowerSpec, text: TowerSpec, pretrained: str | None) -> tuple[bool, bool]:
    """Tell which of the two networks, image and text, `build_towers` leaves at random weights."""
    image_given = brings_weights(image.name) or pretrained is not None
    for_text = pretrained is not None and not for_image_alone(image.name, text.name) and text.kind == "clip"
    text_given = brings_weights(text.name) or for_text
    return not image_given or image.kind == "mlp", not text_given or text.kind == "mlp"


def over_frozen(spec: TowerSpec, dim: int, hidden: int, layers: int) -> TowerSpec:
    """Describe the network that reads what a frozen one gives, vectors of `dim` numbers."""
    return TowerSpec("mlp", spec.name, hidden, dim, layers=layers, over=spec)


def _check_kind(key: str, name: str, kind: str, otherwise: str) -> None:
    """Refuse `mlp` on other data than vectors, and another network on vectors.

    otherwise: what the data set has where it has no vectors, in words.
    """
    if (name == "mlp") != (kind == "vector"):
        held = "vectors: use mlp or auto" if kind == "vector" else otherwise
        raise CrosshashError(f"params.yaml: {key}: '{name}' cannot be used, for this data set has {held}.")


def _clip_spec(name: str, pretrained: str | None) -> TowerSpec:
    from crosshash.models.encoders.clip_settings import clip_config, resize_of, with_preprocess
    from crosshash.models.weights.clip_weights import with_activation

    pretrained = None if brings_weights(name) else pretrained
    config = with_activation(with_preprocess(clip_config(name, CONFIGS), name, pretrained), name, pretrained)
    return TowerSpec("clip", name, config=config, resize=resize_of(config))


def _image_only_spec(name: str, pretrained: str | None) -> TowerSpec:
    from crosshash.models.encoders.image_networks import image_config

    config = image_config(name, pretrained)
    return TowerSpec(
        "image", name, config=config, resize="crop" if pretrained or brings_weights(name) else "squash"
    )


def _hf_spec(name: str, pooling: str) -> TowerSpec:
    from crosshash.models.weights.hf_files import hf_config

    return TowerSpec("hf", name, config=hf_config(name, pooling))
