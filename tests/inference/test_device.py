from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from crosshash.errors import CrosshashError
from crosshash.inference.device import make_deterministic, settled_device
from crosshash.training.fabric import open_fabric

CUDA = torch.cuda.is_available()

CHILD = """
import sys
from crosshash.workers.parent import end_with_parent
end_with_parent()
print("up", flush=True)
sys.stdin.read()
"""
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.argv[1], "-c", sys.argv[2]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_the_cpu_is_taken_on_demand_and_auto_takes_what_is_there() -> None:
    assert settled_device("cpu") == "cpu"
    assert settled_device("auto") == ("cuda" if CUDA else "cpu")


@pytest.mark.skipif(CUDA, reason="there is a CUDA device")
def test_cuda_where_there_is_none_is_refused() -> None:
    for ask in (lambda: settled_device("cuda"), lambda: open_fabric("cuda", "auto")):
        with pytest.raises(
            CrosshashError, match=r"params\.yaml: device: cuda, but .* no CUDA device\. Use auto"
        ):
            ask()


@pytest.mark.gpu
@pytest.mark.skipif(not CUDA, reason="no CUDA device")
def test_cuda_computes_in_bfloat16_unless_told_otherwise() -> None:
    assert open_fabric("auto", "auto").device.type == "cuda"
    with open_fabric("cuda", "auto").autocast():
        assert torch.get_autocast_dtype("cuda") == torch.bfloat16
    assert not torch.is_autocast_enabled("cuda")


@pytest.mark.parametrize(
    ("precision", "dtype"), [("auto", torch.float32), ("fp32", torch.float32), ("bf16", torch.bfloat16)]
)
def test_the_cpu_computes_in_float32_unless_told_otherwise(precision: str, dtype: torch.dtype) -> None:
    fabric = open_fabric("cpu", precision)  # type: ignore[arg-type]
    assert fabric.device.type == "cpu"
    with fabric.autocast():
        assert torch.nn.functional.linear(torch.ones(1, 2), torch.ones(3, 2)).dtype == dtype


def test_determinism_is_asked_for() -> None:
    make_deterministic(None)
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.is_deterministic_algorithms_warn_only_enabled()
    assert not torch.backends.cudnn.benchmark
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_the_threads_are_those_asked_for_or_stay() -> None:
    before = torch.get_num_threads()
    try:
        for asked, there in ((3, 3), (None, 3), (1, 1)):
            make_deterministic(asked)
            assert torch.get_num_threads() == there
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_stage_ends_with_the_process_that_started_it() -> None:
    started = subprocess.Popen(
        [sys.executable, "-c", PARENT, sys.executable, CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    pid = int(started.stdout.readline())
    assert runs(pid)
    started.send_signal(signal.SIGKILL)
    started.wait()
    for _ in range(100):
        if not runs(pid):
            return
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("the child outlived its parent by five seconds")


def runs(pid: int) -> bool:
    """Whether there is such a process that is not merely waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
