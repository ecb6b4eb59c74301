"""Small pictures inside the page: of the shown items only, re-encoded, as data URIs."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from pathlib import Path

from PIL import Image, ImageOps

from crosshash.shards.stored_pictures import ShardPictures

SIDE = 96
"""Longest side in pixels."""

QUALITY = 80


def thumbnails(data: Path, wanted: Mapping[str, int]) -> dict[str, str]:
    """Give data URIs by id for the wanted items of `data/<dataset>`, ids with their rows of the pair table.

    Raises:
        CrosshashError: a shard is missing or damaged.
    """
    pictures = ShardPictures(data)
    found = {item: pictures.picture(row, item) for item, row in wanted.items()}
    return {item: thumbnail(picture) for item, picture in found.items() if picture is not None}


def thumbnail(image: bytes) -> str:
    """Shrink an image file to a JPEG data URI of at most 96 x 96 pixels, upright, on white ground."""
    with Image.open(io.BytesIO(image)) as opened:
        upright = ImageOps.exif_transpose(opened).convert("RGBA")
    upright.thumbnail((SIDE, SIDE))
    ground = Image.new("RGBA", upright.size, "white")
    ground.alpha_composite(upright)
    buffer = io.BytesIO()
    ground.convert("RGB").save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
