from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from crosshash.workers.dealing import DEATHS, IN_A_ROW, Dealing
from tests.workers.toys import units

CREW = ["a", "b"]
Outcome = Callable[[str, int], str]


def play(count: int, crew: list[str], outcome: Outcome) -> tuple[list[tuple[str, int]], Dealing]:
    """Let workers take turns until none gets anything; gives who did what, and the end."""
    dealing, log = Dealing(units(count)), []
    while True:
        taken = [(worker, unit) for worker in crew if (unit := dealing.take(worker, crew)) is not None]
        if not taken:
            return log, dealing
        for worker, unit in taken:
            log.append((worker, unit.given))
            end = outcome(worker, unit.given)
            if end == "done":
                dealing.done(worker)
            elif end == "dies":
                dealing.lost(unit, f"{worker} was killed")
            else:
                dealing.failed(worker, unit, end, crew)


def test_a_unit_that_fails_is_tried_by_another_worker_once() -> None:
    """Unit 1 fails whoever does it."""
    log, dealing = play(5, CREW, lambda _, unit: "damaged" if unit == 1 else "done")
    assert {worker for worker, unit in log if unit == 1} == {"a", "b"}
    assert sum(unit == 1 for _, unit in log) == 2
    assert dealing.failures == {"001.npz": "damaged"}
    assert {unit for _, unit in log} == set(range(5))


def test_a_worker_alone_tries_once() -> None:
    log, dealing = play(3, ["a"], lambda _, unit: "damaged" if unit == 1 else "done")
    assert log == [("a", 0), ("a", 1), ("a", 2)]
    assert list(dealing.failures) == ["001.npz"]


def test_a_worker_with_a_full_disk_does_not_run_through_all_units() -> None:
    """It fails three times; the other does its units and all that remain."""
    log, dealing = play(100, CREW, lambda worker, _: "full disk" if worker == "b" else "done")
    assert not dealing.failures
    assert sum(worker == "b" for worker, _ in log) == IN_A_ROW
    assert {unit for worker, unit in log if worker == "a"} == set(range(100))


def test_a_unit_that_ends_its_workers_is_given_up() -> None:
    log, dealing = play(4, CREW, lambda _, unit: "dies" if unit == 2 else "done")
    assert sum(unit == 2 for _, unit in log) == DEATHS
    assert dealing.failures["002.npz"].endswith("was killed, 3 times")
    assert {unit for _, unit in log} == {0, 1, 2, 3}


@given(
    st.integers(1, 12),
    st.integers(1, 4),
    st.dictionaries(st.tuples(st.integers(0, 3), st.integers(0, 11)), st.sampled_from(["bad", "dies"])),
)
def test_each_unit_ends_as_done_or_failed_and_none_is_forgotten(
    count: int, workers: int, ends: dict[tuple[int, int], str]
) -> None:
    crew = [str(number) for number in range(workers)]
    done: list[int] = []

    def outcome(worker: str, unit: int) -> str:
        end = ends.get((int(worker), unit), "done")
        done.extend([unit] if end == "done" else [])
        return end

    _, dealing = play(count, crew, outcome)
    failed = {int(name[:3]) for name in dealing.failures}
    assert len(done) == len(set(done))
    assert set(done) | failed == set(range(count))
    assert not set(done) & failed
