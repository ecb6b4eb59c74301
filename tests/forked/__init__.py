"""Stages run by processes that are forked off one which has loaded torch and its like: 5 s of CPU less each.

`server.py` loads the libraries, not crosshash, and forks a child per request. `client.py` is what tests start
in place of `python`: the child has its arguments, folder, environment and files, and it ends as the child.
What is about starting itself, kills, Ctrl-C, or equal bytes of two processes starts `sys.executable`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent


@contextmanager
def serving() -> Iterator[None]:
    """Let all processes that begin meanwhile find the server; it loads nothing before the first request."""
    folder = Path(tempfile.mkdtemp(prefix="forked"))
    (folder / "python").write_text(f"#!{sys.executable} -IS\n{(HERE / 'client.py').read_text()}")
    (folder / "python").chmod(0o700)
    os.environ |= {"FORKED_PYTHON": str(folder / "python"), "FORKED_SERVER": str(folder / "socket")}
    command = [sys.executable, "-P", str(HERE / "server.py"), os.environ["FORKED_SERVER"]]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()  # it listens
        yield
    for name in ("FORKED_PYTHON", "FORKED_SERVER"):
        os.environ.pop(name)
    shutil.rmtree(folder)


def forked_python() -> str:
    """Give the program to start in place of Python's; Python itself where nothing can be forked."""
    return os.environ.get("FORKED_PYTHON", sys.executable)
