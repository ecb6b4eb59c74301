"""Pictures for benchmarks, and plain loops over them by Pillow, shared among processes."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from crosshash.seeding import stream
from crosshash.workers.cores import cores
from crosshash.workers.processes import in_processes, workers

SIZE, SHRUNK, QUALITY = (320, 240), 256, 95
CHUNK = 50


def make_picture(path: Path) -> None:
    """Write a smooth coloured picture with the noise of a camera; the same for the same name."""
    random = stream(0, "benchmark", "conversion", path.stem)
    coarse = Image.fromarray(random.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize(SIZE, Image.Resampling.BICUBIC), dtype=np.float32)
    noise = random.normal(0, random.uniform(4, 11), smooth.shape[:2])[..., None].astype(np.float32)
    pixels = (smooth + noise).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path, quality=87)


def decode_picture(path: Path) -> None:
    """Decode, and forget the pixels."""
    with Image.open(path) as picture:
        picture.load()


def shrink_picture(path: Path) -> None:
    """Decode, resize, encode, and forget the result."""
    with Image.open(path) as picture:
        width, height = picture.size
        scale = SHRUNK / max(width, height)
        size = (round(width * scale), round(height * scale))
        picture.resize(size, Image.Resampling.LANCZOS).save(io.BytesIO(), "JPEG", quality=QUALITY)


def each_of(work: Callable[[Path], None], paths: Sequence[Path]) -> None:
    """Do the work on every file."""
    for path in paths:
        work(path)


def on_all_cores(work: Callable[[Path], None], paths: Sequence[Path]) -> None:
    """Share the files among as many processes as there are cores."""
    chunks = [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]
    with workers(cores()) as crew:
        for _ in in_processes(crew, partial(each_of, work), chunks):
            pass
