"""`dvc`, ended by Linux when the flow that started it dies: a killed run leaves no stage at work."""

from __future__ import annotations

import ctypes
import signal
import sys

from dvc.cli import main

PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    sys.exit(main())
