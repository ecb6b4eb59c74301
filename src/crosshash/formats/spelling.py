"""One spelling for names that look the same: letters composed or not, blanks of several kinds."""

from __future__ import annotations

import unicodedata

INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200e\u200f\u2060\ufeff"))
"""Soft hyphen, zero-width space, marks of direction, word joiner, byte order mark."""


def composed(text: str) -> str:
    """Give a text with its letters composed (NFC): `é` is one character, not `e` and a mark."""
    return unicodedata.normalize("NFC", text)


def as_seen(label: str) -> str:
    """Give a label as it is seen: letters composed, a plain blank between words, nothing invisible."""
    return " ".join(composed(label).translate(INVISIBLE).split())
