"""How many threads or processes work at the same time."""

from __future__ import annotations

import os

from crosshash.errors import CrosshashError


def cores() -> int:
    """Give the number of cores to use: `CROSSHASH_THREADS`, else every one that this process may run on.

    Raises:
        CrosshashError: the variable is no whole number above 0.
    """
    return asked_cores() or cores_here()


def cores_here() -> int:
    """Give the number of cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def asked_cores() -> int | None:
    """Give `CROSSHASH_THREADS`, None where it is not set.

    Raises:
        CrosshashError: it is no whole number above 0.
    """
    text = os.environ.get("CROSSHASH_THREADS", "")
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise CrosshashError(f"CROSSHASH_THREADS is '{text}'; set it to a whole number above 0, or unset it.")
    return int(text)
