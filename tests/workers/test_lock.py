from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from crosshash.workers.lock import locked


def test_a_thread_that_holds_a_lock_is_not_left_to_wait_for_itself(tmp_path: Path) -> None:
    with (
        locked(tmp_path / "lock", "busy"),
        pytest.raises(RuntimeError, match="already held"),
        locked(tmp_path / "." / "lock", "busy"),
    ):
        pass
    with locked(tmp_path / "lock", "busy"):
        pass


def test_who_waited_at_a_file_that_was_removed_holds_the_one_that_is_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "folder" / "lock"
    entered, leave = threading.Event(), threading.Event()

    def enter() -> None:
        with locked(path, "busy"):
            entered.set()
            leave.wait(60)

    waiter = threading.Thread(target=enter)
    with caplog.at_level(logging.INFO), locked(path, "busy"):
        waiter.start()
        while waiter.is_alive() and not caplog.messages:
            time.sleep(0.01)
        path.unlink()
    assert entered.wait(60)
    with pytest.raises(Timeout):
        FileLock(path).acquire(blocking=False)
    leave.set()
    waiter.join(60)
    assert caplog.messages == ["busy"]
    FileLock(path).acquire(blocking=False).lock.release()
