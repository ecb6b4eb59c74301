"""Memory that stays with a process when it is freed, as long as the process runs networks."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of malloc.h
ROOM = 1 << 30  # bytes: what is larger still goes back to the system at once
LEAST_ROOM = 32 << 20  # the most that glibc before 2.35 takes


def keep_freed_memory() -> None:
    """Ask glibc to keep what is freed, for all threads together, as each layer asks for as much again.

    By itself it gives blocks of 32 MB and more back, in threads all blocks of 64 MB, and Linux clears every
    page of the next one: half of the processor time of a convolutional network on pictures of 224 pixels
    (glibc 2.36). Other C libraries, and other systems, are left as they are.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        _set(mallopt)


def _set(mallopt: Callable[[int, int], int]) -> None:
    """Set what is kept; to set any of it ends glibc's own choice, which begins with blocks of 128 KB."""
    mallopt(M_ARENA_MAX, 1)  # the heaps of other arenas end at 64 MB
    if mallopt(M_MMAP_THRESHOLD, ROOM) or mallopt(M_MMAP_THRESHOLD, LEAST_ROOM):
        mallopt(M_TRIM_THRESHOLD, ROOM)
