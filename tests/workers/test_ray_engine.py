"""On a Ray cluster of two nodes on this machine, started once."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from crosshash.errors import CrosshashError
from crosshash.workers.dealing import Dealing
from crosshash.workers.engine import run_units
from crosshash.workers.units import versions
from tests.conftest import ROOT
from tests.workers.toys import Toy, contents, toy, units

# Nodes listen on loopback alone; read when Ray is imported, and not only for the systems it is named after.
os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
ray = pytest.importorskip("ray")
from crosshash.workers import ray_engine  # noqa: E402

COUNT = 60


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=small)
    ray.init(cluster.address, logging_level="ERROR", log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def node(cluster: Any) -> Iterator[Any]:  # noqa: ANN401
    """A second node beside the head."""
    node = cluster.add_node(num_cpus=1, object_store_memory=80 << 20, include_dashboard=False)
    yield node
    if node in cluster.list_all_nodes():
        cluster.remove_node(node)


@pytest.fixture
def run(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, Toy], None]:  # noqa: ANN401
    monkeypatch.setenv("CROSSHASH_ENGINE", "ray")
    monkeypatch.setattr(ray_engine, "POLL", 0.2)
    return lambda state, work: run_units(state, work, units(COUNT), COUNT, "made")


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    state, work = toy(tmp_path_factory.mktemp("expected"))
    run_units(state, work, units(COUNT), COUNT, "made")
    return contents(state)


@pytest.mark.usefixtures("node")
def test_a_killed_actor_and_a_damaged_unit(
    tmp_path: Path, run: Callable[[Path, Toy], None], expected: dict[str, bytes]
) -> None:
    """Two nodes; the actor that makes unit 15 is killed once, unit 40 fails; the rest is made once."""
    state, work = toy(tmp_path, deadly=(15,), failing=(40,))
    with pytest.raises(CrosshashError, match=r"1 unit.s. of work.*\n  - 040\.npz: unit 40 is damaged$"):
        run(state, work)
    assert contents(state) == {name: data for name, data in expected.items() if name != "040.npz"}
    made = work.made()
    assert made.pop(15) == 2
    assert made.pop(40) in (1, 2)  # once if the other actor was not there then
    assert set(made.values()) == {1}


def test_a_node_that_is_removed_in_the_middle(
    tmp_path: Path,
    run: Callable[[Path, Toy], None],
    cluster: Any,  # noqa: ANN401
    node: Any,  # noqa: ANN401
    expected: dict[str, bytes],
) -> None:
    """Its units are done by the other node; what was done is not made again."""
    state, work = toy(tmp_path, seconds=0.05)
    seen: set[str] = set()

    def remove() -> None:
        while len(contents(state)) < 15:
            time.sleep(0.01)
        cluster.remove_node(node, allow_graceful=False)
        seen.update(contents(state))

    remover = threading.Thread(target=remove)
    remover.start()
    run(state, work)
    remover.join()
    assert contents(state) == expected
    again = {f"{unit:03d}.npz" for unit, times in work.made().items() if times > 1}
    assert len(again) <= 2
    assert len(seen) < COUNT


def test_a_worker_of_other_versions_is_refused_by_name(
    tmp_path: Path, run: Callable[[Path, Toy], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    state, work = toy(tmp_path)
    monkeypatch.setattr(ray_engine, "versions", lambda: versions() | {"numpy": "1.26"})
    with pytest.raises(CrosshashError, match=rf"worker on Ray. has numpy {versions()['numpy']}, not 1\.26\."):
        run(state, work)
    assert not contents(state)


def test_there_are_as_many_workers_as_cores_and_gpus_have_room_for(cluster: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """4 cores (1 of the head) and 8 GPUs: 2 workers of 2 cores and a GPU each, 1 of 3, none of 5."""
    node = cluster.add_node(num_cpus=3, num_gpus=8, object_store_memory=80 << 20, include_dashboard=False)
    end = time.monotonic() + 30
    while ray.cluster_resources().get("CPU") != 4 and time.monotonic() < end:
        time.sleep(0.1)  # nodes of the tests before are counted for a while
    try:
        room = lambda needs: ray_engine.Crew(  # noqa: E731
            Toy(tmp_path),
            tmp_path,
            Dealing([]),
            lambda _: None,
            dict(zip(("num_cpus", "num_gpus"), needs, strict=True)),
        ).room()
        assert [room(needs) for needs in ((1, 0), (2, 1), (3, 1), (1, 4))] == [4, 2, 1, 2]
        with pytest.raises(CrosshashError, match="has 4 CPU; a worker takes 5"):
            room((5, 1))
        with pytest.raises(CrosshashError, match="has 8 GPU; a worker takes 9"):
            room((1, 9))
    finally:
        cluster.remove_node(node)


def test_cores_of_a_worker_that_are_no_number_are_refused(
    tmp_path: Path, run: Callable[[Path, Toy], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSHASH_THREADS", "abc")
    with pytest.raises(CrosshashError, match="CROSSHASH_THREADS is 'abc'"):
        run(*toy(tmp_path))


def test_an_address_where_nobody_listens_is_named_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process that is connected to no cluster; Ray itself would try for minutes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"  # free again at the end of this block
    state, _ = toy(tmp_path)
    code = (
        "from pathlib import Path\nfrom crosshash.workers.engine import run_units\n"
        "from tests.workers.toys import Toy, units\n"
        f"run_units(Path({str(state)!r}), Toy(Path({str(tmp_path)!r})), units(3), 3, 'made')"
    )
    monkeypatch.setenv("CROSSHASH_ENGINE", "ray")
    monkeypatch.setenv("RAY_ADDRESS", address)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )
    assert f"RAY_ADDRESS={address}: no Ray cluster answers there (" in done.stderr
