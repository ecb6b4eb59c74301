"""The service over LanceDB and PostgreSQL: the answers of the index of files, and 503 without a server."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psycopg
import pytest
from typer.testing import CliRunner

from crosshash.cli import app
from crosshash.errors import CrosshashError
from crosshash.search import Searcher
from crosshash.stores import places
from tests.service.conftest import Running, running
from tests.stores.conftest import kill, start


@pytest.fixture(scope="module", params=["lancedb", "pgvector", "parquet", "usearch"])
def address(request: pytest.FixtureRequest, trained_project: Path, tmp_path_factory: Any) -> str:  # noqa: ANN401
    """The codes of the trained project in a store, exported by the command."""
    folder = tmp_path_factory.mktemp("stored")
    target, address = {
        "lancedb": (str(folder / "lance"), f"lance:{folder / 'lance'}"),
        "pgvector": 2 * (f"{request.getfixturevalue('postgres')}#served",),
        "parquet": 2 * (str(folder / "codes.parquet"),),
        "usearch": (str(folder / "usearch"), f"usearch:{folder / 'usearch'}"),
    }[request.param]
    done = CliRunner().invoke(app, ["export", request.param, target, "--project", str(trained_project)])
    assert done.exit_code == 0, done.output
    assert "codes of 16 bits" in done.stdout
    return address


@pytest.fixture(scope="module")
def of_files(trained_project: Path) -> Iterator[Running]:
    with running(Searcher.open(trained_project)) as started:
        yield started


@pytest.fixture(scope="module")
def of_store(trained_project: Path, address: str) -> Iterator[Running]:
    with running(Searcher.open(trained_project, store=address)) as started:
        yield started


def told(answer: httpx.Response) -> tuple[int, str]:
    """Status and body, without the digest of the index, which a store has none of."""
    return answer.status_code, re.sub(r'&index=\w+|(?<="index":)("\w+"|null)', "", answer.text)


def test_every_answer_is_that_of_the_index_of_files(of_files: Running, of_store: Running) -> None:
    """All tasks of texts, few and all items, by both distances, with labels; codes of 16 bits tie."""
    labels = of_files.searcher.labels[:2]
    for query in ("a red circle", "two green squares at the left"):
        for task in ("t2i", "t2t"):
            for top in (1, 10, 1000):
                for more in ({}, {"distance": "asymmetric"}, {"label": labels[0]}, {"label": labels}):
                    asked = {"q": query, "task": task, "top": top, **more}
                    answers = [one.client.get("search", params=asked) for one in (of_files, of_store)]
                    assert answers[0].status_code == 200
                    assert told(answers[0]) == told(answers[1])


def test_items_ask_alone_and_beside_a_text_and_pages_follow_one_another(
    of_files: Running, of_store: Running
) -> None:
    queries = [{"like": "images/00007.jpg"}, {"like": "images/00011.jpg", "text": "a red circle"}]
    for offset in (0, 7, 105):
        asked = {"queries": [*queries, {"text": "a star"}], "top": 7, "offset": offset}
        mine, other = (one.client.post("search/batch", json=asked) for one in (of_store, of_files))
        assert other.status_code == 200
        assert told(mine) == told(other)
    assert [len(one["hits"]) for one in mine.json()["answers"]] == [2, 2, 3]
    for item in ("nobody", "' OR ''='", "%00", "\\", "%", "%F0%9F%90%84"):
        both = [one.client.get(f"search?like={item}") for one in (of_files, of_store)]
        assert [answer.status_code for answer in both] == [422, 422], both[1].text
        assert both[0].text == both[1].text


def test_items_pictures_and_health_too(of_files: Running, of_store: Running) -> None:
    (hit,) = of_files.client.get("search", params={"q": "a circle", "top": 1}).json()["hits"]
    for path in (
        f"items/{hit['id']}",
        hit["picture"],
        "items/nobody",
        "items/%00",
        "picture?id=nobody",
        "healthz",
        "",
    ):
        mine, other = (one.client.get(path) for one in (of_store, of_files))
        assert told(mine) == told(other), path
    refused = of_store.client.get("search", params={"q": "a circle", "label": "cirkle"})
    assert refused.status_code == 422
    assert "did you mean circle" in refused.json()["detail"]


def test_what_is_added_later_is_found_without_a_restart(of_store: Running, address: str) -> None:
    """But in files, which are read once."""
    if address.endswith(".parquet") or address.startswith("usearch:"):
        return
    store = places.load(address)
    first = store.items().slice(0, 1)
    hit = of_store.client.get("search", params={"q": "a circle", "top": 1000}).json()["hits"]
    new = first.set_column(0, "row", [[9999]]).set_column(1, "id", [["brought later"]])
    label = new.schema.get_field_index("labels")
    store.add(new.set_column(label, "labels", [[["later"]]]).cast(first.schema))
    more = of_store.client.get("search", params={"q": "a circle", "top": 1000}).json()["hits"]
    only = of_store.client.get("search", params={"q": "a circle", "label": "later"}).json()["hits"]
    store.remove(np.array([9999]))
    store.close()
    assert len(more) == len(hit) + 1
    assert [one["id"] for one in only] == ["brought later"]


def test_a_store_of_another_model_is_refused(trained_project: Path, tmp_path: Path) -> None:
    source = places.load(f"faiss:{trained_project / 'artifacts' / 'index'}")
    for head, message in (
        (replace(source.head, encoder="0" * 64), "another model"),
        (replace(source.head, encoder=""), "unknown"),
    ):
        place = str(tmp_path / f"{message}.parquet")
        places.build("parquet", place, source.items(), head)
        with pytest.raises(CrosshashError, match=message):
            Searcher.open(trained_project, store=place)


def test_a_killed_postgres_is_503_in_the_middle_of_a_search_and_a_started_one_answers(
    trained_project: Path,
    postgres: str,
    postgres_server: Any,  # noqa: ANN401
) -> None:
    """The search waits for a lock that somebody holds, when the server is killed."""
    source = places.load(f"faiss:{trained_project / 'artifacts' / 'index'}")
    places.build("pgvector", f"{postgres}#killed", source.items(), source.head).close()
    asked = {"q": "a circle", "top": 5}
    with running(Searcher.open(trained_project, store=f"{postgres}#killed")) as service:
        before = service.client.get("search", params=asked)
        assert before.status_code == 200
        middle: list[httpx.Response] = []
        with psycopg.connect(postgres) as other:
            other.execute("LOCK TABLE killed IN ACCESS EXCLUSIVE MODE")
            waiting = threading.Thread(
                target=lambda: middle.append(httpx.get(f"{service.base}search", params=asked, timeout=60))
            )
            waiting.start()
            with psycopg.connect(postgres, autocommit=True) as watching:
                waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'killed'::regclass"
                while watching.execute(waits).fetchone() == (0,):
                    pass
            kill(postgres_server)
            waiting.join()
            other.close()
        down = service.client.get("search", params=asked)
        for one in (middle[0], down, service.client.get("items/nobody")):
            assert one.status_code == 503
            assert one.headers["Retry-After"] == "1"
            assert "does not answer" in one.json()["detail"]
            assert "postgres" not in one.text
        assert service.client.get("healthz").status_code == 200
        start(postgres_server)
        after = service.client.get("search", params=asked)
    assert (after.status_code, after.json()) == (200, before.json())
