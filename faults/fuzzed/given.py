"""A file at random, read by this project and by somebody else; and bytes that are changed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

ODD_BYTES = (
    b"\0",
    b"\xff",
    b"\n",
    b"\r",
    b",",
    b";",
    b'"',
    b"'",
    b":",
    b"\xef\xbb\xbf",
    b"\xc3",
    b"\x80\0\0\0",
)


class MeaninglessError(Exception):
    """Nobody can say what this means: it has to be refused."""


@dataclass(frozen=True)
class Given:
    """One try: how it was made, how this project reads it, and what it means by an independent reading.

    meant raises MeaninglessError where there is nothing to be understood.
    """

    which: str
    read: Callable[[], object]
    meant: Callable[[], object]


def damaged(data: bytes, dice: random.Random) -> bytes:
    """Change bytes: others, fewer, more, in another order, or a cut."""
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 6, 25))):
        place = dice.randrange(len(changed) + 1)
        length = dice.choice((1, 1, 4, 30, 500))
        match dice.randrange(6):
            case 0:
                changed[place : place + 1] = dice.randbytes(1)
            case 1:
                del changed[place : place + length]
            case 2:
                changed[place:place] = dice.choice(ODD_BYTES)
            case 3:
                changed[place : place + 1] = bytes(
                    byte ^ 1 << dice.randrange(8) for byte in changed[place : place + 1]
                )
            case 4:
                there = dice.randrange(len(changed) + 1)
                changed[there:there] = changed[place : place + length]
            case _:
                if dice.random() < 0.3:
                    del changed[place:]
    return bytes(changed)
