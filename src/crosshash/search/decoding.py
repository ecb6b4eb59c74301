"""Pictures from anywhere: read and decoded safely, with limits, into what the networks see."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from crosshash.config.plans.base import read_plan
from crosshash.config.plans.convert import ConvertPlan
from crosshash.errors import CrosshashError
from crosshash.shards.checked_images import FORMATS, BadImageError, prepare_bytes, prepare_picture

Picture = str | Path | bytes | Image.Image
"""A picture as users give it: the path of a file, its content, or an image that Pillow has opened."""

MAX_PIXELS = 50_000_000
"""Pixels of a picture that is opened, at most: decoded they take 150 MB."""
MAX_SIDE = 512
"""To which pictures are shrunk where no plan says otherwise."""


class BadPicture(CrosshashError):  # noqa: N818 - it is told to users, whom "error" tells nothing more
    """What was given as a picture is none, or one that is not opened; its text says why."""


def longest_side(plans: Path) -> int:
    """Give the side to which the pictures of a run were shrunk, as its plans tell.

    Raises:
        CrosshashError: the plan is damaged, or of another version.
    """
    if not (plans / "convert.yaml").is_file():
        return MAX_SIDE
    return read_plan("convert", ConvertPlan, plans).max_side


def clean_picture(picture: Picture, max_side: int) -> bytes:
    """Decode a picture; give it as JPEG, its longest side at most `max_side` pixels.

    Raises:
        BadPicture: it is not there, none, cut, or has too many pixels; a path is named.
        CrosshashError: something else is given.
    """
    if isinstance(picture, bytes):
        return _clean_bytes(picture, max_side)
    if isinstance(picture, Image.Image):
        try:
            return prepare_picture(picture, max_side, MAX_PIXELS)
        except BadImageError as error:
            raise BadPicture(f"{error}.") from None
    if isinstance(picture, str | Path):
        try:
            return _clean_bytes(read_picture(Path(picture)), max_side)
        except BadPicture as error:
            raise BadPicture(f"{picture}: {error}") from None
    raise CrosshashError(
        f"a picture is a path, the bytes of a file or an image of Pillow, not {type(picture).__name__}."
    )


def read_picture(path: Path) -> bytes:
    """Read a file that should be a picture.

    Raises:
        BadPicture: it is not there or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BadPicture("the file is missing; give the path of a picture.") from None
    except OSError as error:
        raise BadPicture(f"the file cannot be read ({error.strerror}).") from None


def _clean_bytes(data: bytes, max_side: int) -> bytes:
    if not data:
        raise BadPicture("the file is empty (zero bytes)")
    try:
        return prepare_bytes(data, max_side, max_pixels=MAX_PIXELS)
    except BadImageError as error:
        raise BadPicture(f"{error}; pictures are {', '.join(FORMATS)} files.") from None
