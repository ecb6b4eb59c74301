"""Searches over HTTP: what is found, and what is refused."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from PIL import Image

from crosshash.search import Hit, Searcher
from tests.service.conftest import Running

JPEG = {"Content-Type": "image/jpeg"}
RED = "a red circle on a white ground"


def told(hits: list[Hit]) -> list[tuple[Any, ...]]:
    return [(hit.id, hit.distance, hit.score, hit.caption, list(hit.labels)) for hit in hits]


def found(answer: httpx.Response) -> list[tuple[Any, ...]]:
    assert answer.status_code == 200, answer.text
    keys = ("id", "distance", "score", "caption", "labels")
    return [tuple(hit[key] for key in keys) for hit in answer.json()["hits"]]


def a_picture(service: Running) -> bytes:
    data = service.searcher.picture("images/00007.jpg")
    assert data is not None
    return data


def refusal(answer: httpx.Response, status: int, service: Running) -> str:
    """The reason; the service lives on, and says nothing of its insides."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"detail"}
    detail = answer.json()["detail"]
    assert isinstance(detail, str)
    for inside in ("Traceback", "/home", "artifacts", "site-packages", ".py", str(Path.home())):
        assert inside not in detail
    assert service.client.get("/search", params={"q": RED, "top": 1}).status_code == 200
    return str(detail)


# found


def test_a_search_names_its_distance(service: Running) -> None:
    query = service.searcher.encode_texts([RED])
    for distance in ("hamming", "asymmetric"):
        answer = service.client.get("/search", params={"q": RED, "top": 7, "distance": distance})
        assert answer.json()["ordered_by"] == distance
        assert found(answer) == told(service.searcher.find(query, "t2i", 7, (), distance)[0])
        by_picture = {"top": 7, "distance": distance}
        answer = service.client.post("/search", params=by_picture, content=a_picture(service), headers=JPEG)
        assert answer.json()["ordered_by"] == distance
    without = service.client.get("/search", params={"q": RED, "top": 7}).json()
    assert without["ordered_by"] == service.client.get("/healthz").json()["distance"] == "hamming"
    refused = service.client.get("/search", params={"q": RED, "distance": "cosine"})
    assert "distance" in refusal(refused, 422, service)


@pytest.mark.parametrize("task", ["t2i", "t2t"])
def test_a_text_finds_what_the_searcher_finds(service: Running, task: str) -> None:
    expected = service.searcher.find(service.searcher.encode_texts([RED]), task, 7)[0]
    answer = service.client.get("/search", params={"q": RED, "task": task, "top": 7})
    assert found(answer) == told(expected)
    assert len(expected) == 7
    assert answer.json()["task"] == task
    assert answer.json()["bits"] == 16


@pytest.mark.parametrize("task", ["i2t", "i2i"])
def test_a_picture_finds_what_the_searcher_finds(service: Running, task: str) -> None:
    picture = a_picture(service)
    expected = service.searcher.find(service.searcher.encode_pictures([picture]), task, 5)[0]
    answer = service.client.post("/search", params={"task": task, "top": 5}, content=picture, headers=JPEG)
    assert found(answer) == told(expected)


def test_without_parameters_a_text_finds_ten_pictures_and_a_picture_ten_texts(service: Running) -> None:
    for answer, task in (
        (service.client.get("/search", params={"q": RED}), "t2i"),
        (service.client.post("/search", content=a_picture(service), headers=JPEG), "i2t"),
    ):
        assert len(found(answer)) == 10
        assert answer.json()["task"] == task


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_other_kinds_of_pictures_are_read(service: Running, kind: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), "red").save(buffer, kind)
    answer = service.client.post(
        "/search", content=buffer.getvalue(), headers={"Content-Type": f"image/{kind.lower()}"}
    )
    assert len(found(answer)) == 10


def test_labels_narrow_the_search_to_items_with_any_of_them(service: Running) -> None:
    labels = {"star", "heart"}
    answer = service.client.get("/search", params={"q": RED, "label": sorted(labels), "top": 1000})
    hits = answer.json()["hits"]
    items = service.searcher.index.items.table.to_pylist()
    assert {hit["id"] for hit in hits} == {item["id"] for item in items if labels & set(item["labels"])}


def test_a_top_larger_than_the_index_gives_all(service: Running) -> None:
    hits = found(service.client.get("/search", params={"q": RED, "top": 1000}))
    assert len(hits) == service.searcher.counts["image"] == 108
    assert [hit[1] for hit in hits] == sorted(hit[1] for hit in hits)


def test_hits_name_the_address_of_their_picture(service: Running) -> None:
    (hit,) = service.client.get("/search", params={"q": RED, "top": 1}).json()["hits"]
    picture = service.client.get(hit["picture"])
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.content == service.searcher.picture(hit["id"])
    assert Image.open(io.BytesIO(picture.content)).format == "JPEG"


# refused


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("?q=", "the query is empty"),
        ("?q=%20%20", "the query is empty"),
        ("", "q: "),
        ("?q=" + "x" * 2001, "2000"),
        ("?q=red&task=x2y", "task: "),
        ("?q=red&task=i2t", "task: should be 't2i' or 't2t'; pictures go by POST"),
        ("?q=red&top=0", "top: "),
        ("?q=red&top=1001", "1000"),
        ("?q=red&top=-3", "top: "),
        ("?q=red&top=ten", "top: "),
        ("?q=red&label=starr", "no item has the label 'starr' (did you mean star"),
    ],
)
def test_a_bad_text_search_is_refused_with_its_reason(service: Running, address: str, reason: str) -> None:
    detail = refusal(service.client.get(f"/search{address}"), 422, service)
    assert reason in detail
    assert "\n" not in detail


