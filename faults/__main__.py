"""The whole campaign, one part after the other: `python -m faults [FOLDER]`, status 1 if any try is wrong."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from faults.tries import show

PARTS = ("damage", "fuzz", "limits", "together", "kill", "service")


def main() -> int:
    """Run all parts, whatever comes of each; gives the exit status."""
    place = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="crosshash-faults-"))
    ended = [subprocess.run([sys.executable, "-m", f"faults.{part}", str(place)]) for part in PARTS]
    wrong = show(path for part in PARTS if (path := place / f"{part}.jsonl").is_file())
    return 1 if wrong or any(one.returncode for one in ended) else 0


if __name__ == "__main__":
    sys.exit(main())
