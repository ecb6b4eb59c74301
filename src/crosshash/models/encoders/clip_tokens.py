"""Captions as open_clip models read them: tokenizer and longest text from the model's config."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from crosshash.errors import CrosshashError
from crosshash.models.encoders.clip_settings import Config, open_clip
from crosshash.models.encoders.hf_text import import_transformers
from crosshash.models.weights.weight_files import first_line

PLACES = 77
"""Tokens of a text where the config does not say."""


def text_reader(config: Config) -> Callable[[str], np.ndarray]:
    """Make the function that turns a caption into int64[L] tokens.

    Raises:
        CrosshashError: the tokenizer cannot be had.
    """
    tokenizer = tokenizer_of(config["text_cfg"])

    def prepare(caption: str) -> np.ndarray:
        tokens: np.ndarray = tokenizer([caption])[0].numpy()
        return tokens

    return prepare


def tokenizer_of(text: dict[str, Any]) -> Any:  # noqa: ANN401 - open_clip has no types
    """Make a tokenizer of open_clip's.

    Raises:
        CrosshashError: it cannot be had.
    """
    places, options = text.get("context_length", PLACES), text.get("tokenizer_kwargs", {})
    source = text.get("hf_tokenizer_name")
    if not source:
        return open_clip.SimpleTokenizer(context_length=places, **options) if options else _simple(places)
    import_transformers()
    kept_here = {"local_files_only": True} if Path(source).is_dir() else {}
    try:
        return open_clip.tokenizer.HFTokenizer(
            source, places, tokenizer_mode=text.get("tokenizer_mode"), trust_remote_code=False,
            **kept_here, **options,
        )  # fmt: skip
    except Exception as error:  # of many kinds: the hub, the files, what they describe
        raise CrosshashError(
            f"the tokenizer '{source}' cannot be had ({type(error).__name__}: {first_line(error)}). Fetch it "
            "once with a network, or use a folder with model and tokenizer: local-dir:<path>."
        ) from None


@cache
def _simple(places: int) -> Any:  # noqa: ANN401 - open_clip has no types
    """Sort CLIP's 50,000 pieces of words once, however many networks are built."""
    return open_clip.SimpleTokenizer(context_length=places)
