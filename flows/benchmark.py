"""The flow `benchmark`: methods, lengths and seeds on one data set, as DVC experiments, then as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import product
from queue import SimpleQueue
from typing import Any, cast

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Failed

from crosshash.errors import listed
from crosshash.experiments.collect import collect_runs
from crosshash.experiments.table.leaderboard import build_leaderboard
from crosshash.experiments.table.markdown import markdown_table
from flows.experiment import CHECKOUT, watched

HIDDEN = "CUDA_VISIBLE_DEVICES"


@flow(name="benchmark-run", persist_result=False)
def benchmark_run(
    method: str, bits: int, dataset: str, seed: int, overrides: list[str], device: str | None
) -> str | State[str]:
    """Train and score one method of a benchmark; device: the GPU it is given, None for those there are."""
    settings = {"method": method, "bits": bits, "dataset": dataset, "seed": seed}
    return watched("benchmark-run", settings, overrides, **({} if device is None else {HIDDEN: device}))


@flow(name="benchmark", persist_result=False)
def benchmark(
    methods: list[str] = ["twdh", "cca"],  # noqa: B006 - never changed; Prefect shows it in its form
    bits: list[int] = [32],  # noqa: B006
    seeds: list[int] = [0],  # noqa: B006
    dataset: str = "scenes",
    overrides: list[str] = [],  # noqa: B006
    gpus: list[int] = [],  # noqa: B006
    at_once: int = 1,
) -> list[str] | State[list[str]]:
    """Train and score each method at each length with each seed, and lay all experiments out as one table.

    Args:
        methods: twdh, dcmht, scahn, hq, djsrh, ucch, ridge, cca, shared.
        bits: lengths of the delivered hash codes.
        seeds: of centres, transform, networks and order of training.
        dataset: as for the flow `train`.
        overrides: further settings of all runs, such as `["train.epochs=4"]`.
        gpus: numbers of the GPUs to use, one for each run at work; none: at_once decides.
        at_once: runs at work at the same time, each of which takes all cores (`overrides=["threads=2"]`).

    Returns the names of the DVC experiments, or a failed state with what failed; the others are kept.
    """
    asked = [
        {"method": method, "bits": length, "dataset": dataset, "seed": seed, "overrides": overrides}
        for seed, length, method in product(seeds, bits, methods)
    ]
    if not asked:
        return Failed(message="methods, bits and seeds: name one of each at least")
    ended = list(all_of(asked, [str(one) for one in gpus] or [None] * max(1, at_once)))
    runs, left_out = collect_runs(CHECKOUT)
    if runs:
        page = markdown_table(build_leaderboard(runs, left_out, "mAP", [dataset]))
        create_markdown_artifact(page, key="benchmark", description=f"All experiments on {dataset}")
    failed = [
        f"{_told(one)}: {end.message}"
        for one, end in zip(asked, ended, strict=True)
        if not end.is_completed()
    ]
    if failed:
        get_run_logger().error("%d of %d runs failed", len(failed), len(asked))
        return Failed(message=f"{len(failed)} of {len(asked)} runs failed:\n{listed(failed)}")
    return [end.result() for end in ended]


def all_of(asked: list[dict[str, Any]], places: list[str | None]) -> Iterator[State[str]]:
    """Run all, as many at the same time as there are places; the first alone.

    What it makes of the data set, the others take from DVC's cache instead of making it once each.
    """
    free: SimpleQueue[str | None] = SimpleQueue()
    for place in places:
        free.put(place)

    def run(one: Mapping[str, Any]) -> State[str]:
        place = free.get()
        try:
            return cast(State[str], benchmark_run(**one, device=place, return_state=True))
        finally:
            free.put(place)

    yield run(asked[0])
    with ThreadPoolExecutor(len(places)) as pool:
        yield from [
            future.result() for future in [pool.submit(copy_context().run, run, one) for one in asked[1:]]
        ]


def _told(one: Mapping[str, Any]) -> str:
    return f"{one['method']}, {one['bits']} bits, seed {one['seed']}"
