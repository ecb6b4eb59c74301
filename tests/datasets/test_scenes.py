from __future__ import annotations

import csv
import io
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crosshash.datasets import scenes
from crosshash.datasets.scenes import COLOURS, GROUNDS, SHAPES, draw_scene, make_scene
from crosshash.pairs.labels import label_matrix, sharing_chance

MANY = [make_scene(0, number) for number in range(2000)]


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_shares_of_shapes_colours_and_pairs() -> None:
    assert len(SHAPES) == len(COLOURS) == 8
    assert np.mean([len(scene.figures) == 2 for scene in MANY]) == pytest.approx(0.3, abs=0.03)
    labels = [[figure.shape for figure in scene.figures] for scene in MANY]
    assert label_matrix(labels, SHAPES).mean(axis=0) == pytest.approx(np.full(8, 1.3 / 8), abs=0.03)
    # .7*.7/8 + 2*.7*.3*2/8 + .3*.3*(1 - 15/28) = .06125 + .105 + .0418
    assert sharing_chance(labels, SHAPES) == pytest.approx(0.208, abs=0.006)
    assert {scene.side for scene in MANY} == set(range(48, 65))
    assert {scene.ground for scene in MANY} == set(GROUNDS)
    assert {figure.colour for scene in MANY for figure in scene.figures} == set(COLOURS)


def test_every_caption_names_every_figure_and_nothing_else() -> None:
    for scene in MANY:
        assert len(set(scene.captions)) == 2
        wanted = sorted(f"{figure.colour} {figure.shape}" for figure in scene.figures)
        for caption in scene.captions:
            named = [f"{colour} {shape}" for colour, shape in product(COLOURS, SHAPES)]
            assert sorted(name for name in named if name in caption) == wanted


def test_captions_say_where() -> None:
    for scene in MANY:
        if len(scene.figures) == 1:
            continue
        first, second = scene.figures
        for caption in scene.captions:
            swapped = caption.index(first.shape) > caption.index(second.shape)
            a, b = (second, first) if swapped else (first, second)
            if " above " in caption:
                assert a.y < b.y
            if " below " in caption:
                assert a.y > b.y
            if " left of " in caption:
                assert a.x < b.x
            if " right of " in caption:
                assert a.x > b.x


def test_articles() -> None:
    captions = " ".join(caption for scene in MANY for caption in scene.captions)
    assert "an orange" in captions
    assert "a orange" not in captions
    assert "an small" not in captions
    assert "a small orange" in captions


def test_shapes_are_large_and_inside() -> None:
    for scene in MANY:
        low, high = (0.35, 0.62) if len(scene.figures) == 1 else (0.28, 0.46)
        for figure in scene.figures:
            assert low <= 2 * figure.radius <= high
            assert figure.radius <= min(figure.x, figure.y, 1 - figure.x, 1 - figure.y)
        if len(scene.figures) == 2:
            a, b = scene.figures
            assert a.shape != b.shape
            assert a.colour != b.colour
            assert np.hypot(a.x - b.x, a.y - b.y) > 0.9 * (a.radius + b.radius)


def test_every_colour_stands_out_from_every_ground() -> None:
    for colour, ground in product(COLOURS.values(), GROUNDS.values()):
        assert np.linalg.norm(np.subtract(colour, ground)) >= 100


@pytest.mark.parametrize("shape", SHAPES)
def test_drawing_shows_the_figure_in_its_colour_at_its_place(shape: str) -> None:
    scene = next(scene for scene in MANY if len(scene.figures) == 1 and scene.figures[0].shape == shape)
    (figure,) = scene.figures
    image = pixels(draw_scene(scene))
    assert image.shape == (scene.side, scene.side, 3)
    to_figure = np.linalg.norm(image - np.array(COLOURS[figure.colour]), axis=2)
    to_ground = np.linalg.norm(image - np.array(GROUNDS[scene.ground]), axis=2)
    painted = to_figure < to_ground
    share = painted.sum() / (np.pi * (figure.radius * scene.side) ** 2)
    assert 0.25 < share < 1.1
    rows, columns = np.nonzero(painted)
    reach = 1.25 * figure.radius * scene.side + 1
    assert np.abs(columns + 0.5 - figure.x * scene.side).max() <= reach
    assert np.abs(rows + 0.5 - figure.y * scene.side).max() <= reach


def test_a_ring_has_a_hole_and_a_circle_none() -> None:
    for shape, filled in (("ring", False), ("circle", True)):
        scene = next(scene for scene in MANY if [figure.shape for figure in scene.figures] == [shape])
        (figure,) = scene.figures
        middle = pixels(draw_scene(scene))[int(figure.y * scene.side), int(figure.x * scene.side)]
        wanted = COLOURS[figure.colour] if filled else GROUNDS[scene.ground]
        assert np.linalg.norm(middle - np.array(wanted)) < 40


def test_folder_reads_as_what_was_drawn(tmp_path: Path) -> None:
    files = scenes.fetch(tmp_path, count=12, seed=3)
    source = scenes.read(tmp_path, count=12, seed=3)
    assert source.classes == SHAPES
    assert len(files) == 13
    for number, (item, path) in enumerate(zip(source.items, source.images, strict=True)):
        scene = make_scene(3, number)
        assert item.id == f"images/{number:05d}.jpg"
        assert item.captions == scene.captions
        assert item.labels == tuple(figure.shape for figure in scene.figures)
        assert path.read_bytes() == draw_scene(scene)


def test_equal_from_another_folder_and_for_another_count(tmp_path: Path) -> None:
    small = scenes.fetch(tmp_path / "one", count=10, seed=0)
    large = scenes.fetch(tmp_path / "two", count=15, seed=0)
    assert scenes.fetch(tmp_path / "three", count=10, seed=0) == small
    pictures = [file for file in small if file.name.endswith(".jpg")]
    assert set(pictures) <= set(large)
    other = {file.sha256 for file in scenes.fetch(tmp_path / "one", count=10, seed=1)}
    assert not other & {file.sha256 for file in small}


def test_only_what_vanished_or_changed_is_drawn_again(tmp_path: Path) -> None:
    files = scenes.fetch(tmp_path, count=10, seed=0)
    folder = scenes.folder(tmp_path, count=10, seed=0)
    before = files_of(folder)
    kept = folder / "images/00002.jpg"
    stamp = kept.stat().st_mtime_ns
    (folder / "images/00003.jpg").unlink()
    (folder / "images/00004.jpg").write_bytes(before["images/00004.jpg"][:-1] + b"?")
    (folder / "pairs.csv").unlink()
    assert scenes.fetch(tmp_path, count=10, seed=0) == files
    assert files_of(folder) == before
    assert kept.stat().st_mtime_ns == stamp


def test_an_interrupted_drawing_is_done_again(tmp_path: Path) -> None:
    """The record is written last: without it no picture in the folder is trusted."""
    files = scenes.fetch(tmp_path, count=10, seed=0)
    folder = scenes.folder(tmp_path, count=10, seed=0)
    (folder / "files.json").unlink()
    (folder / "images/00001.jpg").write_bytes(b"half")
    assert scenes.fetch(tmp_path, count=10, seed=0) == files


def test_table_is_plain_csv(tmp_path: Path) -> None:
    scenes.fetch(tmp_path, count=10, seed=0)
    with (scenes.folder(tmp_path, count=10, seed=0) / "pairs.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["image", "caption", "labels"]
    assert len(rows) == 20
