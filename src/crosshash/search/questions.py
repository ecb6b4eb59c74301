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
from crosshash.search.asked import Asked, mixed, of_items
from crosshash.search.decoding import BadPicture
from crosshash.search.encoder import Encoded, Encoder
from crosshash.search.folders.index_folder import ITEMS, index_folder
from crosshash.search.grown.known_items import read_known_items
from crosshash.search.searcher import EMPTY, Searcher


@dataclass(frozen=True)
class Question:
    """Q queries before any model is loaded: their task and what the user calls them.

    pictures: their files, None where the names are captions; vectors: a file .npy in place of both; like: id
    of an item that asks; beside: a text that goes with the picture, the vectors or the item.
    """

    task: str
    names: list[str]
    pictures: list[Path] | None = None
    vectors: Path | None = None
    like: str | None = None
    beside: str | None = None


@dataclass(frozen=True)
class Encodings:
    """Q queries: what the user calls them, their codes, and words that the model never saw."""

    names: list[str]
    encoded: Encoded
    unknown_words: list[str]


def read_question(
    text: str | None = None,
    image: Path | None = None,
    queries: Path | None = None,
    task: str | None = None,
    like: str | None = None,
) -> Question:
    """Read a text, a picture (or vectors, .npy), an item, a text beside one of both, or a file of queries.

    The lines of the file are texts, or with a task that asks by image the paths of pictures, relative to the
    file; blank lines do not count. task: else as of `Asked`.

    Raises:
        CrosshashError: not one of these is given, the text is empty, a file is not there, or the task
            asks by the other modality.
    """
    if task is not None and task not in TASKS:
        raise CrosshashError(f"unknown task '{task}'; there are {', '.join(TASKS)}.")
    alone = [given is not None for given in (image, like, queries)]
    if sum(alone) > 1 or (text is None and not any(alone)) or (text is not None and queries is not None):
        raise CrosshashError(
            "search takes a text, --image, --like or --queries, one of them; a text may stand beside the "
            "first two options."
        )
    if queries is not None:
        return _read_several(queries, task or "t2i")
    if text is not None and not text.strip():
        raise CrosshashError(EMPTY)
    asked = Asked(text, image, like)
    if task is not None and not asked.mixed and task[0] != asked.task[0]:
        wanted = "a text" if task.startswith("t") else "--image"
        raise CrosshashError(f"task {task} asks by {TASKS[task][0]}: give it {wanted}.")
    if image is not None and not image.is_file():
        raise CrosshashError(f"{image}: the file is missing; give the path of a picture.")
    task, other = task or asked.task, str(image or like)
    if image is None and like is None:
        return Question(task, [text or ""])
    pictures = None if image is None else [image]
    vectors = image if image is not None and image.suffix == ".npy" else None
    return Question(task, [f"{text} + {other}" if text else other], pictures, vectors, like, text)


def _read_several(queries: Path, task: str) -> Question:
    lines = read_lines(queries)
    if TASKS[task][0] == "text":
        return Question(task, lines)
    return Question(task, lines, [queries.parent / name for name in names_on_disk(queries.parent, lines)])


def check_labels(project: Path, index: Path | None, labels: Sequence[str]) -> None:
    """Refuse labels that no item has, before a model is loaded; an index that is not there is not looked at.

    Raises:
        CrosshashError: there are some, or the table of the items cannot be read.
    """
    folder = index_folder(project, index)
    if labels and (folder / ITEMS).is_file():
        read_known_items(folder).rows_with(labels)


def encode_question(searcher: Searcher, question: Question, weight: float = 0.5) -> Encodings:
    """Encode what is asked; weight: of a text beside something else.

    Raises:
        CrosshashError: a query cannot be encoded.
    """
    names, encoder = question.names, searcher.encoder
    if question.vectors is not None:
        encoded = encoder.vectors("image", _vectors(question.vectors))
        names = [f"{names[0]}[{row}]" for row in range(len(encoded.codes))]
    elif question.pictures is not None:
        encoded = _pictures(encoder, question.pictures)
    elif question.like is not None:
        encoded = of_items(searcher, [question.like])
    else:
        return Encodings(names, searcher.encode_texts(names), _unknown(searcher, names))
    if question.beside is None:
        return Encodings(names, encoded, [])
    text = [question.beside]
    both = mixed(searcher.encode_texts(text), encoded, weight, encoder.norm)
    return Encodings(names, both, _unknown(searcher, text))


def _unknown(searcher: Searcher, texts: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(word for text in texts for word in searcher.unknown_words(text)))


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
