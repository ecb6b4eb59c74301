"""Text encoders by `hf/<folder or name>`: whether it is a folder, and whether that holds what is needed."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from pathlib import Path

from crosshash.config.encoders.packaged import MINILM, PACKAGED
from crosshash.config.user_files import content_digest
from crosshash.errors import CrosshashError

PREFIX = "hf/"
HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
"""How the hub names models; anything else is a path."""
TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
READ = ("*.json", "*/config.json", "*.safetensors", *TOKENIZERS[1:])
"""Files that have a part in what the encoder gives."""
REMEDY = "pip install 'crosshash[hf]'"


def is_hf(name: str) -> bool:
    """Tell whether transformers builds the network, which then brings its weights along."""
    return name.startswith(PREFIX) or name == MINILM


def local_folder(name: str) -> Path | None:
    """Give the folder that a name means; None where it is a name of the hub."""
    if name == MINILM:
        file = PACKAGED[MINILM].path
        return file.parent if file else Path(PACKAGED[MINILM].module)
    place = name.removeprefix(PREFIX)
    path = Path(place)
    return None if HUB_NAME.fullmatch(place) and not path.exists() else path


def hf_problem(name: str) -> str:
    """Say why a network cannot be had, and what to do; nothing where it can, as far as this machine knows."""
    if importlib.util.find_spec("transformers") is None:
        return f"'{name}' needs the package transformers: {REMEDY}"
    folder = local_folder(name)
    if folder is None:
        return ""
    if not folder.is_dir():
        return f"'{name}': the folder '{folder}' is not there"
    if not (folder / "config.json").is_file():
        return f"'{name}': the folder '{folder}' holds no config.json; it has to be one of transformers"
    if not any(folder.glob("*.safetensors")):
        return (
            f"'{name}': the folder '{folder}' holds no .safetensors file; weights of other kinds are pickles "
            "and are not read. Save them anew: AutoModel.from_pretrained(...).save_pretrained(folder)"
        )
    if not any(path for pattern in TOKENIZERS for path in folder.glob(pattern)):
        return f"'{name}': the folder '{folder}' holds no tokenizer, such as tokenizer.json"
    return ""


def hf_digest(name: str) -> str | None:
    """Give a digest, in hex, of the files of a folder that an encoder is made of; None for names of the hub.

    Raises:
        CrosshashError: a file cannot be read.
    """
    folder = local_folder(name) if name.startswith(PREFIX) else None
    return None if folder is None else files_digest(folder)


def files_digest(folder: Path) -> str:
    """Give a digest, in hex, of the files that an encoder is made of.

    Raises:
        CrosshashError: one cannot be read, or the folder is not there.
    """
    paths = sorted({path for pattern in READ for path in folder.glob(pattern) if path.is_file()})
    if not paths:
        raise CrosshashError(f"{folder}: holds no files of a model of transformers.")
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(folder).as_posix()}\0{content_digest(path)}\n".encode())
    return digest.hexdigest()
