from __future__ import annotations

import logging
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from crosshash.errors import CrosshashError
from crosshash.workers.unfinished import locked, remove, work_folder


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    for name in ("train.yaml", "index.json"):
        (tmp_path / name).write_text(name)
    return [tmp_path / "train.yaml", tmp_path / "index.json"]


def test_the_folder_follows_plan_data_and_circumstances(files: list[Path]) -> None:
    keys = [work_folder(files, "cpu", "2")]
    assert work_folder(files, "cpu", "2") == keys[0]
    keys.append(work_folder(files, "cuda", "2"))
    keys.append(work_folder(files, "cpu", "1"))
    for path in files:
        path.write_text("changed")
        keys.append(work_folder(files, "cpu", "2"))
    assert len(set(keys)) == 5


def test_the_folder_does_not_know_where_the_project_lies(files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    moved = [path.rename(tmp_path / "elsewhere" / path.name) for path in files]
    key = work_folder(moved)
    back = [path.rename(tmp_path / path.name) for path in moved]
    assert work_folder(back) == key


HOLD = """
import sys
import threading
import time
from pathlib import Path
from crosshash.workers.unfinished import locked
with locked(Path(sys.argv[1]), 'training'):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_waits_until_the_first_has_ended(tmp_path: Path) -> None:
    folder = tmp_path / "key"
    command = [sys.executable, "-c", HOLD, str(folder)]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as second,
    ):
        assert first.stdout is not None
        assert second.stdout is not None
        ready, _, _ = select.select([first.stdout, second.stdout], [], [], 60)
        assert len(ready) == 1  # one of both has the lock
        holder, waiter = (first, second) if ready == [first.stdout] else (second, first)
        assert holder.stdout is not None
        assert waiter.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert select.select([waiter.stdout], [], [], 1)[0] == []
        remove(folder)
        holder.kill()
        assert waiter.stdout.readline() == "held\n"
        waiter.kill()


def test_who_waits_says_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def wait() -> None:
        with locked(tmp_path / "key", "training"):
            pass

    waiter = threading.Thread(target=wait)
    with caplog.at_level(logging.INFO), locked(tmp_path / "key", "training"):
        waiter.start()
        while waiter.is_alive() and not caplog.messages:
            time.sleep(0.01)
    waiter.join(timeout=60)
    assert not waiter.is_alive()
    assert caplog.messages == ["the same training is running in another process: waiting for it to end"]


def test_a_lock_is_given_back_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path, "training"):
        raise ZeroDivisionError
    with locked(tmp_path, "training"):
        pass


def test_a_state_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(CrosshashError, match="cannot be written"),
        locked(tmp_path / "file" / "key", "training"),
    ):
        pass


def test_finished_work_leaves_only_its_empty_lock(tmp_path: Path) -> None:
    with locked(tmp_path / "key", "training") as folder:
        (folder / "part").write_text("done")
        remove(folder)
    assert os.listdir(tmp_path) == ["key.lock"]
    assert (tmp_path / "key.lock").stat().st_size == 0
