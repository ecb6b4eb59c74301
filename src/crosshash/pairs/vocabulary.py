"""Words of captions in any script, and the vocabulary of a bag of words."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from itertools import chain

import regex

SELECTORS = map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
ONE_SPELLING = str.maketrans({"’": "'", "ʼ": "'"} | dict.fromkeys(["\u00ad", "\u200c", "\u200d", *SELECTORS]))
"""The apostrophes are one; soft hyphens, joiners and variation selectors only say how letters are drawn."""

LETTER = r"[\p{L}\p{N}]"
UNSPACED = r"[\p{Han}\p{Hiragana}\p{Line_Break=Complex_Context}]"
"""Chinese, Japanese, and what Unicode breaks by dictionaries alone: Thai, Lao, Khmer, Myanmar and others."""

ALONE = rf"(?=[{LETTER}&&{UNSPACED}])\X"
SPELT = rf"(?:[{LETTER}--{UNSPACED}]\p{{M}}*)+"
WORD = regex.compile(rf"(?V1){ALONE}|{SPELT}(?:'{SPELT})?")
ASCII_WORD = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)?")
"""The same for lower-case ASCII, in half of the time."""

UNSPACED_LETTER = regex.compile(rf"(?V1)[{LETTER}&&{UNSPACED}]")


def folded(text: str) -> str:
    """Give a text as its words are compared: in lower case, composed (NFC), each word in one spelling."""
    lower = text.lower()
    return lower if text.isascii() else unicodedata.normalize("NFC", lower.translate(ONE_SPELLING))


def words_of(caption: str) -> list[str]:
    """Split a caption into folded words: letters and digits with their marks, punctuation dropped.

    In scripts without blanks between words each character, with what belongs to it, is one.
    """
    text = folded(caption)
    return (ASCII_WORD if text.isascii() else WORD).findall(text)


def known_words(caption: str, vocabulary: Container[str]) -> Iterator[str]:
    """Yield the words of a caption that are in a folded vocabulary.

    What stands between blanks and is in the vocabulary as a whole is one word, whatever its letters:
    published tags hold `-`, `_` and others that part words elsewhere.
    """
    for piece in folded(caption).split():
        if piece in vocabulary:
            yield piece
        else:
            yield from (word for word in words_of(piece) if word in vocabulary)


def most_frequent_words(captions: Iterable[str], size: int) -> list[str]:
    """List at most `size` words, most frequent first, equal counts in alphabetical order."""
    counts = Counter(chain.from_iterable(map(words_of, captions)))
    return sorted(counts, key=lambda word: (-counts[word], word))[:size]


def is_unspaced(caption: str) -> bool:
    """Say whether a caption holds letters of a script without blanks between words."""
    return not caption.isascii() and UNSPACED_LETTER.search(caption) is not None
