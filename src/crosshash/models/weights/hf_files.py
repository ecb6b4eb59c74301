"""Files of transformers' text encoders: what they say of the network, its tokenizer, and its weights."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from crosshash.artifacts import read_json
from crosshash.config.encoders.hf_folder import PREFIX, READ, files_digest, hf_problem, local_folder
from crosshash.config.encoders.packaged import PACKAGED, checked_file
from crosshash.errors import CrosshashError, listed
from crosshash.models.encoders.hf_text import POOLINGS, Config, HfTextEncoder, Pooling, import_transformers
from crosshash.models.weights.weight_files import first_line

LONGEST = 512
"""Tokens of a caption at most, whatever the network could read: all take the memory of the longest."""
POOLED_BY = {"mean_tokens": "mean", "cls_token": "cls", "lasttoken": "last", "mean": "mean", "cls": "cls"}
"""How sentence-transformers names what `model.pooling` knows."""
MODULES = ("Transformer", "Pooling", "Normalize")
OFFLINE: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
logger = logging.getLogger(__name__)


def hf_config(name: str, pooling: str) -> Config:
    """Describe a network: all that `HfTextEncoder` and `hf_reader` need, as plain values.

    pooling: `mean`, `cls`, `last`, or `auto`: what 1_Pooling/config.json of sentence-transformers says, mean
    without it.

    Raises:
        CrosshashError: the folder is not there or holds no text encoder; the hub cannot be reached.
    """
    if problem := hf_problem(name):
        raise CrosshashError(f"params.yaml: model.text: {problem}.")
    folder = hf_files(name)
    transformers = import_transformers()
    try:
        described = transformers.AutoConfig.from_pretrained(folder, **OFFLINE)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **OFFLINE)
    except Exception as error:  # of many kinds; code of the publisher's own, which is never run, is one
        raise CrosshashError(f"{folder}: transformers cannot read it: {first_line(error)}") from None
    model = _shape(described)
    if model is None:
        raise CrosshashError(
            f"{folder}: '{described.model_type}' is no encoder of texts alone. Use one, such as a BERT."
        )
    if not tokenizer.is_fast:
        raise CrosshashError(f"{folder}: its tokenizer has no tokenizer.json and cannot be turned into one.")
    modules = _modules(folder)
    known = json.loads(described.to_json_string(use_diff=False))
    del known["_name_or_path"]  # the place has no part in what it gives
    return {
        "model": known,
        "tokenizer": tokenizer.backend_tokenizer.to_str(),
        "pad": next((one for one in (tokenizer.pad_token_id, described.pad_token_id) if one is not None), 0),
        "context_length": _places(folder, model, tokenizer.model_max_length),
        "pooling": _pooling(folder, pooling),
        "unit": "Normalize" in modules,
        "sha256": files_digest(folder),
    }


def hf_files(name: str) -> Path:
    """Give the folder of a network's files; a name of the hub is fetched into its usual cache, once.

    Raises:
        CrosshashError: the hub cannot be reached, or knows no such name.
    """
    folder = local_folder(name)
    if folder is not None:
        return folder
    from huggingface_hub import snapshot_download

    place = name.removeprefix(PREFIX)
    try:
        return Path(
            snapshot_download(place, allow_patterns=list(READ), ignore_patterns=["onnx/*", "openvino/*"])
        )
    except Exception as error:  # every layer of the download has errors of its own
        raise CrosshashError(
            f"params.yaml: model.text: '{place}' is no folder here, and could not be fetched from the hub "
            f"({type(error).__name__}: {first_line(error)}). Give the path of a local folder: hf/<path>."
        ) from None


def load_hf(network: HfTextEncoder, name: str) -> None:
    """Load the weights that stand in the folder of a network; transformers translates old names.

    Raises:
        CrosshashError: tensors are missing, or of other names or shapes; a packaged file is another one.
    """
    if name in PACKAGED:
        checked_file(name)
    folder = hf_files(name)
    with _no_progress():
        try:
            model, found = import_transformers().AutoModel.from_pretrained(
                folder, dtype=torch.float32, use_safetensors=True, output_loading_info=True, **OFFLINE
            )
        except Exception as error:
            raise CrosshashError(f"{folder}: cannot be loaded: {first_line(error)}") from None
    parts = {child for child, _ in network.inner.named_children()}
    problems = [f"{key}: missing" for key in found["missing_keys"] if not key.startswith("pooler.")]
    problems += [
        f"{key}: not part of the model"
        for key in found["unexpected_keys"]
        if key.partition(".")[0] in parts and not key.endswith("position_ids")
    ]
    if problems:
        raise CrosshashError(f"{folder}: does not fit the model '{name}':\n{listed(sorted(problems))}")
    state = {key: value for key, value in model.state_dict().items() if not key.startswith("pooler.")}
    network.inner.load_state_dict(state)


def _shape(described: Any) -> Any:  # noqa: ANN401 - a config of transformers, and its network
    """Build a network without its numbers; None where it is not one that reads a text and nothing else."""
    if described.is_encoder_decoder or not hasattr(described, "vocab_size"):
        return None
    with torch.device("meta"):
        model = import_transformers().AutoModel.from_config(described)
    return model if model.main_input_name == "input_ids" else None


def _modules(folder: Path) -> list[str]:
    """List the steps that sentence-transformers would run; none where the folder is not one of its.

    Raises:
        CrosshashError: one of them is not known here.
    """
    path = folder / "modules.json"
    if not path.is_file():
        return []
    steps = [str(step["type"]).rpartition(".")[2] for step in read_json(path)]
    if strange := [step for step in steps if step not in MODULES]:
        raise CrosshashError(
            f"{path}: the step {strange[0]} is not known here: only {', '.join(MODULES)} are. Use another "
            "encoder."
        )
    return steps


def _pooling(folder: Path, wanted: str) -> Pooling:
    path = folder / "1_Pooling" / "config.json"
    if wanted == "auto" and not path.is_file():
        logger.info("%s does not say how tokens are pooled: by their mean (model.pooling)", folder)
        return "mean"
    if wanted == "auto":
        raw = read_json(path)
        flags = [
            key.removeprefix("pooling_mode_") for key, on in raw.items() if on is True and "_mode_" in key
        ]
        told = raw.get("pooling_mode", "+".join(flags))
        wanted = POOLED_BY.get(str(told), str(told))
        if wanted not in POOLINGS:
            raise CrosshashError(
                f"{path}: pools by '{wanted}', which is not known here. Choose model.pooling: "
                f"{', '.join(POOLINGS)}."
            )
    return next(one for one in POOLINGS if one == wanted)


def _places(folder: Path, model: nn.Module, told: int) -> int:
    """Give how many tokens of a caption are read: the least that the files allow."""
    path = folder / "sentence_bert_config.json"
    own = read_json(path).get("max_seq_length") if path.is_file() else None
    rooms = [
        one.num_embeddings
        - (0 if one.padding_idx is None else one.padding_idx + 1)  # RoBERTa's are behind it
        for key, one in model.named_modules()
        if key.endswith("position_embeddings") and isinstance(one, nn.Embedding)
    ]
    return min(LONGEST, told, own or LONGEST, *rooms)


@contextmanager
def _no_progress() -> Iterator[None]:
    """Keep transformers' own bar and its report on heads that are left out off the screen."""
    talk = import_transformers().utils.logging
    level, shown = talk.get_verbosity(), talk.is_progress_bar_enabled()
    talk.set_verbosity_error()
    talk.disable_progress_bar()
    try:
        yield
    finally:
        talk.set_verbosity(level)
        if shown:
            talk.enable_progress_bar()
