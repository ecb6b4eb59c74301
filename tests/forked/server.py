"""Loads the libraries and forks a child for each request at a socket, until standard input ends.

python -P tests/forked/server.py ADDRESS
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import random
import runpy
import select
import signal
import socket
import sys
import threading
import types
from contextlib import suppress
from typing import Any, NoReturn

LIBRARIES: tuple[str, ...]
LIBRARIES = ("torch", "torch._dynamo", "lightning_fabric", "dvclive.live", "numba", "pandas", "scipy.sparse")
LIBRARIES += ("pyarrow.parquet", "pyarrow.compute", "PIL.Image", "pydantic", "ruamel.yaml", "webdataset")
LIBRARIES += ("faiss", "matplotlib.figure", "matplotlib.backends.backend_svg", "jinja2", "rich.progress")
"""What stages load. None may start a thread of Python: a child has the one that forked and no other."""


def main(address: str) -> None:
    """Serve until standard input ends, as it does with the test run."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind(address)
    listening.listen(64)
    print(address, flush=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of Ctrl-C the test run speaks
    loaded = False
    while sys.stdin not in select.select([listening, sys.stdin], [], [])[0]:
        if not loaded:
            load()
            loaded = True
        client, _ = listening.accept()
        if os.fork() == 0:
            keep(client)
        client.close()
        reap(os.WNOHANG)
    reap(0)


def reap(how: int) -> None:
    """Wait for processes that have ended, or for all."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, how)[0]:
            pass


def load() -> None:
    """Import what children need; what is there is not looked at by their garbage collection, nor copied."""
    for name in LIBRARIES:
        importlib.import_module(name)
    assert threading.active_count() == 1
    gc.collect()
    gc.freeze()


def keep(client: socket.socket) -> NoReturn:
    """Fork what a client asks for, tell it the process and how that ended; it is killed if the client is."""
    wanted, files, _, _ = socket.recv_fds(client, 1 << 20, 3)
    child = os.fork()
    if child == 0:
        client.close()
        become(files, **json.loads(wanted))
    ended = os.pidfd_open(child)
    with suppress(BrokenPipeError):
        client.send(b"%d" % child)
    if client.fileno() in select.select([client.fileno(), ended], [], [])[0]:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    with suppress(BrokenPipeError):
        client.send(b"%d" % status)
    os._exit(0)


def become(files: list[int], arguments: list[str], folder: str, environment: dict[str, str]) -> NoReturn:
    """Be `python <arguments>` with these files as input, output and errors."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    kind, what, *rest = arguments
    first = "" if kind == "-c" else folder
    sys.path[:0] = [first, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv = [kind, *rest]
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    random.seed()
    leave(run(kind, what, main.__dict__))


def run(kind: str, what: str, names: dict[str, Any]) -> int:
    """Give the status with which Python would end; after Ctrl-C it ends by that signal."""
    try:
        if kind == "-c":
            exec(compile(what, "<string>", "exec"), names)  # noqa: S102 - as Python does
        else:
            runpy._run_module_as_main(what)  # type: ignore[attr-defined]
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    return 0


def leave(status: int) -> NoReturn:
    """End as Python does, but without taking apart what the server has built."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


if __name__ == "__main__":
    main(sys.argv[1])
