"""The names in the section `model`, judged before anything is downloaded and without loading a library."""

from __future__ import annotations

import difflib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from crosshash.artifacts import read_json
from crosshash.config.encoders.clip_folder import (
    clip_folder_digest,
    clip_folder_problem,
    in_clip_folder,
    lacks_transformers,
)
from crosshash.config.encoders.hf_folder import PREFIX as HF
from crosshash.config.encoders.hf_folder import hf_digest, hf_problem, is_hf
from crosshash.config.encoders.packaged import LITE0, MINILM, PACKAGED, not_installed
from crosshash.config.stage_sections import ModelSection
from crosshash.errors import CrosshashError, listed

if TYPE_CHECKING:
    from crosshash.config.params import CommonParams

CONFIGS = Path("configs")
IMAGES_ALONE = ("timm/", "torchvision/", LITE0)
NOTHING = ("none", "nil", "no", "false", "random", "null", "")


def names_file(pretrained: str) -> bool:
    """Tell a path from a tag: no tag of open_clip, timm or torchvision has a dot or a slash."""
    return "." in pretrained or "/" in pretrained


def brings_weights(name: str) -> bool:
    """Tell whether a network is one that has published weights always, whatever `model.pretrained` says."""
    return name in PACKAGED or is_hf(name) or in_clip_folder(name)


def folders_digest(image: str, text: str) -> str | None:
    """Give a digest of the folders that networks are named by; None where there are none.

    Raises:
        CrosshashError: a file cannot be read.
    """
    found = [clip_folder_digest(image), clip_folder_digest(text), hf_digest(text)]
    return " ".join(dict.fromkeys(one for one in found if one)) or None


def for_image_alone(image: str, text: str) -> bool:
    """Tell whether `model.pretrained` names weights of the image network and no others."""
    return image.startswith(IMAGES_ALONE) or is_hf(text)


def check_networks(model: ModelSection) -> None:
    """Refuse networks that nobody knows, and weights that none of the chosen networks can take.

    Which networks of timm and which tags there are is known to those libraries alone: the train stage asks.

    Raises:
        CrosshashError: there are such; all are listed.
    """
    problems = [
        *_unknown("model.image", model.image, ("auto", "mlp")),
        *_unknown("model.text", model.text, ("auto", "mlp", "bow", "bow-multiscale")),
        *_misplaced(model),
    ]
    if problems:
        raise CrosshashError(
            f"params.yaml: {len(problems)} problem(s) with the networks:\n{listed(problems)}"
        )


def frozen_networks(params: CommonParams, device: Literal["cpu", "cuda"]) -> tuple[bool, bool]:
    """Say of image and text network whether it runs once over all items and is not trained.

    Random weights are never frozen. `auto` freezes published ones on the CPU, where training them takes
    days, and where the method leaves networks as they are anyway; not under the protocol of a paper.

    Raises:
        CrosshashError: networks shall be frozen, and none has published weights.
    """
    model = params.model
    published = _published(model)
    if model.backbone == "frozen" and not any(published):
        raise CrosshashError(
            "params.yaml: model.backbone: frozen, but no network has published weights (model.pretrained: "
            "null), and random ones would stay random. Set model.pretrained, or model.backbone: auto."
        )
    untrained = params.method_section.frozen or (device == "cpu" and params.protocol == "strict")
    if model.backbone == "tuned" or (model.backbone == "auto" and not untrained):
        return False, False
    return published


def _published(model: ModelSection) -> tuple[bool, bool]:
    """Say of image and text network whether its weights are published ones."""
    named = model.pretrained is not None and model.image != "mlp"
    image = named or brings_weights(model.image)
    return image, (named and model.text == model.image) or brings_weights(model.text)


def _unknown(key: str, name: str, own: tuple[str, ...]) -> list[str]:
    """Say that a name is none, with the nearest one that is."""
    if name.startswith(IMAGES_ALONE):
        wrong = "reads pictures, not captions" if key == "model.text" else ""
    elif is_hf(name):
        wrong = "reads captions, not pictures" if key == "model.image" else ""
    else:
        return _unknown_to_open_clip(key, name, own)
    if wrong:
        return [f"{key}: '{name}' {wrong}"]
    lack = (name in PACKAGED and not_installed(name)) or (is_hf(name) and hf_problem(name))
    return [f"{key}: {lack}"] if lack else []


def _unknown_to_open_clip(key: str, name: str, own: tuple[str, ...]) -> list[str]:
    small = LITE0 if key == "model.image" else MINILM
    known = (*own, *_open_clip_names(), small)
    if name in known or in_clip_folder(name):
        lack = clip_folder_problem(name) or lacks_transformers(name, _text_config(name))
        return [f"{key}: {lack}"] if lack else []
    slashless = name.replace("/", "-")
    near = [slashless] if slashless in known else difflib.get_close_matches(name, known, 3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    others = (f"timm/..., torchvision/alexnet or {LITE0}", f"{HF}<folder or name> or {MINILM}")
    elsewhere = f", nor {others[key == 'model.text']}"
    return [
        f"{key}: '{name}' is neither {', '.join(own)}, nor a file of {CONFIGS}/, nor a model of "
        f"open_clip{elsewhere}{hint}"
    ]


def _open_clip_names() -> list[str]:
    """List the models of open_clip, which describes each in a file, and those of the project."""
    return sorted(path.stem for folder in _folders() for path in folder.glob("*.json"))


def _folders() -> list[Path]:
    """List the folders of descriptions, the project's own first."""
    library = importlib.util.find_spec("open_clip")
    places = (library and library.submodule_search_locations) or ()
    return [CONFIGS, *(Path(place) / "model_configs" for place in places)]


def _text_config(name: str) -> dict[str, Any]:
    """Read what open_clip's own description of a model says of its texts; nothing where there is none."""
    path = next(
        (folder / f"{name}.json" for folder in _folders() if (folder / f"{name}.json").is_file()), None
    )
    described = read_json(path) if path else {}
    text: dict[str, Any] = described.get("model_cfg", described).get("text_cfg", {})
    return text


def _misplaced(model: ModelSection) -> list[str]:
    """Say why published weights cannot be taken."""
    weights = model.pretrained
    if weights is None:
        return []
    if weights.lower() in NOTHING:
        return [
            f"model.pretrained: '{weights}' is no tag and no file; random weights are null, without quotes"
        ]
    if brings_weights(model.image):
        return [
            f"model.pretrained: '{weights}', but '{model.image}' brings its own weights; "
            "set model.pretrained to null"
        ]
    if model.image == "mlp":
        return [
            f"model.pretrained: '{weights}', but model.image: mlp reads vectors; set model.pretrained to null"
        ]
    if model.image == "auto" and not names_file(weights):
        return [
            f"model.pretrained: '{weights}' needs networks by name, such as ViT-B-32 for model.image and "
            "model.text; of auto's own, tiny-rn and mlp, nobody has published weights"
        ]
    if not for_image_alone(model.image, model.text) and model.image != model.text:
        return [
            f"model.pretrained: '{weights}' are weights of one whole model, but model.image is "
            f"'{model.image}' and model.text '{model.text}'; give both the same name"
        ]
    return []
