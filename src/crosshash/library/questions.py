"""What somebody asks on the command line, encoded: a text, a picture, or a file of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crosshash.data.text_lines import text_lines
from crosshash.errors import CrosshashError, listed
from crosshash.library.decoding import BadPicture
from crosshash.library.encoder import Encoded, Encoder
from crosshash.library.searcher import MODALITIES, Searcher


@dataclass(frozen=True)
class Questions:
    """Q queries of one task: what the user calls them, their codes, and words that the model never saw."""

    task: str
    names: list[str]
    encoded: Encoded
    unknown_words: list[str]


def ask(
    searcher: Searcher,
    text: str | None = None,
    image: Path | None = None,
    queries: Path | None = None,
    task: str | None = None,
) -> Questions:
    """Encode one of: a text, a picture (or vectors, .npy), a file with a query per line.

    The lines of the file are texts, or with a task that asks by image the paths of pictures, relative to the
    file; blank lines do not count. task: else t2i for texts and i2t for pictures.

    Raises:
        CrosshashError: not one of the three is given, the task asks by the other modality, or a query cannot
            be encoded.
    """
    if sum(given is not None for given in (text, image, queries)) != 1:
        raise CrosshashError("search takes a text, --image or --queries, one of them.")
    if task is not None and task not in MODALITIES:
        raise CrosshashError(f"unknown task '{task}'; there are {', '.join(MODALITIES)}.")
    asks = MODALITIES[task][0] if task else "text" if image is None else "image"
    if (text is not None and asks == "image") or (image is not None and asks == "text"):
        raise CrosshashError(f"task {task} asks by {asks}: give it {'--image' if text else 'a text'}.")
    task = task or ("t2i" if asks == "text" else "i2t")
    if image is not None and image.suffix == ".npy":
        encoded = searcher.encoder.vectors("image", _vectors(image))
        return Questions(task, [f"{image}[{row}]" for row in range(len(encoded.codes))], encoded, [])
    lines = [str(text)] if text is not None else [str(image)] if image else read_lines(queries or Path())
    if asks == "image":
        folder = queries.parent if queries else Path()
        return Questions(task, lines, _pictures(searcher.encoder, [folder / line for line in lines]), [])
    unknown = dict.fromkeys(word for line in lines for word in searcher.unknown_words(line))
    return Questions(task, lines, searcher.encode_texts(lines), list(unknown))


def _pictures(encoder: Encoder, paths: Sequence[Path]) -> Encoded:
    """Encode picture files; those that are none are all listed."""
    encoder.check_kind("image", "pictures")
    jpegs, problems = [], []
    for path in paths:
        try:
            jpegs.append(encoder.clean_file(path))
        except BadPicture as error:
            problems.append(str(error))
    if problems:
        raise CrosshashError(problems[0] if len(paths) == 1 else f"no pictures:\n{listed(problems)}")
    return encoder.encoded("image", jpegs)


def _vectors(path: Path) -> NDArray[np.floating]:
    """Read float[D] or float[N, D] as N rows."""
    try:
        return np.atleast_2d(np.load(path, allow_pickle=False))
    except FileNotFoundError:
        raise CrosshashError(f"{path}: the file is missing.") from None
    except (ValueError, OSError, EOFError) as error:
        raise CrosshashError(f"{path}: cannot be read as .npy ({error}). Write it with numpy.save.") from None


def read_lines(path: Path) -> list[str]:
    """Read the lines of a text file that are not blank.

    Raises:
        CrosshashError: the file is missing, not UTF-8, or has no such line.
    """
    if not path.is_file():
        raise CrosshashError(f"{path}: the file is missing. Write it, one per line.")
    lines = [line for line in text_lines(path) if line]
    if not lines:
        raise CrosshashError(f"{path}: holds nothing. Write it, one per line.")
    return lines
