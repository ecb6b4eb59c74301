"""Pictures as the image networks read them: squares of bytes."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from PIL import Image

Resize = Literal["squash", "crop"]
Interpolation = Literal["bicubic", "bilinear"]


def image_reader(
    size: int, resize: Resize, interpolation: Interpolation = "bicubic", share: float = 1.0
) -> Callable[[bytes], np.ndarray]:
    """Make the function that turns the bytes of a picture into uint8[3, size, size].

    resize: how it becomes square, `squash` (everything stays in view) or `crop` (CLIP's way: the middle).
    share: of that square's side what is seen; 224 / 256 for networks that want the middle 224 pixels of 256.
    """
    method = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}[interpolation]
    whole = math.ceil(size / share)

    def prepare(raw: bytes) -> np.ndarray:
        with Image.open(io.BytesIO(raw)) as picture:
            picture.draft("RGB", (whole, whole))  # JPEG: skips detail that the resize would drop
            rgb = picture.convert("RGB")
        if resize == "crop":
            side = min(rgb.size)
            left, top = (rgb.width - side) // 2, (rgb.height - side) // 2
            rgb = rgb.crop((left, top, left + side, top + side))
        if rgb.size != (size, size) or share < 1:
            edge, seen = (1 - share) / 2, (1 + share) / 2
            box = (edge * rgb.width, edge * rgb.height, seen * rgb.width, seen * rgb.height)
            rgb = rgb.resize((size, size), method, box)
        return np.ascontiguousarray(np.asarray(rgb).transpose(2, 0, 1))

    return prepare
