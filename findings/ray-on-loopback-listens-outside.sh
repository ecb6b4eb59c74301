#!/usr/bin/env bash
# ray 2.60.0: `ray.init(_node_ip_address="127.0.0.1")` does not keep Ray on loopback: processes of the cluster still listen on the machine's
# own address or on all; RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0, set before Ray is imported, does, on Linux too.
# Seen: with the argument some sockets listen elsewhere than on 127.0.0.1; with the variable and no argument none does.
# Guessed: the address of the only node is the one it listens on, and the variable is about Windows and macOS.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "ray==2.60.0" "psutil==7.0.0"
cat > "$work/listening.py" <<'P'
import sys

import psutil
import ray


@ray.remote
class Actor:
    def address(self) -> str:
        return ray.util.get_node_ip_address()


own = {"_node_ip_address": "127.0.0.1"} if sys.argv[1] == "argument" else {}
ray.init("local", num_cpus=1, include_dashboard=False, logging_level="ERROR", object_store_memory=80 << 20, **own)
actor = Actor.remote()
ray.get(actor.address.remote())
outside = set()
for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
    for socket in process.net_connections(kind="inet"):
        if socket.status == "LISTEN" and not socket.laddr.ip.removeprefix("::ffff:").startswith("127."):
            outside.add(f"{process.name()} {socket.laddr.ip}")
print(len(outside), *sorted(outside), sep="; ")
P
export RAY_USAGE_STATS_ENABLED=0
argument=$("$work/env/bin/python" "$work/listening.py" argument | tail -1)
variable=$(RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0 "$work/env/bin/python" "$work/listening.py" variable | tail -1)
echo "argument: $argument"
echo "variable: $variable"
[ "${variable%%;*}" = 0 ] && [ "${argument%%;*}" != 0 ]
