"""Small pictures inside the page: of the shown items only, re-encoded, as data URIs."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection, Mapping
from pathlib import Path

from PIL import Image, ImageOps

from crosshash.shards.tar_files import read_items

SIDE = 96
"""Longest side in pixels."""

QUALITY = 80


def thumbnails(data: Path, wanted: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Give data URIs by id for the wanted ids of each part of `data/<dataset>`."""
    found: dict[str, str] = {}
    for part, ids in sorted(wanted.items()):
        left = set(ids)
        if not left:
            continue
        for item in read_items(data, part):
            if item.id in left and isinstance(item.image, bytes):
                found[item.id] = thumbnail(item.image)
            left.discard(item.id)
            if not left:
                break
    return found


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
