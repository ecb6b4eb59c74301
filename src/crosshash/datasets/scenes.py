"""`scenes`: generated pictures of coloured shapes with captions, the data set that needs no download."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageDraw

from crosshash.artifacts import atomic_path, write_text
from crosshash.datasets.readers.image_folder import read_image_folder
from crosshash.datasets.readers.outlines import OUTLINES
from crosshash.datasets.readers.pairs_csv import COLUMNS, NAME
from crosshash.pairs.raw_record import describe_file, describe_files, read_raw, write_raw
from crosshash.pairs.source import RawFile, RawItems, SplitSizes
from crosshash.seeding import stream
from crosshash.workers.progress import tracked

DOCS = "docs/data.md"
SIZES = SplitSizes(query=0.1, train=0.7)  # 500 and 3,500 of the 5,000

RECORD = "files.json"
TWO_SHAPES = 0.3  # share of the pictures with two shapes
SIDES = (48, 64)  # pixels
DETAIL = 4  # pictures are drawn this many times larger, then reduced: smooth edges
QUALITY = 90

Rgb = tuple[int, int, int]

COLOURS: dict[str, Rgb] = {
    "red": (214, 39, 40),
    "orange": (250, 130, 20),
    "yellow": (240, 205, 20),
    "green": (40, 160, 60),
    "turquoise": (30, 180, 180),
    "blue": (40, 80, 200),
    "purple": (130, 60, 170),
    "pink": (235, 90, 160),
}
# Pale, all of them: with dark grounds among them a small network needs more than a few epochs for two shapes.
GROUNDS: dict[str, Rgb] = {
    "white": (245, 245, 245),
    "grey": (215, 215, 215),
    "beige": (240, 228, 200),
    "mint": (210, 240, 220),
    "lavender": (224, 216, 244),
}


SHAPES = tuple(OUTLINES)


@dataclass(frozen=True)
class Figure:
    """A shape of a scene; centre and radius as shares of the picture's side, angle in radians."""

    shape: str
    colour: str
    x: float
    y: float
    radius: float
    angle: float

    def __str__(self) -> str:
        return f"{'an' if self.colour[0] in 'aeiou' else 'a'} {self.colour} {self.shape}"


@dataclass(frozen=True)
class Scene:
    """One picture: side in pixels, ground colour, one or two figures, captions."""

    side: int
    ground: str
    figures: tuple[Figure, ...]
    captions: tuple[str, ...]


def make_scene(seed: int, number: int) -> Scene:
    """Draw lots for one scene; each depends on the seed and its number alone."""
    random = stream(seed, "scenes", number)
    side = int(random.integers(SIDES[0], SIDES[1] + 1))
    count = 2 if random.random() < TWO_SHAPES else 1
    shapes = random.choice(SHAPES, count, replace=False)
    colours = random.choice(list(COLOURS), count, replace=False)
    places = _one_place(random) if count == 1 else _two_places(random)
    figures = tuple(
        Figure(str(shape), str(colour), *place, angle=float(random.uniform(-0.3, 0.3)))
        for shape, colour, place in zip(shapes, colours, places, strict=True)
    )
    ground = str(random.choice(list(GROUNDS)))
    told = random.choice(_sentences(figures, ground), 2, replace=False)
    return Scene(side, ground, figures, tuple(map(str, told)))


def _one_place(random: np.random.Generator) -> list[tuple[float, float, float]]:
    """Place one figure anywhere inside; x, y, radius."""
    radius = float(random.uniform(0.20, 0.30))
    x, y = random.uniform(1.1 * radius, 1 - 1.1 * radius, 2)
    return [(float(x), float(y), radius)]


def _two_places(random: np.random.Generator) -> list[tuple[float, float, float]]:
    """Place two figures side by side or one above the other, so that they hardly touch."""
    upright = random.random() < 0.5
    places = []
    for middle in random.permutation([0.26, 0.74]):
        radius = random.uniform(0.16, 0.225)
        along = middle + random.uniform(-0.02, 0.02)
        across = random.uniform(1.05 * radius, 1 - 1.05 * radius)
        x, y = (across, along) if upright else (along, across)
        places.append((float(x), float(y), float(radius)))
    return places


