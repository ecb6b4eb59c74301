"""Thumbnails: small, upright, of the wanted items alone."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from crosshash.report.thumbnails import SIDE, thumbnail, thumbnails
from tests.report.runs import jpeg


def opened(uri: str) -> Image.Image:
    head, data = uri.split(",", 1)
    assert head == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("size", "expected"), [((200, 100), (96, 48)), ((30, 20), (30, 20)), ((1, 500), (1, 96))]
)
def test_longest_side_is_at_most_96(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert SIDE == 96
    assert opened(thumbnail(jpeg((9, 9, 9), size))).size == expected


def test_exif_rotation_is_applied() -> None:
    """Orientation 6: the camera was turned, a stored width is the height that people see."""
    exif = Image.Exif()
    exif[0x0112] = 6
    assert opened(thumbnail(encoded(Image.new("RGB", (80, 40)), "JPEG", exif=exif))).size == (40, 80)


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGB"])
def test_modes_of_jpeg(mode: str) -> None:
    assert opened(thumbnail(encoded(Image.new(mode, (8, 8)), "JPEG"))).mode == "RGB"


def test_nothing_of_the_file_but_the_picture_is_kept() -> None:
    """A camera's notes (place, name) stay out of a page that people pass on."""
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    uri = thumbnail(encoded(Image.new("RGB", (8, 8)), "JPEG", exif=exif))
    assert b"secret" not in base64.b64decode(uri.split(",", 1)[1])


def test_only_wanted_items_are_read(write_run: Callable[..., Path]) -> None:
    data = write_run() / "data/scenes"
    wanted = {"query/1.jpg": 1, "query/3.jpg": 3, "rest/11.jpg": 11}
    found = thumbnails(data, wanted)
    assert sorted(found) == ["query/1.jpg", "query/3.jpg", "rest/11.jpg"]
    assert len({*found.values()}) == 3


def test_vectors_have_no_thumbnail(write_run: Callable[..., Path]) -> None:
    assert thumbnails(write_run(image_kind="vector") / "data/scenes", {"query/0.jpg": 0}) == {}
