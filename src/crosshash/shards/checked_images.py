"""Pictures on their way into the shards: each is checked, shrunk or rewritten if need be, else copied."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

QUALITY = 95
REDUCING_GAP = 2.0  # much larger pictures are first averaged down to twice the size wanted, which is faster
UPRIGHT = 1
END_MARK = b"\xff\xd9"
PADDING = b"\x00"

Check = Literal["full", "quick"]

# Pillow refuses pictures above twice its limit of pixels; between once and twice it would only warn.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


# Not EPS and the like, for which Pillow starts other programs on a file that may be anybody's.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP")
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
"""What stands in bytes 8 to 12 of the pictures that phones take (ISO/IEC 23008-12), after `ftyp`."""


class BadImageError(Exception):
    """A picture that cannot be used; its text says why."""


class ChangedImageError(BadImageError):
    """A picture that is not the recorded one."""


def prepare_image(path: Path, max_side: int, check: Check = "full", sha256: str | None = None) -> bytes:
    """Give the picture as JPEG, its longest side at most `max_side` pixels.

    An upright RGB or grey JPEG that is small enough is copied byte for byte: after it was read to its end
    (`full`), or had a header and an end mark (`quick`). Everything else becomes RGB: turned upright by its
    EXIF tag, the first frame of an animation, transparent parts white, 16 bits scaled to 8.
    sha256: of the file as it was recorded.

    Raises:
        BadImageError: the file is missing, empty, cut, not a picture, or has too many pixels.
        ChangedImageError: the file is another one than was recorded.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise BadImageError("the file is missing") from None
    except OSError as error:
        raise BadImageError(f"the file cannot be read ({error.strerror})") from None
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise ChangedImageError("changed")
    if not data:
        raise BadImageError("the file is empty (zero bytes)")
    return prepare_bytes(data, max_side, check)


def prepare_bytes(data: bytes, max_side: int, check: Check = "full", max_pixels: int | None = None) -> bytes:
    """Do the same for the content of a picture file; `max_pixels`: a limit below Pillow's own.

    Raises:
        BadImageError: as above; the pixels are counted before any is decoded.
    """
    with _refusals_named():
        return _as_jpeg(data, max_side, check, max_pixels)


def prepare_picture(picture: Image.Image, max_side: int, max_pixels: int) -> bytes:
    """Do the same for a picture that is opened already, as if it had been saved without loss.

    Raises:
        BadImageError: as above.
    """
    with _refusals_named():
        _count_pixels(picture, max_pixels)
        return _encoded(_to_rgb(ImageOps.exif_transpose(picture)), max_side)


@contextmanager
def _refusals_named() -> Iterator[None]:
    """Turn whatever Pillow raises into an error that says what is wrong with the picture."""
    try:
        yield
    except UnidentifiedImageError:
        raise BadImageError("not a picture in a known format") from None
    except BadImageError:
        raise
    except Image.DecompressionBombError:
        raise BadImageError(f"more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels") from None
    except Exception as error:  # damaged files make Pillow's decoders raise nearly anything
        raise BadImageError(f"cannot be decoded ({error})") from None


def encode_pixels(pixels: np.ndarray, max_side: int) -> bytes:
    """Give uint8[H, W, 3] as JPEG, its longest side at most `max_side` pixels."""
    return _encoded(Image.fromarray(pixels), max_side)


def _as_jpeg(data: bytes, max_side: int, check: Check, max_pixels: int | None) -> bytes:
    with Image.open(io.BytesIO(data), formats=tuple(_formats(data))) as picture:
        if max_pixels is not None:
            _count_pixels(picture, max_pixels)
        upright = picture.getexif().get(ExifTags.Base.Orientation, UPRIGHT) == UPRIGHT
        small = max(picture.size) <= max_side
        if picture.format == "JPEG" and picture.mode in ("RGB", "L") and upright and small:
            # A file without the mark at its end may still be one that decoders take: they decide.
            if check == "full" or not data.rstrip(PADDING).endswith(END_MARK):
                _read_to_the_end(picture)
            return data
        if picture.format == "JPEG":  # its decoder can skip most of the work for a smaller picture
            picture.draft(None, (2 * max_side, 2 * max_side))
        picture.load()
        return _encoded(_to_rgb(picture if upright else ImageOps.exif_transpose(picture)), max_side)


def _formats(data: bytes) -> tuple[str, ...]:
    """Name the formats that a file may have; HEIC is read where its library is installed."""
    if data[4:8] != b"ftyp" or data[8:12] not in HEIC_BRANDS:
        return FORMATS
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        raise BadImageError("a HEIC picture; pip install 'crosshash[heic]' for those") from None
    register_heif_opener()
    return ("HEIF",)


def _count_pixels(picture: Image.Image, limit: int) -> None:
    if picture.width * picture.height > limit:
        raise BadImageError(f"more than {limit:,} pixels")


def _read_to_the_end(picture: Image.Image) -> None:
    """Decode a JPEG as far as its damages need: all of its data, but one grey pixel per block of 8 x 8.

    That takes half of the time and refuses the same files. Neither sees all damage: within the compressed
    data libjpeg goes on after what makes no sense, with a warning that Pillow does not pass on; a cut file
    and a damaged header it does refuse.
    """
    width, height = picture.size
    picture.draft("L", (max(width // 8, 1), max(height // 8, 1)))
    picture.load()


def _encoded(rgb: Image.Image, max_side: int) -> bytes:
    longest = max(rgb.size)
    if longest > max_side:
        width, height = (max(round(side * max_side / longest), 1) for side in rgb.size)
        rgb = rgb.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=REDUCING_GAP)
    buffer = io.BytesIO()
    rgb.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def _to_rgb(picture: Image.Image) -> Image.Image:
    """Convert any mode to RGB, transparent parts to white."""
    if picture.mode.startswith("I"):
        return Image.fromarray((np.asarray(picture).clip(0, 65535) // 257).astype(np.uint8)).convert("RGB")
    if picture.mode == "F":
        raise BadImageError("floating-point pixels; save it with 8 or 16 bits")
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        ground = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(ground, layer).convert("RGB")
    return picture if picture.mode == "RGB" else picture.convert("RGB")
