"""What somebody asks on the command line: a text, a picture, or a file of several; checked, then encoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crosshash.errors import CrosshashError, listed
from crosshash.formats.image_names import names_on_disk
from crosshash.formats.text_lines import text_lines
from crosshash.retrieval.codefiles.codeset import TASKS
from crosshash.search.decoding import BadPicture
from crosshash.search.encoder import Encoded, Encoder
from crosshash.search.index_folder import ITEMS, index_folder, read_known_items
from crosshash.search.searcher import EMPTY, Searcher


@dataclass(frozen=True)
class Question:
    """Q queries before any model is loaded: their task and what the user calls them.

    pictures: their files, None where the names are captions; vectors: a file .npy in place of both.
    """

    task: str
    names: list[str]
    pictures: list[Path] | None = None
    vectors: Path | None = None


@dataclass(frozen=True)
class Encodings:
    """Q queries: what the user calls them, their codes, and words that the model never saw."""

    names: list[str]
    encoded: Encoded
    unknown_words: list[str]


def read_question(
    text: str | None = None, image: Path | None = None, queries: Path | None = None, task: str | None = None
) -> Question:
    """Read one of: a text, a picture (or vectors, .npy), a file with a query per line.

    The lines of the file are texts, or with a task that asks by image the paths of pictures, relative to the
    file; blank lines do not count. task: else t2i for texts and i2t for pictures.

    Raises:
        CrosshashError: not one of the three is given, the text is empty, a file is not there, or the task
            asks by the other modality.
    """
    if sum(given is not None for given in (text, image, queries)) != 1:
        raise CrosshashError("search takes a text, --image or --queries, one of them.")
    if task is not None and task not in TASKS:
        raise CrosshashError(f"unknown task '{task}'; there are {', '.join(TASKS)}.")
    asks = TASKS[task][0] if task else "text" if image is None else "image"
    if (text is not None and asks == "image") or (image is not None and asks == "text"):
        raise CrosshashError(f"task {task} asks by {asks}: give it {'a text' if image else '--image'}.")
    task = task or ("t2i" if asks == "text" else "i2t")
    if text is not None:
        if not text.strip():
            raise CrosshashError(EMPTY)
        return Question(task, [text])
    if image is not None:
        if not image.is_file():
            raise CrosshashError(f"{image}: the file is missing; give the path of a picture.")
        vectors = image if image.suffix == ".npy" else None
        return Question(task, [str(image)], [image], vectors)
    lines = read_lines(queries or Path())
    if asks == "text":
        return Question(task, lines)
    folder = queries.parent if queries else Path()
    return Question(task, lines, [folder / name for name in names_on_disk(folder, lines)])


def check_labels(project: Path, index: Path | None, labels: Sequence[str]) -> None:
    """Refuse labels that no item has, before a model is loaded; an index that is not there is not looked at.

    Raises:
        CrosshashError: there are some, or the table of the items cannot be read.
    """
    folder = index_folder(project, index)
    if labels and (folder / ITEMS).is_file():
        read_known_items(folder).rows_with(labels)


def encode_question(searcher: Searcher, question: Question) -> Encodings:
    """Encode what is asked.

    Raises:
        CrosshashError: a query cannot be encoded.
    """
    names = question.names
    if question.vectors is not None:
        encoded = searcher.encoder.vectors("image", _vectors(question.vectors))
        return Encodings([f"{names[0]}[{row}]" for row in range(len(encoded.codes))], encoded, [])
    if question.pictures is not None:
        return Encodings(names, _pictures(searcher.encoder, question.pictures), [])
    unknown = dict.fromkeys(word for text in names for word in searcher.unknown_words(text))
    return Encodings(names, searcher.encode_texts(names), list(unknown))


def _pictures(encoder: Encoder, paths: Sequence[Path]) -> Encoded:
    """Encode picture files; those that are none are all listed."""
    encoder.check_kind("image", "pictures")
    jpegs, problems = [], []
    for path in paths:
        try:
            jpegs.append(encoder.clean_picture(path))
        except BadPicture as error:
            problems.append(str(error))
    if problems:
        raise CrosshashError(problems[0] if len(paths) == 1 else f"no pictures:\n{listed(problems)}")
    return encoder.encoded("image", jpegs)


def _vectors(path: Path) -> NDArray[np.floating]:
    """Read float[D] or float[N, D] as N rows."""
    try:
        return np.atleast_2d(np.load(path, allow_pickle=False))
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
