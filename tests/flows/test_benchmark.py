from __future__ import annotations

import pytest
from prefect.states import State

from flows.benchmark import benchmark


@pytest.mark.parametrize("lists", [{"methods": []}, {"bits": []}, {"seeds": []}])
def test_a_benchmark_of_nothing_says_what_to_name(lists: dict[str, list[int]]) -> None:
    ended = benchmark.fn(**lists)
    assert isinstance(ended, State)
    assert ended.is_failed()
    assert ended.message == "methods, bits and seeds: name one of each at least"
