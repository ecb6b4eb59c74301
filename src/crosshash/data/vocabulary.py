"""Words of captions, and the vocabulary of a bag of words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


def words_of(caption: str) -> list[str]:
    """Split a caption into lower-case words, punctuation dropped."""
    return WORD.findall(caption.lower())


def most_frequent_words(captions: Iterable[str], size: int) -> list[str]:
    """List at most `size` words, most frequent first, equal counts in alphabetical order."""
    counts = Counter(word for caption in captions for word in words_of(caption))
    return sorted(counts, key=lambda word: (-counts[word], word))[:size]
