"""What the centers stage needs to know."""

from __future__ import annotations

from crosshash.config.plans.base import Plan


class CentersPlan(Plan):
    """Lengths of the long (trained) and short (delivered) centres; `used` is false for methods without."""

    used: bool
    train_bits: int
    bits: int
    seed: int
