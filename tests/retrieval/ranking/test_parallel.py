from __future__ import annotations

import threading

import pytest

from crosshash.retrieval.ranking.parallel import over_blocks


def test_results_keep_the_order_of_the_blocks() -> None:
    assert over_blocks(len, [range(3), range(0), range(5)]) == [3, 0, 5]


def test_as_many_threads_as_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three blocks that wait for one another end only if three threads work on them."""
    monkeypatch.setenv("CROSSHASH_THREADS", "3")
    barrier = threading.Barrier(3, timeout=10)
    assert sorted(over_blocks(lambda _: barrier.wait(), [range(1)] * 3)) == [0, 1, 2]


def test_no_more_threads_than_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that waits a moment would be begun by the others, too."""
    monkeypatch.setenv("CROSSHASH_THREADS", "1")

    def work(_: range) -> int:
        threading.Event().wait(0.001)
        return threading.get_ident()

    assert len(set(over_blocks(work, [range(1)] * 10))) == 1


def test_an_error_in_a_block_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        over_blocks(lambda rows: 1 / len(rows), [range(1), range(0)])
