from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from types import SimpleNamespace

import pytest

from crosshash.training import step_bar
from crosshash.training.step_bar import StepBar


def everything(reader: int) -> bytes:
    """What a terminal was told; it comes in pieces, and after the last Linux gives an error."""
    pieces = []
    with suppress(OSError):
        while piece := os.read(reader, 1 << 16):
            pieces.append(piece)
    os.close(reader)
    return b"".join(pieces)


def test_the_bar_by_the_signs_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps of 10^9 items each: far more a second than since the machine was started."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    reader, writer = os.openpty()
    with os.fdopen(writer, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with StepBar("epoch 1/2", 4) as bar:
            bar.advance(10**9, 0.5)
            bar.advance(10**9, 0.25)
            bar.bar.refresh()
    told = everything(reader).decode()
    assert "\x1b[2K" in told[told.rindex("items/s") :]  # the line is taken away at the end
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", told)
    assert "epoch 1/2" in shown
    assert "2/4" in shown
    assert "loss 0.2500" in shown
    assert int(re.findall(r"(-?\d+) items/s", shown)[-1]) > 10**6


def test_the_rate_is_that_of_all_items_since_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """10 items after a quarter of a second, 30 more after another one: 40 / 0.5 = 80 a second."""
    clock = iter([100.0, 100.25, 100.5])
    monkeypatch.setattr(step_bar, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    bar = StepBar("epoch 1/2", 4)
    bar.advance(10, 0.5)
    bar.advance(30, 0.25)
    assert bar.bar.tasks[0].fields == {"loss": 0.25, "rate": 80.0}
