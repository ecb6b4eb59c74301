#!/usr/bin/env bash
# uvicorn's limit_concurrency counts idle connections, and while there are too many it refuses the requests of all,
# also of those that were open before: a few clients that connect and say nothing shut a service to everybody.
# Seen (uvicorn 0.54.0, h11 0.16.0): limit 3; a connection is answered 200, two others connect and send nothing,
# then the next request of the first is answered 503, and 200 again once one of the silent ones has gone.
# Guessed: connections beyond the limit are refused, and those that were taken go on.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check uvicorn==0.54.0 h11==0.16.0
cat > "$folder/seen.py" <<'P'
import http.client
import socket
import threading
import time

import uvicorn


async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


server = uvicorn.Server(uvicorn.Config(app, http="h11", limit_concurrency=3, log_level="error", timeout_keep_alive=60))
listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=server.run, args=([listener],), daemon=True).start()
while not server.started:
    time.sleep(0.05)


def asked(client):
    client.request("GET", "/")
    answer = client.getresponse()
    answer.read()
    return answer.status


def connected(number):
    while len(server.server_state.connections) != number:
        time.sleep(0.05)


first = http.client.HTTPConnection(*listener.getsockname())
seen = [asked(first)]
silent = [socket.create_connection(listener.getsockname()) for _ in range(2)]
connected(3)
seen.append(asked(first))
silent[0].close()
first.close()
connected(1)
seen.append(asked(http.client.HTTPConnection(*listener.getsockname())))
print("uvicorn", uvicorn.__version__, "limit_concurrency=3, statuses alone, beside two silent clients, beside one:", seen)
assert seen == [200, 503, 200]
P
"$folder/venv/bin/python" "$folder/seen.py"
