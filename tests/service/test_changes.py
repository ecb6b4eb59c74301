"""Items come and go over HTTP, asked for by the client of the package."""

from __future__ import annotations

import io
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from crosshash.bundle.opening import Opened
from crosshash.bundle.sources import ProjectSource
from crosshash.client import Client, Refused
from crosshash.collection import grown_index
from crosshash.collection.additions import caption_id
from crosshash.errors import CrosshashError
from crosshash.search import Searcher
from crosshash.service.access.token import Token
from crosshash.service.changes import picture_id
from crosshash.service.live.live import Live
from crosshash.service.service import Settings
from crosshash.workers.lock import locked
from tests.datasets.folders import picture
from tests.search.conftest import own_copy
from tests.service.clients import sent, until_closed, upload
from tests.service.conftest import Running, running

TOKEN = "only-for-these-tests"  # noqa: S105


def png(number: int) -> bytes:
    file = io.BytesIO()
    picture(number, (40, 30)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def grows(trained_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service over a project without a collection yet, which changes of files alone do not wake."""
    project = own_copy(trained_project, tmp_path_factory.mktemp("grows") / "project")
    with running(Live(ProjectSource(project)), settings=Settings(token=Token.of(TOKEN))) as started:
        yield started


@pytest.fixture(scope="module")
def client(grows: Running) -> Client:
    return Client(grows.base, TOKEN)


class Cut(ProjectSource):
    """A project whose newer files cannot be loaded."""

    def open(self, before: Searcher | None) -> Opened:
        raise CrosshashError("the index is cut")


def project_of(service: Running) -> Path:
    source = service.service.live.source
    assert isinstance(source, ProjectSource)
    return source.project


def test_what_was_added_is_found_when_the_answer_comes_and_gone_when_it_was_removed(
    client: Client, grows: Running
) -> None:
    before = client.card()
    data = png(901)
    added = client.add(
        data, id="trip/ü 1.png", captions=["a red circle", "round"], labels=["Trip", " odd  label"]
    )
    assert (added.id, added.change) == ("trip/ü 1.png", "new")
    assert (added.caption, added.labels) == ("a red circle", ["Trip", "odd label"])
    card = client.card()
    assert added.index == card.index != before.index
    assert card.items == {name: count + 1 for name, count in before.items.items()}
    found = client.search(picture=data, task="i2i", top=200, distance="hamming", labels=["Trip"])
    assert [(hit.id, hit.distance) for hit in found.hits] == [("trip/ü 1.png", 0)]
    assert found.index == added.index
    assert client.item("trip/ü 1.png").labels == ["Trip", "odd label"]
    assert added.picture is not None
    assert client.picture("trip/ü 1.png") == Searcher.open(project_of(grows)).picture("trip/ü 1.png")

    again = client.add(
        data, id="trip/ü 1.png", captions=["a red circle", "round"], labels=["Trip", "odd label"]
    )
    assert (again.change, again.index) == ("unchanged", added.index)
    with pytest.raises(Refused, match="replace=true") as refused:
        client.add(png(902), id="trip/ü 1.png")
    assert refused.value.status == 409
    other = client.add(png(902), id="trip/ü 1.png", replace=True)
    assert (other.change, other.caption) == ("replaced", "")
    assert client.picture("trip/ü 1.png") != data

    client.remove("trip/ü 1.png")
    assert client.card().items == before.items
    for asked in (client.item, client.picture, client.remove):
        with pytest.raises(Refused) as refused:
            asked("trip/ü 1.png")
        assert refused.value.status == 404
    own = client.search("anything", task="t2i", top=1).hits[0].id
    client.remove(own)
    assert own not in {hit.id for hit in client.search("anything", top=500).hits}


def test_an_id_is_found_however_its_letters_are_written(client: Client) -> None:
    composed, decomposed = "caf\u00e9 1", "cafe\u0301 1"
    assert client.add(png(903), id=decomposed).id == composed
    assert client.item(decomposed).id == composed
    assert client.picture(decomposed) == client.picture(composed)
    client.remove(decomposed)
    with pytest.raises(Refused, match="404"):
        client.item(composed)


def test_a_change_whose_files_cannot_be_loaded_is_told_as_made_and_not_searched(
    client: Client, grows: Running
) -> None:
    live = grows.service.live
    source = live.source
    live.source = Cut(project_of(grows))
    try:
        with pytest.raises(Refused, match="made, and not searched yet") as refused:
            client.add(captions=["seen later"], id="later")
    finally:
        live.source = source
    assert (refused.value.status, refused.value.retry_after) == (503, 5)
    assert client.add(captions=["seen later"], id="later").change == "unchanged"
    assert client.item("later").caption == "seen later"


def test_items_without_a_name_are_named_by_what_they_are(client: Client) -> None:
    data = png(903)
    assert client.add(data).id == picture_id(data)
    text = client.add(captions=["nothing but words"])
    assert (text.id, text.picture) == (caption_id("nothing but words"), None)
    (found,) = client.search_several(["nothing but words"], task="t2t", top=500, distance="hamming")
    assert (text.id, 0) in [(hit.id, hit.distance) for hit in found.hits]


def test_segments_are_taken_up_too(client: Client, grows: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    client.add(captions=["the first of some"])
    monkeypatch.setattr(grown_index, "SMALL", 0)
    digests = {client.add(captions=[f"{number} of some"], labels=["some"]).index for number in range(3)}
    assert len(digests) == 3
    assert (project_of(grows) / "collection/index/segments").is_dir()
    (found,) = client.search_several(["some"], task="t2t", labels=["some"])
    assert len(found.hits) == 3
    client.remove(found.hits[0].id)
    assert len(client.search("some", task="t2t", labels=["some"]).hits) == 2


def test_clients_at_the_same_time_each_find_their_own(client: Client, grows: Running) -> None:
    def add(number: int) -> None:
        added = client.add(captions=[f"one of many {number}"], labels=[f"own {number}"])
        assert [hit.id for hit in client.search("one", task="t2t", labels=[f"own {number}"]).hits] == [
            added.id
        ]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(6)))
    assert len([label for label in grows.searcher.labels if label.startswith("own ")]) == 6


def test_who_has_not_the_token_changes_nothing(client: Client, grows: Running, searcher: Searcher) -> None:
    before = client.card()
    for token, told in ((None, "Authorization: Bearer"), ("another-token-than-it", "not the token")):
        stranger = Client(grows.base, token)
        for change in (lambda one=stranger: one.add(captions=["x"]), lambda one=stranger: one.remove("x")):
            with pytest.raises(Refused, match=told) as refused:
                change()
            assert refused.value.status == 401
    assert client.card() == before
    without = Live(ProjectSource(project_of(grows)))
    with running(without) as started, pytest.raises(Refused, match="without --token") as refused:
        Client(started.base, TOKEN).add(captions=["x"])
    assert refused.value.status == 403
    with running(searcher, settings=Settings(token=Token.of(TOKEN))) as started:  # no project
        with pytest.raises(Refused) as refused:
            Client(started.base, TOKEN).add(captions=["x"])
        assert refused.value.status == 404


def test_what_is_no_item_is_refused(client: Client, grows: Running) -> None:
    before = client.card()
    send = grows.client
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    cases = [
        (422, "neither", {}, None, {}),
        (422, "neither", {"caption": "  "}, None, {}),
        (422, "not a picture", {"id": "x"}, b"PK\3\4", {"Content-Type": "image/png"}),
        (415, "Content-Type", {"id": "x"}, png(1), {}),
        (422, "id", {"id": "a\0b", "caption": "x"}, None, {}),
        (422, "id", {"id": "", "caption": "x"}, None, {}),
        (422, "caption.0", {"caption": "x" * 2001}, None, {}),
        (422, "replace", {"caption": "x", "replace": "maybe"}, None, {}),
    ]
    for status, told, params, content, headers in cases:
        answer = send.post("items", params=params, content=content, headers={**bearer, **headers})  # type: ignore[arg-type]
        assert (answer.status_code, told in answer.json()["detail"]) == (status, True), answer.text
    asks = (f"Authorization: Bearer {TOKEN}", "Expect: 100-continue")
    with sent(grows, upload(11_000_000, *asks, path="/items?id=x")) as one:
        assert until_closed(one).startswith(b"HTTP/1.1 413")
    assert client.card() == before


def test_a_collection_that_another_process_changes_is_not_waited_for(client: Client, grows: Running) -> None:
    lock = locked(project_of(grows) / "collection/.lock", "busy")
    with lock, pytest.raises(Refused, match="another process") as refused:
        client.add(captions=["too late"])
    assert (refused.value.status, refused.value.retry_after) == (503, 5)
    assert client.add(captions=["too late"]).change == "new"


def test_a_full_disk_is_told_and_the_collection_goes_on(client: Client, grows: Running) -> None:
    """The system refuses files above 1 kB, as it refuses to fill a full disk."""
    client.add(captions=["before the disk was full"])
    before, (soft, hard) = client.card(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))
    try:
        with pytest.raises(Refused, match="disk is full") as refused:
            client.add(captions=["when it was"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert refused.value.status == 507
    assert client.card() == before
    assert client.add(captions=["when it was"]).change == "new"


def test_a_model_that_was_replaced_meanwhile_takes_no_items(client: Client, grows: Running) -> None:
    transform = project_of(grows) / "artifacts/transform.npz"
    aside = transform.rename(transform.with_name("aside"))
    try:
        with pytest.raises(Refused, match="does not fit the model") as refused:
            client.add(captions=["of another model"])
    finally:
        aside.rename(transform)
    assert refused.value.status == 409
    assert client.add(captions=["of another model"]).change == "new"


def test_refusals_of_changes_are_described(grows: Running) -> None:
    paths = grows.client.get("/openapi.json").json()["paths"]
    described = {
        method: sorted(paths[path][method]["responses"])
        for path, method in (("/items", "post"), ("/items/{id}", "delete"))
    }
    shared = ["401", "403", "409", "422", "503", "507"]
    assert described["post"] == sorted(["200", "201", "408", "413", "415", *shared])
    assert described["delete"] == sorted(["204", "404", *shared])
    assert grows.client.put("/items").headers["allow"] == "HEAD, POST"
    assert "POST /items" in grows.client.get("/docs").text


def test_the_client_says_what_went_wrong(client: Client, tmp_path: Path) -> None:
    with pytest.raises(CrosshashError, match="cannot be reached"):
        Client("http://127.0.0.1:9/").card()
    assert not Client("http://127.0.0.1:9/").is_ready()
    assert client.is_ready()
    with pytest.raises(CrosshashError, match="is no address"):
        Client("127.0.0.1:8000").card()
    with pytest.raises(CrosshashError, match=r"none\.jpg: cannot be read"):
        client.search(picture=tmp_path / "none.jpg")
    with pytest.raises(Refused, match=r"no item has the label 'nothing like it'\. \(422\)"):
        client.search("red", labels=["nothing like it"])
    for none in ("http://127.0.0.1:port/", "http://127.0.0.1:99999/", "http://[::1/"):
        with pytest.raises(CrosshashError, match="is no address"):
            Client(none).card()
    with pytest.raises(CrosshashError, match="the token has characters"):
        Client(client.address, token="two\nlines").card()  # noqa: S106
    with pytest.raises(CrosshashError, match="give one of them"):
        client.search(picture=png(5), like="images/00007.jpg")
    first, second = (client.search("red", top=3, offset=offset).hits for offset in (0, 3))
    assert [*first, *second] == client.search("red", top=6, offset=0).hits


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b'{"answers": 1}', b"\xff", b"{}"])
def test_another_program_that_answers_is_told_as_that(answer: bytes) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET  # noqa: N815 - the name is http.server's

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        other = Client(f"http://127.0.0.1:{server.server_port}")
        for asks in (other.card, lambda: other.search("red"), lambda: other.search_several(["red"])):
            with pytest.raises(CrosshashError, match="no search service of this version"):
                asks()
        server.shutdown()
        thread.join()


def test_the_client_imports_little() -> None:
    loaded = "import sys, crosshash.client; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert not {"numpy", "torch", "fastapi", "pyarrow", "httpx", "pydantic"} & set(done.stdout.split())
