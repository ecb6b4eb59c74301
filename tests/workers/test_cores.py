from __future__ import annotations

import os

import pytest

from crosshash.errors import CrosshashError
from crosshash.workers.cores import cores


def test_as_many_as_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSHASH_THREADS", "3")
    assert cores() == 3


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux tells which cores may be used")
def test_else_those_that_this_process_may_run_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CROSSHASH_THREADS", raising=False)
    before = os.sched_getaffinity(0)
    assert cores() == len(before)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_a_senseless_number_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CROSSHASH_THREADS", text)
    with pytest.raises(CrosshashError, match=f"CROSSHASH_THREADS is '{text}'"):
        cores()
