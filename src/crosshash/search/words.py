"""Which words of a text a bag of words has a place for."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from crosshash.pairs.vocabulary import folded, words_of


def unknown_words(text: str, vocabulary: AbstractSet[str]) -> list[str]:
    """List the words that are not in a folded vocabulary, each once."""
    rest = (piece for piece in folded(text).split() if piece not in vocabulary)
    words = (word for piece in rest for word in words_of(piece) if word not in vocabulary)
    return list(dict.fromkeys(words))


def knows_any(text: str, vocabulary: AbstractSet[str]) -> bool:
    """Say whether any word of a text is in a folded vocabulary."""
    pieces = folded(text).split()
    return any(piece in vocabulary or not vocabulary.isdisjoint(words_of(piece)) for piece in pieces)
