"""What an open_clip model is built by: its config, and how pictures were scaled when it was trained."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crosshash.artifacts import read_json
from crosshash.config.encoders.clip_folder import CONFIG, HUB, clip_folder, in_clip_folder
from crosshash.config.networks import names_file
from crosshash.errors import CrosshashError
from crosshash.models.encoders.torchvision_cure import import_torchvision
from crosshash.models.weights.weight_files import first_line
from crosshash.readers.pictures import Resize

import_torchvision()
import open_clip as open_clip  # noqa: E402 - the cure must come first

QUICK = "-quickgelu"
PREPROCESS = "preprocess_cfg"
DEFAULT: dict[str, Any] = {
    "mean": list(open_clip.OPENAI_DATASET_MEAN),
    "std": list(open_clip.OPENAI_DATASET_STD),
    "interpolation": "bicubic",
    "resize_mode": "shortest",
}
"""As OpenAI trained, and most others since."""
RESIZE: dict[str, Resize] = {"shortest": "crop", "squash": "squash"}
Config = dict[str, Any]
logger = logging.getLogger(__name__)


def clip_config(name: str, configs: Path) -> Config:
    """Give an open_clip model's config: `configs/<name>.json`, one of a folder or the hub, or open_clip's.

    Raises:
        CrosshashError: no such model, or the hub cannot be reached.
    """
    described = _described(name, configs)
    config: Config = copy.deepcopy(described.get("model_cfg", described))
    if PREPROCESS in described or in_clip_folder(name):
        config[PREPROCESS] = _complete(described.get(PREPROCESS, {}))
    folder = clip_folder(name)
    if folder is not None and "hf_tokenizer_name" in config["text_cfg"]:
        config["text_cfg"]["hf_tokenizer_name"] = str(folder.resolve())
    return config


def with_preprocess(config: Config, name: str, pretrained: str | None) -> Config:
    """Give the config with mean, deviation, interpolation and resize mode of published weights.

    pretrained: a tag, or a file: those that all tags of the model have in common, for a file does not say.

    Raises:
        CrosshashError: pictures were padded to squares, which is not done here.
    """
    if pretrained is not None:
        config = {**config, PREPROCESS: _of_tags(config, name, pretrained)}
    if config.get(PREPROCESS, DEFAULT)["resize_mode"] not in RESIZE:
        raise CrosshashError(
            f"params.yaml: model: '{name}' wants pictures padded to squares (resize_mode: "
            f"{config[PREPROCESS]['resize_mode']}), which is not done here. Use another model."
        )
    return config


def resize_of(config: Config) -> Resize:
    """Tell how pictures become square: as in training, or so that all stays in view."""
    return RESIZE[config[PREPROCESS]["resize_mode"]] if PREPROCESS in config else "squash"


def _described(name: str, configs: Path) -> dict[str, Any]:
    own, folder = configs / f"{name}.json", clip_folder(name)
    if own.is_file():
        return dict(read_json(own))
    if folder is not None:
        return dict(read_json(folder / CONFIG))
    if name.startswith(HUB):
        return dict(read_json(from_hub(name, CONFIG)))
    known: Config | None = open_clip.get_model_config(name)
    if known is None:
        own_names = sorted(path.stem for path in configs.glob("*.json"))
        raise CrosshashError(
            f"params.yaml: model: '{name}' is neither a file of {configs}/ ({', '.join(own_names)}) "
            f"nor a model of open_clip (such as ViT-B-32). List those with open_clip.list_models()."
        )
    return known


def from_hub(name: str, file: str) -> Path:
    """Fetch a file of a model of the hub into the usual cache, once.

    Raises:
        CrosshashError: the hub cannot be reached, or has no such file.
    """
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(name.removeprefix(HUB), file))
    except Exception as error:  # every layer of the download has errors of its own
        raise CrosshashError(
            f"params.yaml: model: {file} of '{name}' could not be fetched ({type(error).__name__}: "
            f"{first_line(error)}). Give the path of a copy of that folder: local-dir:<path>."
        ) from None


def _of_tags(config: Config, name: str, pretrained: str) -> dict[str, Any]:
    if not names_file(pretrained):
        return _complete(open_clip.get_pretrained_cfg(name, pretrained) or {})
    tags = open_clip.list_pretrained_tags_by_model(name)
    known = {tag: _complete(open_clip.get_pretrained_cfg(name, tag)) for tag in tags}
    ways = {str(way): way for way in known.values()}
    if len(ways) > 1:
        usual = next(iter(ways))
        others = [tag for tag, way in known.items() if str(way) != usual]
        logger.warning(
            "warning: %s does not say how its pictures were scaled: taken as those of %s; those of %s were "
            "scaled otherwise, so give model.pretrained the tag if it is one of these",
            *(pretrained, next(iter(known)), ", ".join(others)),
        )
    return next(iter(ways.values()), config.get(PREPROCESS, DEFAULT))


def _complete(told: Mapping[str, Any]) -> dict[str, Any]:
    """Take of what a tag or file says the part that matters here, as plain values."""
    chosen = {**DEFAULT, **{key: told[key] for key in DEFAULT if key in told}}
    return chosen | {"mean": list(chosen["mean"]), "std": list(chosen["std"])}
