"""Named streams of randomness: each use draws from its own generator, derived from the one seed."""

from __future__ import annotations

import hashlib

import numpy as np


def stream_seed(seed: int, *names: str | int) -> int:
    """Derive the 63-bit seed of a named stream, the same on every machine and Python version."""
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Open the named stream, for example `stream(seed, "centers", "long")`."""
    return np.random.default_rng(stream_seed(seed, *names))
