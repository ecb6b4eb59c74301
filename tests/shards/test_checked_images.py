from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from crosshash.shards.checked_images import BadImageError, Check, encode_pixels, prepare_bytes, prepare_image
from tests.datasets.folders import picture

CHECKS: tuple[Check, ...] = ("full", "quick")
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


def noisy(size: tuple[int, int] = (96, 64), mode: str = "RGB", **settings: object) -> bytes:
    """A JPEG with something in every block."""
    pixels = np.asarray(picture(0, size), dtype=np.int16)
    noise = np.random.default_rng(0).integers(-20, 21, pixels.shape)
    buffer = io.BytesIO()
    image = Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))
    image.convert(mode).save(buffer, "JPEG", **settings)
    return buffer.getvalue()


KINDS = [
    {},
    {"progressive": True},
    {"mode": "L"},
    {"restart_marker_blocks": 7},
    {"subsampling": 0, "quality": 95},
    {"size": (5, 3)},
]


def refused(path: Path, data: bytes, check: Check) -> bool:
    path.write_bytes(data)
    try:
        copied = prepare_image(path, 512, check)
    except BadImageError:
        return True
    assert copied == data
    return False


def fully_decodes(data: bytes) -> bool:
    try:
        Image.open(io.BytesIO(data), formats=("JPEG",)).load()
    except Exception:
        return False
    return True


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_cut_jpeg_is_refused_wherever_it_was_cut(tmp_path: Path, kind: dict[str, object]) -> None:
    whole = noisy(**kind)  # type: ignore[arg-type]
    path = tmp_path / "a.jpg"
    for check in CHECKS:
        assert not refused(path, whole, check)
        assert all(refused(path, whole[:end], check) for end in range(0, len(whole), len(whole) // 60))
        assert refused(path, whole[:-1], check)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_full_check_refuses_what_a_full_decoding_refuses(tmp_path: Path, kind: dict[str, object]) -> None:
    """Zeros, a run of marker bytes, a flipped bit or a gap anywhere; most of it libjpeg only warns of."""
    whole = noisy(**kind)  # type: ignore[arg-type]
    random = np.random.default_rng(1)
    verdicts = []
    for _ in range(60):
        start, length = int(random.integers(2, len(whole))), int(random.integers(1, 300))
        gone = whole[start : start + length]
        flipped = bytes([gone[0] ^ 1 << int(random.integers(8))]) + gone[1:]
        for filling in (bytes(len(gone)), b"\xff" * len(gone), flipped, b""):
            damaged = whole[:start] + filling + whole[start + length :]
            verdicts.append(refused(tmp_path / "a.jpg", damaged, "full"))
            assert verdicts[-1] != fully_decodes(damaged)
    assert len(set(verdicts)) == 2


def test_the_quick_check_looks_at_start_and_end_alone(tmp_path: Path) -> None:
    """A Huffman table that makes no sense is refused when the data that follows is decoded."""
    whole = noisy()
    path = tmp_path / "a.jpg"
    at = whole.index(b"\xff\xc4") + 5
    senseless = whole[:at] + b"\xff" * 16 + whole[at + 16 :]
    assert refused(path, senseless, "full")
    assert not refused(path, senseless, "quick")
    assert refused(path, b"\x00" + whole, "quick")
    assert refused(path, whole[:-2], "quick")


def test_bytes_after_the_end_mark_are_no_damage(tmp_path: Path) -> None:
    for after in (b"\x00" * 1000, b"\n", b"a camera's own data"):
        for check in CHECKS:
            assert not refused(tmp_path / "a.jpg", noisy() + after, check)


@pytest.mark.parametrize("check", ["full", "quick"])
def test_what_is_not_copied_is_always_decoded(tmp_path: Path, check: Check) -> None:
    whole = noisy()
    path = tmp_path / "a.jpg"
    at = whole.index(b"\xff\xc4") + 5
    path.write_bytes(whole[:at] + b"\xff" * 16 + whole[at + 16 :])
    with pytest.raises(BadImageError, match="cannot be decoded"):
        prepare_image(path, 48, check)


def test_pixels_become_a_jpeg_shrunk_if_need_be() -> None:
    pixels = np.asarray(halves())
    image = opened(encode_pixels(pixels, 64))
    assert (image.mode, image.size) == ("RGB", (64, 32))
    assert near(image.getpixel((8, 16)), RED)
    assert near(image.getpixel((56, 16)), BLUE)
    assert opened(encode_pixels(pixels, 16)).size == (16, 8)


def test_content_of_a_file_is_prepared_as_the_file_is(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    halves(size=(300, 100)).save(path)
    assert prepare_bytes(path.read_bytes(), 48) == prepare_image(path, 48)


def test_pixels_are_counted_against_a_limit_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    halves(size=(64, 32)).save(path)
    assert prepare_bytes(path.read_bytes(), 64, max_pixels=64 * 32) == path.read_bytes()
    with pytest.raises(BadImageError, match="more than 2,047 pixels"):
        prepare_bytes(path.read_bytes(), 64, max_pixels=64 * 32 - 1)


@pytest.fixture
def heic(tmp_path: Path) -> Path:
    """A picture as phones take it, under a name that hides it, as some programs hand it on."""
    pillow_heif.register_heif_opener()
    halves().save(tmp_path / "a.heic", quality=95)
    return (tmp_path / "a.heic").rename(tmp_path / "a.jpg")


def test_pictures_of_phones_are_read(heic: Path) -> None:
    image = opened(prepare_image(heic, max_side=32))
    assert (image.mode, image.size) == ("RGB", (32, 16))
    assert near(image.getpixel((4, 8)), RED)
    assert near(image.getpixel((28, 8)), BLUE)


def test_a_cut_picture_of_a_phone_is_refused(heic: Path) -> None:
    with pytest.raises(BadImageError, match=r"cannot be decoded|not a picture"):
        prepare_bytes(heic.read_bytes()[:-200], 64)


def test_pictures_of_phones_are_named_where_their_library_is_missing(
    heic: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(BadImageError, match=r"a HEIC picture; pip install 'crosshash\[heic\]' for those"):
        prepare_image(heic, 64)
