"""Requests while the index is replaced: none fails, and each answer is right for the index that it names."""

from __future__ import annotations

import shutil
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow.parquet as pq
import pytest

from crosshash.artifacts import atomic_path
from crosshash.bundle.opening import Opened
from crosshash.bundle.sources import ProjectSource
from crosshash.checksums import folder_digest
from crosshash.index.code_index import CodeIndex
from crosshash.search import Searcher
from crosshash.service.live import watch
from crosshash.service.live.live import Live
from crosshash.service.live.watch import watching
from crosshash.service.service import Settings
from tests.search.conftest import run_again
from tests.service.clients import until, value
from tests.service.conftest import Running, running
from tests.service.live.conftest import put

SECONDS = 0.01
"""Between two looks for newer files."""

TEXTS = ("a red circle", "a blue star on a grey ground", "two rings", "a green heart")
CLIENTS = 4
TOP = 20


@dataclass(frozen=True)
class Plain:
    """What an index answers to each text by a plain loop: ids, captions and Hamming distances."""

    answers: dict[str, list[tuple[str, str, int]]]

    @classmethod
    def of(cls, index: Path, live: Live) -> Plain:
        packed = CodeIndex.load(index / "image.faiss").packed
        items = pq.read_table(index / "items.parquet").to_pylist()
        asked = live.now.searcher.encode_texts(TEXTS).codes
        return cls({text: _nearest(code, packed, items) for text, code in zip(TEXTS, asked, strict=True)})


def _nearest(code: Any, packed: Any, items: list[dict[str, Any]]) -> list[tuple[str, str, int]]:  # noqa: ANN401
    far = [int(np.unpackbits(code ^ one).sum()) for one in packed]
    rows = sorted(range(len(far)), key=lambda row: (far[row], row))[:TOP]
    return [(items[row]["id"], items[row]["caption"], far[row]) for row in rows]


@pytest.fixture
def reloading(live: Live) -> Iterator[Running]:
    with running(live, settings=Settings(reload_seconds=SECONDS)) as started:
        yield started


def serves(service: Running, index: Path) -> None:
    wanted = folder_digest(index)
    until(lambda: service.service.live.now.index == wanted)


def test_an_index_is_replaced_under_load(reloading: Running, own: Path, indexes: list[Path]) -> None:
    """Eight times, the last two quickly in turn; four clients ask all the while, over a connection each."""
    plain = {folder_digest(index): Plain.of(index, reloading.service.live) for index in indexes}
    over, named = threading.Event(), Counter[str]()

    def ask(_: int) -> None:
        with httpx.Client(base_url=reloading.base, timeout=60, trust_env=False) as client:
            while not over.is_set():
                for text in TEXTS:
                    asked = {"q": text, "top": TOP, "distance": "hamming"}
                    answer = client.get("/search", params=asked)
                    assert answer.status_code == 200, answer.text
                    told = answer.json()
                    hits = [(hit["id"], hit["caption"], hit["distance"]) for hit in told["hits"]]
                    assert hits == plain[told["index"]].answers[text]
                    named[told["index"]] += 1

    with ThreadPoolExecutor(CLIENTS) as clients:
        asking = [clients.submit(ask, number) for number in range(CLIENTS)]
        try:
            for number in range(6):
                put(indexes[(number + 1) % 3], own)
                serves(reloading, indexes[(number + 1) % 3])
            put(indexes[0], own)
            put(indexes[2], own)
            serves(reloading, indexes[2])
        finally:
            over.set()
        for one in asking:
            one.result()
    assert set(named) == set(plain)
    registry = reloading.service.metrics.registry
    assert value(registry, "crosshash_reloads_total", result="taken") in (7, 8)
    assert value(registry, "crosshash_reloads_total", result="refused") == 0


def test_a_broken_index_is_told_by_readiness_and_counted(
    reloading: Running, own: Path, indexes: list[Path]
) -> None:
    served = reloading.client.get("/card").json()
    (own / "artifacts/index/items.parquet").write_bytes(b"nothing")
    registry = reloading.service.metrics.registry
    until(lambda: value(registry, "crosshash_reloads_total", result="refused") == 1)
    ready = reloading.client.get("/readyz")
    assert (ready.status_code, ready.json()["newer"]) == (200, "refused")
    assert reloading.client.get("/card").json() == served
    assert str(own) not in ready.text
    put(indexes[1], own)
    serves(reloading, indexes[1])
    assert reloading.client.get("/readyz").json()["newer"] is None
    assert value(registry, "crosshash_reloads_total", result="refused") == 1


def test_files_are_taken_up_once_they_rest(live: Live, own: Path, indexes: list[Path]) -> None:
    """Somebody writes into the folder without end; what is whole by then is taken up when that ends."""
    growing, looks = own / "artifacts/index/coming", live.source.files

    def files() -> list[Path]:  # each look finds a byte more
        if growing.exists():
            growing.write_bytes(growing.read_bytes() + b"x")
        counted.append(1)
        return looks()

    counted: list[int] = []
    put(indexes[1], own)
    growing.write_bytes(b"x")
    object.__setattr__(live.source, "files", files)
    before = live.now
    with watching(live, SECONDS):
        until(lambda: len(counted) > 20)
        assert live.now is before
        growing.unlink()
        until(lambda: live.now is not before)
    assert live.now.card.items["image"] == 54


def test_a_store_whose_folder_is_away_for_a_while_is_taken_up_when_it_is_back(
    own: Path, indexes: list[Path], tmp_path: Path
) -> None:
    store = Path(shutil.copytree(indexes[0], tmp_path / "store"))
    live = Live(ProjectSource(own, store=str(store)))
    with watching(live, SECONDS):
        shutil.rmtree(store)
        until(lambda: "is no store" in (live.refused or ""))
        shutil.copytree(indexes[1], store)
        until(lambda: live.now.card.items["image"] == 54)


def test_the_end_waits_for_no_loading(
    live: Live, own: Path, indexes: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    loading, over, opens = threading.Event(), threading.Event(), live.source.open

    def slow(before: Searcher | None) -> Opened:
        loading.set()
        over.wait(60)
        return opens(before)

    monkeypatch.setattr(watch, "PATIENCE", 0.05)
    object.__setattr__(live.source, "open", slow)
    put(indexes[1], own)
    try:
        with watching(live, SECONDS):
            assert loading.wait(60)
        (thread,) = (one for one in threading.enumerate() if one.name == "reload")
        assert thread.daemon  # the process goes without it
    finally:
        over.set()
    thread.join()


def test_networks_of_before_are_let_go_though_nobody_asks_any_more(changing: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(changing, tmp_path / "other"))
    run_again(other, seed=1)
    with running(Live(ProjectSource(changing)), settings=Settings(reload_seconds=SECONDS)) as own:
        assert own.client.get("/search", params={"q": "a small cat"}).status_code == 200
        old = weakref.ref(own.searcher.encoder)
        for name in ("model", "codes", "index"):
            with atomic_path(changing / "artifacts" / name) as place:
                shutil.copytree(other / "artifacts" / name, place)
        until(lambda: own.service.live.now.searcher.encoder is not old())
        until(lambda: old() is None)


def test_nobody_looks_where_it_is_not_wished(live: Live, own: Path, indexes: list[Path]) -> None:
    put(indexes[1], own)
    with watching(live, 0):
        assert "reload" not in {thread.name for thread in threading.enumerate()}
    assert live.now.card.items["image"] == 108