def test_all_bad_parameters_are_named(service: Running) -> None:
    detail = refusal(service.client.get("/search?q=red&top=0&task=none"), 422, service)
    assert "top: " in detail
    assert "task: " in detail


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("picture.jpg", b"\xff\xd8\xff" * 50)
    return buffer.getvalue()


def bomb(side: int) -> bytes:
    """A PNG of few bytes and side x side pixels, all black, complete and correct."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((1 + -(-side // 8)) * side), 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_the_bomb_would_be_a_picture(service: Running) -> None:
    answer = service.client.post("/search", content=bomb(500), headers={"Content-Type": "image/png"})
    assert answer.status_code == 200


def bad_pictures() -> dict[str, tuple[bytes, str]]:
    whole = io.BytesIO()
    Image.effect_noise((200, 200), 80).save(whole, "JPEG")
    return {
        "nothing": (b"", "empty"),
        "a zip": (zipped(), "not a picture"),
        "a cut JPEG": (whole.getvalue()[: len(whole.getvalue()) // 2], "cannot be decoded"),
        "a bomb": (bomb(12_000), "pixels"),
        "text": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
    }


@pytest.mark.parametrize("name", ["nothing", "a zip", "a cut JPEG", "a bomb", "text"])
def test_what_is_no_picture_is_refused_with_its_reason(service: Running, name: str) -> None:
    body, reason = bad_pictures()[name]
    answer = service.client.post("/search", content=body, headers=JPEG)
    assert reason in refusal(answer, 422, service)


def test_a_body_that_is_not_announced_as_a_picture_is_refused(service: Running) -> None:
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"):
        answer = service.client.post("/search", content=a_picture(service), headers={"Content-Type": kind})
        assert "Content-Type" in refusal(answer, 415, service)


def test_parameters_of_a_picture_search_are_checked(service: Running) -> None:
    for address, reason in (
        ("?task=t2i", "task: should be 'i2t' or 'i2i'; texts go by GET"),
        ("?task=x2y", "task: Input should be 'i2t' or 'i2i'"),
        ("?top=0", "top: "),
        ("?label=starr", "starr"),
    ):
        answer = service.client.post(f"/search{address}", content=a_picture(service), headers=JPEG)
        assert reason in refusal(answer, 422, service)


@pytest.mark.parametrize("announced", [True, False])
def test_an_upload_of_50_mb_is_refused_and_not_held(service: Running, announced: bool) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(50):
            yield bytes(1_000_000)

    headers = JPEG | ({"Content-Length": "50000000"} if announced else {})
    answer = service.client.post("/search", content=pieces(), headers=headers)
    assert "10 MB" in refusal(answer, 413, service)
    assert service.service.room.free == 256_000_000


# items and pictures


def test_an_item_is_known_by_its_id_slashes_included(service: Running) -> None:
    answer = service.client.get("/items/images/00007.jpg")
    item = service.searcher.item("images/00007.jpg")
    assert item is not None
    assert answer.json() == {
        "id": "images/00007.jpg",
        "caption": item.caption,
        "labels": list(item.labels),
        "picture": f"picture?id=images%2F00007.jpg&index={service.service.live.now.index[:12]}",
    }
    assert service.client.get("/items/images%2F00007.jpg").json() == answer.json()


@pytest.mark.parametrize(
    "name", ["nobody", "../../artifacts/model/model.json", "/etc/passwd", "%00", "images"]
)
def test_unknown_ids_are_not_found_whatever_they_look_like(service: Running, name: str) -> None:
    refusal(service.client.get("/items/" + name.replace("/", "%2F").replace(".", "%2E")), 404, service)
    refusal(service.client.get("/picture", params={"id": name}), 404, service)


def test_a_picture_whose_shard_is_gone_is_not_found_and_no_path_told(project: Path, service: Running) -> None:
    searcher = Searcher.open(project)
    assert searcher.picture("images/00007.jpg") == a_picture(service)
    shards = project / "data" / "scenes" / "shards"
    away = shards.rename(shards.with_name("away"))
    try:
        refusal(service.client.get("/picture", params={"id": "images/00007.jpg"}), 404, service)
    finally:
        away.rename(shards)
    assert service.client.get("/picture", params={"id": "images/00007.jpg"}).content == a_picture(service)


def test_unknown_addresses_and_methods_are_refused(service: Running) -> None:
    refusal(service.client.get("/nothing"), 404, service)
    for path, methods in (("/search", "GET, HEAD, POST"), ("/items/a/b", "GET, HEAD"), ("/", "GET, HEAD")):
        answer = service.client.delete(path)
        refusal(answer, 405, service)
        assert answer.headers["allow"] == methods


def test_captions_are_told_as_they_are(service: Running, project: Path) -> None:
    items = pd.read_parquet(project / "artifacts" / "index" / "items.parquet")
    answer = service.client.get(f"/items/{items['id'][0]}")
    assert json.loads(answer.content)["caption"] == items["caption"][0]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
