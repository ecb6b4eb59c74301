"""Captions as tokens: tokenizers of transformers and of CLIP, by their data alone.

Cleaning and splitting are those of open_clip (tokenizer.py, MIT Licence, OpenAI), which imports torch.
"""

from __future__ import annotations

import html
import string
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import regex

END = -1
"""Stands behind the last token of a text; a padding id can be a token too, the end of text for one."""
WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
"""What CLIP takes for a word, beside its special tokens."""
NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
Config = dict[str, Any]
Read = Callable[[str], np.ndarray]


def hf_reader(config: Config) -> Read:
    """Make the function that turns a caption into int64[L], L = `context_length`.

    config: `tokenizer`, in JSON; `pad`, the id of padding; `fill`, what stands behind a text's end (-1 where
    it is not said); `clean`, what is done to a text first, if anything.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(config["tokenizer"])
    places: int = config["context_length"]
    fill: int = config.get("fill", END)
    clean = CLEANINGS[config["clean"]] if config.get("clean") else str
    tokenizer.no_padding()
    tokenizer.enable_truncation(places)

    def prepare(caption: str) -> np.ndarray:
        ids = tokenizer.encode(clean(caption)).ids or [config["pad"]]  # some make nothing of an empty text
        tokens = np.full(places, fill, np.int64)
        tokens[: len(ids)] = ids
        return tokens

    return prepare


def clip_reader(config: Config) -> Read:
    """Make the function that turns a caption into int64[L] tokens of CLIP, zeros behind its end.

    config: `tokenizer`, the pairs of bytes that are joined, as JSON of the library tokenizers; `specials`,
    tokens that are words of their own, the first two of which begin and end a text; `clean`;
    `context_length`.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(config["tokenizer"])
    tokenizer.no_padding()
    places, specials = config["context_length"], config["specials"]
    start, end = (tokenizer.encode(one, add_special_tokens=False).ids[0] for one in specials[:2])
    clean, words = CLEANINGS[config["clean"]], split_of(specials)

    def prepare(caption: str) -> np.ndarray:
        pieces = words.findall(clean(caption))
        ids = tokenizer.encode(pieces, is_pretokenized=True, add_special_tokens=False).ids if pieces else []
        tokens = np.zeros(places, np.int64)
        shown = [start, *ids, end][:places]
        shown[-1] = end
        tokens[: len(shown)] = shown
        return tokens

    return prepare


def split_of(specials: Sequence[str]) -> regex.Pattern[str]:
    """Give the pattern of CLIP's words."""
    return regex.compile("|".join([*specials, WORDS]), regex.IGNORECASE)


def _fixed(text: str) -> str:
    from ftfy import fix_text

    return html.unescape(html.unescape(fix_text(text))).strip()


def _spaced(text: str) -> str:
    return " ".join(_fixed(text).split())


def _lower(text: str) -> str:
    return _spaced(text).lower()


def _canonical(text: str) -> str:
    return " ".join(_fixed(text).replace("_", " ").translate(NO_PUNCTUATION).lower().split())


CLEANINGS: dict[str, Callable[[str], str]] = {
    "lower": _lower,
    "whitespace": _spaced,
    "canonicalize": _canonical,
}
"""By open_clip's names."""