def _sentences(figures: tuple[Figure, ...], ground: str) -> list[str]:
    """Say in several ways what is to be seen; every sentence names colour and shape of every figure."""
    first = figures[0]
    if len(figures) == 1:
        size = "small " if first.radius < 0.23 else "large " if first.radius > 0.27 else ""
        sized = f"a {size}{first.colour} {first.shape}" if size else str(first)
        return [
            f"{first} on a {ground} ground",
            f"{sized}, {_whereabouts(first)}",
            f"there is {first} {_whereabouts(first)} of the picture",
            f"{ground} background with {sized}",
        ]
    second = figures[1]
    relation, inverse = _relation(first, second)
    return [
        f"{first} {relation} {second} on a {ground} ground",
        f"{first} and {second}",
        f"{second} {inverse} {first}",
        f"two shapes on {ground}: {second} and {first}",
    ]


def _whereabouts(figure: Figure) -> str:
    rows = "at the top" if figure.y < 0.4 else "at the bottom" if figure.y > 0.6 else "in the middle"
    columns = " left" if figure.x < 0.4 else " right" if figure.x > 0.6 else ""
    return rows + columns


def _relation(first: Figure, second: Figure) -> tuple[str, str]:
    """Say where the first stands as seen from the second, and the other way round."""
    if abs(first.y - second.y) > abs(first.x - second.x):
        return ("above", "below") if first.y < second.y else ("below", "above")
    return ("left of", "right of") if first.x < second.x else ("right of", "left of")


def draw_scene(scene: Scene) -> bytes:
    """Draw a scene as JPEG."""
    side = scene.side * DETAIL
    picture = Image.new("RGB", (side, side), GROUNDS[scene.ground])
    canvas = ImageDraw.Draw(picture)
    for figure in scene.figures:
        cos, sin = np.cos(figure.angle), np.sin(figure.angle)
        turned = OUTLINES[figure.shape] @ np.array([[cos, sin], [-sin, cos]])
        corners = np.rint((turned * figure.radius + (figure.x, figure.y)) * side)
        canvas.polygon(corners.ravel().tolist(), fill=COLOURS[figure.colour])
    buffer = io.BytesIO()
    picture.reduce(DETAIL).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def folder(raw: Path, count: int, seed: int) -> Path:
    """Give the folder of these scenes; code or Pillow of another version draw into another one."""
    code = hashlib.sha256(Path(__file__).read_bytes() + PIL.__version__.encode()).hexdigest()
    return raw / "scenes" / f"{count}-{seed}-{code[:12]}"


def fetch(raw: Path, count: int, seed: int) -> list[RawFile]:
    """Draw what is not there yet, or not as it was drawn: `images/*.jpg`, then pairs.csv."""
    place = folder(raw, count, seed)
    record = place / RECORD
    known = {file.name: file for file in read_raw(record)} if record.is_file() else {}
    names = [f"images/{number:05d}.jpg" for number in range(count)]
    lost = {name for name in (*names, NAME) if not _is_intact(place, known.get(name))}
    if not lost:
        return list(known.values())
    scenes = [make_scene(seed, number) for number in range(count)]
    to_draw = [(name, scene) for name, scene in zip(names, scenes, strict=True) if name in lost]
    for name, scene in tracked(to_draw, len(to_draw), "drawing", "scenes"):
        with atomic_path(place / name) as temporary:
            temporary.write_bytes(draw_scene(scene))
    write_text(place / NAME, _table(names, scenes))
    files = describe_files(place, (*names, NAME))
    write_raw(record, "scenes", files)
    return files


def _table(names: list[str], scenes: list[Scene]) -> str:
    """Lay out pairs.csv: a row per caption."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for name, scene in zip(names, scenes, strict=True):
        labels = ";".join(figure.shape for figure in scene.figures)
        table.writerows((name, caption, labels) for caption in scene.captions)
    return text.getvalue()


def _is_intact(place: Path, known: RawFile | None) -> bool:
    return known is not None and (place / known.name).is_file() and describe_file(place, known.name) == known


def read(raw: Path, count: int, seed: int) -> RawItems:
    """Read the drawn folder; classes are the shapes."""
    return read_image_folder(folder(raw, count, seed), SHAPES)
