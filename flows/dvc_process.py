"""`dvc`, ended by Linux when the flow that started it dies: a killed run leaves no stage at work."""

from __future__ import annotations

import signal
import sys

from dvc.cli import main

from crosshash.workers.parent import end_with_parent

if __name__ == "__main__":
    end_with_parent(signal.SIGTERM)
    sys.exit(main())
