"""What items pass through on their way: threads, the progress bar."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from crosshash.workers.progress import tracked
from crosshash.workers.threads import LOOKAHEAD, THREADS, in_threads


def test_threads_keep_the_order() -> None:
    assert list(in_threads(lambda number: number * number, range(1000))) == [n * n for n in range(1000)]


def test_threads_take_no_more_than_they_may() -> None:
    taken = 0

    def values() -> Iterator[int]:
        nonlocal taken
        while taken < 5000:
            taken += 1
            yield taken

    results = in_threads(lambda number: number, values())
    for done in range(1, 50):
        next(results)
        assert taken <= done + LOOKAHEAD
    results.close()


def test_stopping_early_drops_what_waits() -> None:
    gate = threading.Event()
    started = []

    def slow(number: int) -> int:
        started.append(number)
        if number:
            gate.wait(10)
        return number

    results = in_threads(slow, range(LOOKAHEAD))
    assert next(results) == 0
    threading.Timer(0.05, gate.set).start()
    results.close()
    assert len(started) <= 2 * THREADS + 1


def test_error_of_a_thread_comes_out_in_its_place() -> None:
    results = in_threads(lambda number: 1 // (2 - number), range(5))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_bar_passes_everything_on_and_is_silent_off_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    assert list(tracked(iter("abc"), 3, "letters", "letters")) == ["a", "b", "c"]
    assert capfd.readouterr() == ("", "")
