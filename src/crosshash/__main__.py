"""`python -m crosshash` is the command `crosshash`."""

from __future__ import annotations

from crosshash.cli import app

if __name__ == "__main__":
    app()
