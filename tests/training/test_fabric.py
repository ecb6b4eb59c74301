"""How processes are started, and what is said when one is gone; what they do together: test_ranks."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from crosshash.errors import CrosshashError
from crosshash.models.tower_specs import TowerSpec
from crosshash.models.towers import build_towers
from crosshash.training import fabric as fabric_module
from crosshash.training.fabric import (
    _check_there,
    for_gpu,
    launched,
    lost_processes_named,
    open_fabric,
)

BY_TORCHRUN = {"TORCHELASTIC_RUN_ID": "test", "WORLD_SIZE": "4", "RANK": "0", "LOCAL_RANK": "0"}
BY_HAND = {"NODE_RANK": "0", "MASTER_ADDR": "127.0.0.1"}


@pytest.fixture(autouse=True)
def _not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*BY_TORCHRUN, *BY_HAND):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("settings", "devices", "nodes"), [({}, 4, 1), (BY_HAND, 1, 4), (BY_TORCHRUN, 2, 2), (BY_TORCHRUN, 1, 4)]
)
def test_processes_are_as_many_as_asked_for(
    settings: dict[str, str], devices: int, nodes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    fabric = open_fabric("cpu", "bf16", devices, nodes)
    assert fabric.world_size == 4
    assert fabric.device.type == "cpu"
    with fabric.autocast():
        assert torch.get_autocast_dtype("cpu") == torch.bfloat16
        assert torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize("missing", list(BY_HAND))
def test_each_machine_has_to_know_its_place_and_the_first_one(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in set(BY_HAND) - {missing}:
        monkeypatch.setenv(name, BY_HAND[name])
    with pytest.raises(CrosshashError, match=r"train\.nodes: 2, but this process does not know"):
        open_fabric("cpu", "fp32", 1, 2)


def test_torchrun_has_to_have_started_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in BY_TORCHRUN.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(CrosshashError, match=r"torchrun has started 4 .* Start 6"):
        open_fabric("cpu", "fp32", 3, 2)


def test_more_gpus_than_the_machine_has_are_refused() -> None:
    count = torch.cuda.device_count()
    _check_there("cuda", count)
    _check_there("cpu", count + 1)
    with pytest.raises(
        CrosshashError, match=rf"train\.devices: {count + 1}, but this machine shows {count} "
    ):
        _check_there("cuda", count + 1)


def test_weights_of_convolutions_are_laid_out_for_cuda_alone() -> None:
    for device, last in (("cpu", False), ("cuda", True)):
        layer = nn.Conv2d(3, 5, 3)
        for_gpu(layer, torch.device(device), compiled=False)
        assert layer.weight.is_contiguous(memory_format=torch.channels_last) == last


@pytest.mark.parametrize("compiled", [False, True])
def test_networks_are_compiled_for_cuda_where_that_is_asked_for(
    compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both of their passes, and nothing else. torch.compile loads for seconds: a stand-in notes its calls."""
    passed: list[str] = []

    def noting(inner: Callable[[Tensor], Any]) -> Callable[[Tensor], Any]:
        return lambda inputs: passed.append(inner.__name__) or inner(inputs)  # type: ignore[func-returns-value]

    monkeypatch.setattr(torch, "compile", noting)
    network = build_towers(TowerSpec("mlp", "mlp", 8, 6, layers=4), TowerSpec("mlp", "mlp", 8, 6))[0].network
    model = nn.Sequential(network, nn.Linear(8, 4))
    for_gpu(model, torch.device("cuda"), compiled=compiled)
    assert model(torch.ones(2, 6)).shape == (2, 4)
    assert passed == ["forward"] * compiled
    passed.clear()
    assert len(network.levels(torch.ones(2, 6))) == 4
    assert passed == ["levels"] * compiled


@pytest.fixture
def _loud() -> Iterator[None]:
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("_loud")
@pytest.mark.parametrize("first", [True, False])
def test_the_first_process_alone_speaks(first: bool) -> None:
    """A fabric as it is within one of several processes."""
    fabric: Any = SimpleNamespace(launch=lambda: None, is_global_zero=first)
    assert launched(fabric) is fabric
    log = logging.getLogger("crosshash.training.fit")
    assert log.isEnabledFor(logging.WARNING) == first
    assert log.isEnabledFor(logging.ERROR)


# A process that is gone


def within(*commands: str, count: int = 3) -> Any:  # noqa: ANN401
    """The first of `count` processes, which has started the others, here shells."""
    children = [subprocess.Popen(["sh", "-c", command]) for command in commands]
    return SimpleNamespace(
        world_size=count, global_rank=0, strategy=SimpleNamespace(launcher=SimpleNamespace(procs=children))
    )


@pytest.mark.parametrize(
    ("commands", "named"),
    [
        (("exit 3", "sleep 9"), "process 1 with status 3"),
        (("exit 0", "sleep 0.2; exit 1"), "process 2 with status 1"),
        (("exit 0", "kill -9 $$"), "process 2 by signal 9"),
    ],
)
def test_the_process_that_has_ended_is_named_and_how(commands: tuple[str, ...], named: str) -> None:
    fabric = within(*commands)
    with pytest.raises(CrosshashError) as told, lost_processes_named(fabric):
        raise RuntimeError("[gloo] Connection closed by peer")
    assert str(told.value).startswith(
        f"process 0 of the 3 that train one model waited for one that has ended ({named}). What that one said"
    )
    for child in fabric.strategy.launcher.procs:
        child.kill()
        child.wait()


def test_who_has_started_none_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fabric_module, "time", SimpleNamespace(sleep=lambda seconds: None))
    fabric = within(count=2)
    del fabric.strategy.launcher.procs
    with pytest.raises(CrosshashError, match=r"one that has ended\. What"), lost_processes_named(fabric):
        raise RuntimeError("NCCL error")


@pytest.mark.parametrize(("count", "error"), [(1, "Connection reset by peer"), (2, "shapes do not fit")])
def test_other_errors_stay_what_they_are(count: int, error: str) -> None:
    with pytest.raises(RuntimeError, match=error), lost_processes_named(within(count=count)):
        raise RuntimeError(error)
