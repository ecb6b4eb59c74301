from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import pytest

from crosshash.artifacts import write_json
from crosshash.errors import CrosshashError
from crosshash.workers import units as units_module
from crosshash.workers.units import VERSIONS, UnitWorker, begin, check_versions, versions
from tests.workers.toys import toy, units


def test_what_is_there_and_whole_is_not_made_again(tmp_path: Path) -> None:
    state, work = toy(tmp_path)
    begin(state)
    worker, [unit] = UnitWorker(work, state), units(1)
    path = state / unit.name
    assert worker.do(unit) is None
    assert worker.do(unit) is None
    assert work.made() == {0: 1}
    whole = path.read_bytes()
    for damaged in (whole[:-9] + b"x" + whole[-8:], whole[:100], b""):  # cut ones have lost their checksum
        path.write_bytes(damaged)
        assert worker.do(unit) is None
        assert path.read_bytes() == whole
    assert work.made() == {0: 4}


def test_the_reason_of_a_failure_is_told(tmp_path: Path) -> None:
    state, work = toy(tmp_path, failing=(0,))
    begin(state)
    assert UnitWorker(work, state).do(units(1)[0]) == "unit 0 is damaged"
    assert not list(state.glob("*.npz"))


def test_any_error_is_a_reason(tmp_path: Path) -> None:
    state, work = toy(tmp_path)
    begin(state)
    work.notes.rmdir()
    reason = UnitWorker(work, state).do(units(1)[0])
    assert reason is not None
    assert reason.startswith("FileNotFoundError: ")


@pytest.mark.parametrize("kind", [ValueError, CrosshashError])
def test_an_error_that_came_of_ctrl_c_is_no_reason_but_ctrl_c(tmp_path: Path, kind: type[Exception]) -> None:
    """zipfile, say, does not close an archive with a member under way: other units would be done after it."""

    def make(*_: object) -> None:
        try:
            raise KeyboardInterrupt
        finally:
            raise kind("an open writing handle")

    state, work = toy(tmp_path)
    begin(state)
    with pytest.raises(KeyboardInterrupt):
        UnitWorker(work, state, make).do(units(1)[0])


def test_who_comes_when_all_is_finished_makes_nothing(tmp_path: Path) -> None:
    """The driver has put the units together and removed the folder."""
    state, work = toy(tmp_path)
    reason = UnitWorker(work, state).do(units(1)[0])
    assert reason is not None
    assert "another run has finished this work" in reason
    assert not work.made()


def test_other_versions_than_those_of_the_first_are_refused_by_name(tmp_path: Path) -> None:
    begin(tmp_path)
    begin(tmp_path)
    write_json(tmp_path / VERSIONS, {"versions": versions() | {"numpy": "1.0", "heic": "2"}})
    ours = versions()["numpy"]
    with pytest.raises(CrosshashError, match=rf"heic missing, not 2, numpy {ours}, not 1\.0\."):
        begin(tmp_path)


def test_of_machines_that_begin_at_once_only_those_of_one_version_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight at a time, each with another numpy: one writes its versions, the other seven are refused."""
    monkeypatch.setattr(units_module, "versions", lambda: {"numpy": threading.current_thread().name})
    for number in range(10):
        folder, together, passed = tmp_path / str(number), threading.Barrier(8), list[str]()
        folder.mkdir()

        def start(
            folder: Path = folder, together: threading.Barrier = together, passed: list[str] = passed
        ) -> None:
            together.wait()
            with suppress(CrosshashError):
                begin(folder)
                passed.append(threading.current_thread().name)

        machines = [threading.Thread(target=start) for _ in range(8)]
        for machine in machines:
            machine.start()
        for machine in machines:
            machine.join()
        assert len(passed) == 1
        assert [path.name for path in folder.iterdir()] == [VERSIONS]


def test_equal_versions_pass() -> None:
    check_versions({"numpy": "2.0"}, {"numpy": "2.0"}, "a worker", "")
