"""`tied_process.py MODULE ARGUMENT...`: a program that Linux ends when the flow that started it dies."""

from __future__ import annotations

import runpy
import signal
import sys

from crosshash.workers.parent import end_with_parent

if __name__ == "__main__":
    end_with_parent(signal.SIGTERM)
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
