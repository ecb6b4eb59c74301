"""A process that ends with the one that started it: a killed `dvc repro` leaves nothing at work behind."""

from __future__ import annotations

import ctypes
import signal
import sys

PR_SET_PDEATHSIG = 1


def end_with_parent(ending: signal.Signals | None = None) -> None:
    """Ask Linux to send this process a signal when its parent dies, SIGKILL unless another is given.

    DVC starts a stage by a shell that becomes the stage (dash, bash and zsh do so for a single command), so
    that the parent is DVC itself. Elsewhere the lock on the checkpoint folder keeps two trainings apart.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, ending or signal.SIGKILL)
