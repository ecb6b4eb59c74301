"""What the centers stage needs to know."""

from __future__ import annotations

from crosshash.config.plans.base import Plan


class CentersPlan(Plan):
    """Lengths of the long (trained) and short (delivered) centres; `used` is false for methods without.

    batch: of the training, compared with the number of its items before a finished model is taken away; 1
    where nothing is trained step by step.
    supervised: whether the method learns from labels; label_free: those that do not, to be named where a set
    has none.
    """

    used: bool
    batch: int
    supervised: bool
    label_free: list[str]
    train_bits: int
    bits: int
    seed: int
