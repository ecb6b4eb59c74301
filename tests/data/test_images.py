from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crosshash.data.images import BadImageError, prepare_image, prepare_images
from tests.data.folders import picture

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    assert image.format == "JPEG"
    return image


def near(found: object, wanted: tuple[int, int, int], within: int = 12) -> bool:
    return bool((np.abs(np.subtract(np.array(found), wanted)) <= within).all())


def halves(mode: str = "RGB", size: tuple[int, int] = (64, 32)) -> Image.Image:
    """Left half red, right half blue."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image.convert(mode)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_small_upright_jpeg_is_copied_byte_for_byte(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.jpg"
    picture(0).convert(mode).save(path, quality=70)
    assert prepare_image(path, max_side=12) == path.read_bytes()


def test_larger_one_is_shrunk_to_the_longest_side(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    halves(size=(300, 100)).save(path)
    image = opened(prepare_image(path, max_side=48))
    assert image.size == (48, 16)
    assert image.mode == "RGB"
    assert near(image.getpixel((4, 8)), RED)
    assert near(image.getpixel((44, 8)), BLUE)


def test_long_strip_keeps_a_pixel(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (3000, 2), RED).save(path)
    assert opened(prepare_image(path, max_side=64)).size == (64, 1)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("a.png", "RGB"),
        ("a.png", "P"),
        ("a.jpg", "CMYK"),
        ("a.tiff", "CMYK"),
        ("a.bmp", "RGB"),
        ("a.webp", "RGB"),
        ("a.gif", "P"),
    ],
)
def test_other_kinds_become_rgb_jpeg(tmp_path: Path, name: str, mode: str) -> None:
    path = tmp_path / name
    halves(mode).save(path)
    image = opened(prepare_image(path, max_side=64))
    assert (image.mode, image.size) == ("RGB", (64, 32))
    assert near(image.getpixel((8, 16)), RED)
    assert near(image.getpixel((56, 16)), BLUE)


def test_sixteen_bits_are_scaled(tmp_path: Path) -> None:
    """65535 -> 255, 32896 = 128 * 257 -> 128, 0 -> 0; cutting at 255 would make two white."""
    path = tmp_path / "a.png"
    values = np.repeat(np.array([65535, 32896, 0], dtype=np.uint16), 16)
    Image.fromarray(np.tile(values, (16, 1))).save(path)
    image = opened(prepare_image(path, max_side=64))
    for x, level in ((8, 255), (24, 128), (40, 0)):
        assert near(image.getpixel((x, 8)), (level, level, level))


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    Image.new("RGB", (32, 32), RED).save(
        path, save_all=True, append_images=[Image.new("RGB", (32, 32), BLUE)]
    )
    assert near(opened(prepare_image(path, max_side=64)).getpixel((16, 16)), RED)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_become_white(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.png"
    image = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 16, 32))
    image.convert(mode).save(path)
    result = opened(prepare_image(path, max_side=64))
    assert near(result.getpixel((24, 16)), WHITE)
    assert near(result.getpixel((8, 16)), (0, 0, 0))


@pytest.mark.parametrize("max_side", [64, 32])
def test_exif_rotation_is_applied(tmp_path: Path, max_side: int) -> None:
    """Orientation 6: upright after a turn by 90 degrees clockwise: the left half goes up."""
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[274] = 6
    halves().save(path, exif=exif)
    image = opened(prepare_image(path, max_side=max_side))
    assert image.size == (max_side // 2, max_side)
    assert near(image.getpixel((max_side // 4, max_side // 8)), RED)
    assert near(image.getpixel((max_side // 4, max_side - max_side // 8)), BLUE)
    assert image.getexif().get(274, 1) == 1


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


@pytest.mark.parametrize(
    ("name", "damage", "reason"),
    [
        ("a.jpg", lambda data: b"", "zero bytes"),
        ("a.jpg", lambda data: b"this is no picture", "not a picture"),
        ("a.jpg", cut, "truncated"),
        ("a.jpg", lambda data: data[:-2], "truncated"),
        ("a.png", cut, "cannot be decoded"),
    ],
)
def test_bad_pictures_say_why(
    tmp_path: Path, name: str, damage: Callable[[bytes], bytes], reason: str
) -> None:
    path = tmp_path / name
    picture(0, (400, 300)).save(path)
    path.write_bytes(damage(path.read_bytes()))
    for max_side in (512, 100):
        with pytest.raises(BadImageError, match=reason):
            prepare_image(path, max_side)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(BadImageError, match="missing"):
        prepare_image(tmp_path / "none.jpg", 64)
    with pytest.raises(BadImageError, match="cannot be read"):
        prepare_image(tmp_path, 64)


def test_decompression_bomb_is_refused_unopened(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("1", (14_000, 14_000)).save(path)
    assert path.stat().st_size < 100_000
    with pytest.raises(BadImageError, match="more than 178,956,970 pixels"):
        prepare_image(path, 64)


def test_results_come_in_order_with_errors_in_their_places(tmp_path: Path) -> None:
    paths = []
    for number in range(600):
        paths.append(tmp_path / f"{number}.jpg")
        if number % 7:
            paths[-1].write_bytes(jpeg(number % 5))
    results = list(prepare_images(paths, max_side=64))
    assert len(results) == 600
    for number, result in enumerate(results):
        if number % 7:
            assert result == paths[number].read_bytes()
        else:
            assert isinstance(result, BadImageError)


def jpeg(seed: int) -> bytes:
    buffer = io.BytesIO()
    picture(seed).save(buffer, "JPEG")
    return buffer.getvalue()
