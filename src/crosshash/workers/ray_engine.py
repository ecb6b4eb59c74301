"""Units by actors on a Ray cluster, which hold what the work loads.

Ray tells less than one would think (2.60): a call can be lost with its node, one that was cancelled or whose
driver died still runs and writes, a restarted actor takes its calls in any order. So the file decides whether
a unit is done, actors are never restarted but replaced, and few calls wait at each.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crosshash.checksums import is_sealed
from crosshash.errors import CrosshashError
from crosshash.workers.cores import asked_cores, cores_here
from crosshash.workers.dealing import Dealing
from crosshash.workers.units import Unit, UnitWorker, Work, check_versions, versions

LOCAL = "local"
"""Address of a Ray of this machine alone."""
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
if (os.environ.get("RAY_ADDRESS") or LOCAL) == LOCAL:
    # Ray listens on loopback alone then, on Linux too; read when it is imported. An address given to `init`
    # does not do that: its worker processes listen on the machine's own address all the same.
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
try:
    import ray
    from ray.exceptions import RayError, RayTaskError
except ImportError:
    raise CrosshashError("CROSSHASH_ENGINE=ray needs Ray: pip install -c constraints.txt '.[ray]'") from None

IN_FLIGHT = 2
"""Calls at an actor: the one at work and the next."""
POLL = 2.0  # seconds
ANSWER = 10.0  # seconds that the cluster may take to let this machine connect
PATIENCE = 30.0  # seconds without any worker, after which that is told
STARTS = 3
"""Workers that may end while they start, one after the other."""
GPU_CORES = 4
"""Cores beside each GPU: pictures are decoded while the network runs."""
STORE = 256 << 20  # bytes; units are small, Ray's own choice is a third of the memory
PASSED_ON = ("CROSSHASH_", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OPENBLAS_NUM_THREADS")
log = logging.getLogger(__name__)


class RayWorker:
    """What an actor does."""

    def __init__(self, work: Work, folder: Path, project: Path) -> None:
        os.chdir(project)
        self.worker = UnitWorker(work, folder)

    def about(self) -> tuple[str, str, dict[str, str]]:
        """Give the node's id in Ray, a name for people, and the versions that are installed there."""
        node = ray.get_runtime_context().get_node_id()
        return node, f"process {os.getpid()} on {socket.gethostname()}", versions()

    def do(self, unit: Unit) -> str | None:
        """Do a unit; gives the reason if it failed."""
        return self.worker.do(unit)


@dataclass(eq=False)
class Member:
    """An actor with its calls; about: the one that tells of it, before which it has neither node nor name."""

    actor: Any
    about: Any
    node: str = ""
    name: str = ""
    calls: dict[Any, Unit] = field(default_factory=dict)


def run_ray(
    work: Work, folder: Path, dealing: Dealing, count: int | None, cuda: bool, on_done: Callable[[Unit], None]
) -> None:
    """Have actors do units until none is left; on the cluster of `RAY_ADDRESS`, else on this machine alone.

    count: of actors, by default as many as the cluster has cores, or GPUs.

    Raises:
        CrosshashError: a node has other versions, does not see the project's folder, or there is no worker.
    """
    threads = asked_cores() or (GPU_CORES if cuda else 1)
    with _cluster(max(cores_here(), threads) if count is None else count * threads):
        crew = Crew(work, folder, dealing, on_done, {"num_cpus": threads, "num_gpus": int(cuda)})
        try:
            for _ in range(count or crew.room()):
                crew.start()
            while crew.deal():
                crew.wait()
        finally:
            crew.end()


