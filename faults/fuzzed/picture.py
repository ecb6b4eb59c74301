"""Pictures of every kind that is taken; shown again by Pillow, as anybody would see them."""

from __future__ import annotations

import io
import random
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from crosshash.search.decoding import clean_picture
from faults.fuzzed.given import Given, MeaninglessError, damaged

SIDE = 512
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP")
OTHERS = ("ICO", "PPM", "TGA", "PCX", "EPS", "PDF")
MODES = ("RGB", "L", "P", "RGBA", "LA", "CMYK", "1", "I;16")
NEAR = 8.0
"""Mean difference of pixels that JPEG may make, of 255."""


def make(dice: random.Random, folder: Path) -> Given:
    """Save a drawing in some format, mode and orientation; mostly with damaged bytes."""
    kind, mode = dice.choice((*FORMATS, *FORMATS, *OTHERS)), dice.choice(MODES)
    size = dice.choice(((64, 48), (48, 64), (1, 1), (600, 20), (33, 700)))
    data = _saved(kind, mode, size, dice)
    told = [kind, mode, f"{size[0]} x {size[1]}"]
    if not data:
        data, told = _saved("PNG", "RGB", size, dice), ["PNG RGB"]
    if dice.random() < 0.7:
        data = damaged(data, dice)
        told.append(f"damaged to {len(data)} bytes")
    (folder / "picture").write_bytes(data)
    return Given(", ".join(told), lambda: Seen.of(clean_picture(data, SIDE)), lambda: _meant(data))


class Seen:
    """Pixels that are equal to others if nobody sees a difference."""

    def __init__(self, picture: Image.Image) -> None:
        self.pixels = np.asarray(picture.convert("RGB"), np.float64)

    @classmethod
    def of(cls, data: bytes) -> Seen:
        """Decode what was made of a picture."""
        with Image.open(io.BytesIO(data)) as picture:
            return cls(picture)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Seen) or self.pixels.shape != other.pixels.shape:
            return False
        return float(np.abs(self.pixels - other.pixels).mean()) < NEAR

    __hash__ = None  # type: ignore[assignment]


def _saved(kind: str, mode: str, size: tuple[int, int], dice: random.Random) -> bytes:
    """Save a drawing; nothing where the format has no such mode."""
    picture = Image.new("RGB", size, (200, 220, 240))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, size[0] // 2, size[1] // 2), fill=(180, 40, 60))
    draw.ellipse((size[0] // 3, size[1] // 3, size[0], size[1]), fill=(40, 90, 150))
    exif = Image.Exif()
    exif[0x0112] = dice.randrange(1, 9)
    more: dict[str, object] = (
        {"exif": exif} if kind in ("JPEG", "PNG", "WEBP", "TIFF") and dice.random() < 0.4 else {}
    )
    if kind == "JPEG":
        more |= {"progressive": dice.random() < 0.5}
    if kind == "TIFF":
        more |= {"compression": dice.choice((None, "tiff_lzw", "tiff_adobe_deflate", "jpeg"))}
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    else:
        picture = picture.convert(mode, dither=Image.Dither.NONE, palette=Image.Palette.ADAPTIVE)
    if mode in ("RGBA", "LA"):
        picture.putalpha(Image.linear_gradient("L").resize(size))
    file = io.BytesIO()
    try:
        picture.save(file, kind, **more)
    except (OSError, ValueError, KeyError):
        return b""
    return file.getvalue()


def _meant(data: bytes) -> Seen:
    """Show a picture: upright, on white, 16 bits as 8, its first frame, at most so large."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            opened.load()
            picture: Image.Image = ImageOps.exif_transpose(opened)
    except Exception as error:
        raise MeaninglessError(str(error)) from error
    if picture.mode.startswith("I"):
        picture = Image.fromarray((np.asarray(picture) // 257).clip(0, 255).astype(np.uint8))
    if picture.has_transparency_data:
        shown = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(shown, picture.convert("RGBA"))
    picture = picture.convert("RGB")
    longest = max(picture.size)
    if longest > SIDE:
        width, height = (max(round(side * SIDE / longest), 1) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95)  # what is noise for being damaged suffers from that
    return Seen.of(file.getvalue())
