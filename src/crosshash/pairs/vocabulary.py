"""Words of captions, and the vocabulary of a bag of words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from itertools import chain

WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


def words_of(caption: str) -> list[str]:
    """Split a caption into lower-case words, punctuation dropped."""
    return WORD.findall(caption.lower())


def known_words(caption: str, vocabulary: Container[str]) -> Iterator[str]:
    """Yield the words of a caption that are in a lower-case vocabulary.

    What stands between blanks and is in the vocabulary as a whole is one word, whatever its letters:
    published tags hold `-`, `_` and others that part words elsewhere.
    """
    for piece in caption.lower().split():
        if piece in vocabulary:
            yield piece
        else:
            yield from (word for word in words_of(piece) if word in vocabulary)


def most_frequent_words(captions: Iterable[str], size: int) -> list[str]:
    """List at most `size` words, most frequent first, equal counts in alphabetical order."""
    counts = Counter(chain.from_iterable(map(words_of, captions)))
    return sorted(counts, key=lambda word: (-counts[word], word))[:size]
