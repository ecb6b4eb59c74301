"""Stands in for `python -m stages.<name>`, `-m tests.<name>` and `-c`: has a server fork it.

Signals are sent on. Anything else is run by Python itself. Starts with -I -S, at once.
"""

import json
import os
import signal
import socket
import sys


def main() -> None:
    arguments, address = sys.argv[1:], os.environ.get("FORKED_SERVER", "")
    kind, what = [*arguments, "", ""][:2]
    ours = kind == "-c" or (kind == "-m" and what.startswith(("stages.", "tests.")))
    if not ours or not os.path.exists(address):
        os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.connect(address)
        wanted = {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)}
        socket.send_fds(server, [json.dumps(wanted).encode()], [0, 1, 2])
        child = int(server.recv(100))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda given, _: os.kill(child, given))
        status = os.waitstatus_to_exitcode(int(server.recv(100)))
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


main()
