from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crosshash.errors import CrosshashError
from crosshash.workers.dealing import Dealing
from crosshash.workers.engine import Share, in_this_process, read_share, run_units, worker_count
from crosshash.workers.local_engine import run_local
from crosshash.workers.processes import workers
from crosshash.workers.units import begin
from tests.conftest import ROOT
from tests.workers.toys import Toy, contents, toy, units

COUNT = 100


def run(state: Path, work: Toy, count: int = COUNT, share: Share | None = None) -> list[str]:
    return run_units(state, work, units(count), count, "made", share=share)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    state, work = toy(tmp_path_factory.mktemp("expected"))
    assert run(state, work) == [unit.name for unit in units(COUNT)]
    assert set(work.made().values()) == {1}
    return contents(state)


@pytest.fixture(autouse=True)
def _two_workers(monkeypatch: pytest.MonkeyPatch, expected: dict[str, bytes]) -> None:
    monkeypatch.setenv("CROSSHASH_WORKERS", "2")


def test_two_processes_write_what_one_does(tmp_path: Path, expected: dict[str, bytes]) -> None:
    state, work = toy(tmp_path)
    run(state, work)
    assert contents(state) == expected
    assert set(work.made().values()) == {1}


def test_a_worker_that_is_killed_is_replaced(
    tmp_path: Path, expected: dict[str, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    state, work = toy(tmp_path, deadly=(17,))
    run(state, work)
    assert contents(state) == expected
    made = work.made()
    assert made.pop(17) == 2
    assert set(made.values()) == {1}
    assert "warning: 017.npz: a worker process ended with signal 9" in caplog.text


def test_what_ends_every_worker_is_told_and_the_rest_is_kept(tmp_path: Path) -> None:
    state, work = toy(tmp_path, deadly=(17,), times=99)
    with pytest.raises(CrosshashError, match=r"1 unit.s. of work.*\n.*017\.npz: .*signal 9.*, 3 times"):
        run(state, work)
    assert len(contents(state)) == COUNT - 1


def test_a_worker_that_is_killed_before_it_has_work_is_replaced(
    tmp_path: Path, expected: dict[str, bytes]
) -> None:
    state, work = toy(tmp_path)
    begin(state)
    with workers(2) as crew:
        for worker in crew:
            worker.process.kill()
            worker.process.wait()
        run_local(work, state, Dealing(units(COUNT)), crew, lambda _: None)
    assert contents(state) == expected
    assert set(work.made().values()) == {1}


class Deadly(Toy):
    """Work that ends whatever process loads it."""

    def __setstate__(self, _: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def test_workers_that_all_end_while_they_start_end_the_stage(tmp_path: Path) -> None:
    state, work = toy(tmp_path)
    with pytest.raises(CrosshashError, match=r"ended with signal 9 .*CROSSHASH_WORKERS=1\.$"):
        run(state, Deadly(work.notes))
    assert not contents(state)


def test_one_damaged_among_a_hundred_is_named_and_the_next_run_does_it_alone(
    tmp_path: Path, expected: dict[str, bytes]
) -> None:
    state, work = toy(tmp_path, failing=(40,))
    with pytest.raises(CrosshashError) as error:
        run(state, work)
    assert str(error.value).endswith("goes on from there:\n  - 040.npz: unit 40 is damaged")
    assert len(contents(state)) == COUNT - 1
    again = Toy(tmp_path / "again")
    again.notes.mkdir()
    run(state, again)
    assert again.made() == {40: 1}
    assert contents(state) == expected


def test_shares_are_the_whole_and_do_not_overlap(
    tmp_path: Path,
    expected: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("CROSSHASH_WORKERS", "1")
    caplog.set_level("INFO")
    state, work = toy(tmp_path)
    for index in range(3):
        run(state, work, share=Share(index, 3))
        assert len(contents(state)) == sum(len(range(one, COUNT, 3)) for one in range(index + 1))
    assert contents(state) == expected
    assert "share 2 of 3: all its 33 unit(s) of 100 are done" in caplog.messages
    run(state, work)
    assert set(work.made().values()) == {1}


DRIVER = """
import sys
from pathlib import Path
from crosshash.workers.engine import run_units
from tests.workers.toys import toy, units
state, work = toy(Path(sys.argv[1]), seconds=0.02)
run_units(state, work, units(100), 100, "made")
"""


def test_a_driver_that_is_killed_goes_on_where_it_was(tmp_path: Path, expected: dict[str, bytes]) -> None:
    state, work = toy(tmp_path)
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(tmp_path)], cwd=ROOT)
    while len(contents(state)) < 20:
        time.sleep(0.01)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    time.sleep(0.2)  # on Linux the workers are gone with it
    done = {int(name[:3]) for name in contents(state)}
    begun = set(work.made()) - done
    assert 20 <= len(done) < COUNT
    run(state, work)
    assert contents(state) == expected
    assert {unit for unit, times in work.made().items() if times > 1} == begun
    # A worker may have been killed between a file and the removal of the folder that it was written in.
    assert {int(path.name[1:4]) for path in state.glob(".*")} <= done


def test_which_share_is_asked_for() -> None:
    assert read_share(["coco"]) == ("coco", None)
    assert read_share(["coco", "--shard", "3", "--of", "10"]) == ("coco", Share(3, 10))
    with pytest.raises(CrosshashError, match="the name of a data set is missing"):
        read_share([])


@pytest.mark.parametrize("text", ["--shard 3", "--shard 3 --of 3", "--shard -1 --of 3", "--shard a --of 3"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(CrosshashError, match="give --shard I --of N"):
        read_share(["coco", *text.split()])


def test_the_environment_says_who_works(monkeypatch: pytest.MonkeyPatch) -> None:
    assert worker_count() == 2
    assert not in_this_process()
    monkeypatch.delenv("CROSSHASH_WORKERS")
    assert in_this_process()
    monkeypatch.setenv("CROSSHASH_ENGINE", "ray")
    assert not in_this_process()
    monkeypatch.setenv("CROSSHASH_ENGINE", "spark")
    with pytest.raises(CrosshashError, match="CROSSHASH_ENGINE is 'spark'; set it to local or ray"):
        in_this_process()
    monkeypatch.setenv("CROSSHASH_WORKERS", "0")
    with pytest.raises(CrosshashError, match="CROSSHASH_WORKERS is '0'"):
        worker_count()
