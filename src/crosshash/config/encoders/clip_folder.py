"""Models of open_clip that lie in a folder or on the hub: config, weights and tokenizer in one place."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from crosshash.artifacts import read_json
from crosshash.config.encoders.hf_folder import REMEDY, TOKENIZERS, files_digest
from crosshash.errors import CrosshashError

LOCAL, HUB = "local-dir:", "hf-hub:"
"""How their names begin; open_clip's own words."""
CONFIG = "open_clip_config.json"
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin", "model.safetensors")


def in_clip_folder(name: str) -> bool:
    """Tell whether a name is that of a folder or of the hub, where weights lie beside the config."""
    return name.startswith((LOCAL, HUB))


def clip_folder(name: str) -> Path | None:
    """Give the folder that a name means; None where it means none on this machine."""
    return Path(name.removeprefix(LOCAL)) if name.startswith(LOCAL) else None


def clip_weights(folder: Path) -> Path | None:
    """Give the weight file of a folder, safetensors before others."""
    return next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)


def clip_folder_problem(name: str) -> str:
    """Say what a folder lacks; nothing where it lacks nothing, or is none."""
    folder = clip_folder(name)
    if folder is None:
        return ""
    if not folder.is_dir():
        return f"'{name}': the folder '{folder}' is not there"
    if not (folder / CONFIG).is_file():
        return f"'{name}': the folder '{folder}' holds no {CONFIG}; it has to be one of open_clip"
    if clip_weights(folder) is None:
        return f"'{name}': the folder '{folder}' holds no weights, such as {WEIGHTS[0]}"
    try:
        described = read_json(folder / CONFIG)
        text = described.get("model_cfg", described)["text_cfg"]
    except (CrosshashError, AttributeError, KeyError, TypeError) as error:
        return f"'{name}': {folder / CONFIG} describes no model of open_clip ({error})"
    if lack := lacks_transformers(name, text):
        return lack
    if "hf_tokenizer_name" in text and not any(path for one in TOKENIZERS for path in folder.glob(one)):
        return f"'{name}': the folder '{folder}' holds no tokenizer, such as tokenizer.json"
    return ""


def clip_folder_digest(name: str) -> str | None:
    """Give a digest, in hex, of the files of a folder; None where the name means none on this machine.

    Raises:
        CrosshashError: a file cannot be read.
    """
    folder = clip_folder(name)
    return None if folder is None else files_digest(folder)


def lacks_transformers(name: str, text: dict[str, Any]) -> str:
    """Say that transformers is missing, where a model's texts need it; text: `text_cfg` of its config."""
    wanted = {"hf_tokenizer_name", "hf_model_name"} & text.keys()
    if wanted and importlib.util.find_spec("transformers") is None:
        return f"'{name}' needs the package transformers for its texts: {REMEDY}"
    return ""