class Crew:
    """Actors at work on the units of one stage; needs: cores and GPUs of each."""

    def __init__(
        self,
        work: Work,
        folder: Path,
        dealing: Dealing,
        on_done: Callable[[Unit], None],
        needs: dict[str, int],
    ) -> None:
        self.dealing, self.folder, self.on_done = dealing, folder, on_done
        self.members: list[Member] = []
        self.lost_starts, self.idle_since = 0, time.monotonic()
        self.needs = needs
        options = {**needs, "max_restarts": 0, "runtime_env": {"env_vars": _environment(needs["num_cpus"])}}
        self.create: Callable[[], Any] = lambda: (
            ray.remote(RayWorker).options(**options).remote(work, folder, Path.cwd())
        )

    def room(self) -> int:
        """Say for how many actors the cluster has room.

        Raises:
            CrosshashError: for none.
        """
        there, rooms = ray.cluster_resources(), []
        for kind, each in (("CPU", self.needs["num_cpus"]), ("GPU", self.needs["num_gpus"])):
            if each:
                rooms.append(int(there.get(kind, 0)) // each)
                if not rooms[-1]:
                    found = there.get(kind, 0)
                    raise CrosshashError(f"the Ray cluster has {found:g} {kind}; a worker takes {each}.")
        return min(rooms)

    def start(self) -> None:
        """Ask for one more actor; it works once it has told of itself."""
        actor = self.create()
        self.members.append(Member(actor, actor.about.remote()))

    def deal(self) -> bool:
        """Give units to actors that have few; says whether any is at work, or none is there yet."""
        there = [member for member in self.members if member.name]
        names = [member.name for member in there]
        for member in there:
            while len(member.calls) < IN_FLIGHT and (unit := self.dealing.take(member.name, names)):
                member.calls[member.actor.do.remote(unit)] = unit
        return not there or any(member.calls for member in there)

    def wait(self) -> None:
        """Wait for something to end; see then which nodes are still there."""
        owners = {member.about: member for member in self.members if not member.name}
        owners |= {call: member for member in self.members for call in member.calls}
        ended, _ = ray.wait(list(owners), num_returns=1, timeout=POLL)
        for call in ended:
            self._ended(owners[call], call)
        if ended:
            return
        alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
        for member in [one for one in self.members if one.name and one.node not in alive]:
            self._replace(member, "its node is gone")
        self._tell_if_alone()

    def end(self) -> None:
        """End all actors."""
        for member in self.members:
            ray.kill(member.actor)

    def _ended(self, member: Member, call: Any) -> None:  # noqa: ANN401 - Ray's reference to what will be
        try:
            answer = ray.get(call)
        except RayTaskError as error:
            if not member.name:
                raise CrosshashError(f"a worker on Ray cannot start: {_told(error)}") from None
            answer = _told(error)
        except RayError as error:
            self._replace(member, _told(error))
            return
        if not member.name:
            node, name, found = answer
            check_versions(found, versions(), f"{name} (worker on Ray)", "What is done stays.")
            member.node, member.name, self.lost_starts = node, name, 0
            return
        unit = member.calls.pop(call)
        if answer is None:
            self.dealing.done(member.name)
            self.on_done(unit)
        elif self.dealing.failed(member.name, unit, answer, [one.name for one in self.members if one.name]):
            log.warning("warning: %s failed by %s and is tried again: %s", unit.name, member.name, answer)

    def _replace(self, member: Member, how: str) -> None:
        """Take an actor out that has ended, look which of its units it has done, and start another."""
        log.warning("warning: a worker on Ray has ended (%s: %s); another starts", member.name or "new", how)
        self.members.remove(member)
        ray.kill(member.actor)
        for unit in member.calls.values():
            if is_sealed(self.folder / unit.name):
                self.on_done(unit)
            else:
                self.dealing.lost(unit, f"{member.name} ended over it ({how})")
        self.lost_starts += not member.name
        if self.lost_starts >= STARTS:
            raise CrosshashError(f"{STARTS} workers on Ray ended while they started; the last: {how}")
        self.start()

    def _tell_if_alone(self) -> None:
        if any(member.name for member in self.members):
            self.idle_since = time.monotonic()
        elif time.monotonic() - self.idle_since > PATIENCE:
            log.warning("warning: no worker on Ray yet: waiting for %s to be free", self.needs)
            self.idle_since = time.monotonic()


@contextmanager
def _cluster(cpus: int) -> Iterator[None]:
    """Connect to the cluster, or start one of this machine alone, which no other machine can reach.

    cpus: of one that is started.
    """
    if ray.is_initialized():
        yield
        return
    address = os.environ.get("RAY_ADDRESS") or LOCAL
    own: dict[str, Any] = {}
    if address == LOCAL:
        own = {"num_cpus": cpus, "object_store_memory": STORE}
        own["include_dashboard"] = False
    try:
        _check_listens(address)
        ray.init(address, logging_level=logging.ERROR, **own)
    except (OSError, RuntimeError, ValueError) as error:
        raise CrosshashError(f"RAY_ADDRESS={address}: no Ray cluster answers there ({error}).") from None
    try:
        yield
    finally:
        ray.shutdown()


def _check_listens(address: str) -> None:
    """Connect to `host:port` once: Ray tries for minutes where nobody listens, and says nothing.

    Raises:
        OSError: nobody does.
    """
    host, colon, port = address.rpartition(":")
    if colon and "/" not in host and port.isdecimal():
        if host in ("127.0.0.1", "localhost", "[::1]"):
            host = ray.util.get_node_ip_address()  # as Ray reads it, which may not listen on loopback
        socket.create_connection((host.strip("[]"), int(port)), ANSWER).close()


def _environment(threads: int) -> dict[str, str]:
    """Give what an actor's process needs: this project's code, and what stages and users have set."""
    installed = (sys.prefix, sys.base_prefix)
    own = [str(Path(path).absolute()) for path in sys.path if not path.startswith(installed)]
    passed_on = {key: value for key, value in os.environ.items() if key.startswith(PASSED_ON)}
    return {**passed_on, "PYTHONPATH": os.pathsep.join(own), "CROSSHASH_THREADS": str(threads)}


def _told(error: Exception) -> str:
    """Take the first sentence of the last line: Ray tells of all that may be the cause."""
    return str(error).strip().splitlines()[-1].strip().partition(". ")[0]
