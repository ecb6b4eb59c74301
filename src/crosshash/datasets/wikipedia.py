"""`wikipedia`: sections of Wikipedia's featured articles, an image and a text each, of one of ten classes.

Rasiwasia et al., A New Approach to Cross-Modal Multimedia Retrieval, ACM Multimedia 2010. Where the
statements about the layout come from: docs/datasets/wikipedia.md.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, Unpack

import numpy as np

from crosshash.acquire.publisher import Source, Transfer, Wanted, find_wanted, obtain, published_folder
from crosshash.datasets.readers.unread import unread_variables
from crosshash.errors import CrosshashError, listed
from crosshash.formats.matlab.mat import read_mat
from crosshash.formats.text_lines import text_lines
from crosshash.pairs.source import GivenSplit, RawFile, RawItem, RawItems, SplitSizes

SIZES = SplitSizes(query=693, train=2_173)

# In the order of the numbers 1 to 10 in the lists.
CLASSES = (
    "art",
    "biology",
    "geography",
    "history",
    "literature",
    "media",
    "music",
    "royalty",
    "sport",
    "warfare",
)

ARCHIVE = "wikipedia_dataset.zip"
PAGE = "http://www.svcl.ucsd.edu/projects/crossmodal/"
SOURCES = (Source(ARCHIVE, origin=PAGE, url=PAGE + ARCHIVE),)


def _wanted(name: str) -> Wanted:
    return Wanted((f"wikipedia_dataset/{name}", name), ARCHIVE)


TRAIN, TEST = _wanted("trainset_txt_img_cat.list"), _wanted("testset_txt_img_cat.list")
IMAGES, TEXTS, FEATURES = _wanted("images/"), _wanted("texts/"), _wanted("raw_features.mat")
ARRAYS = ("I_tr", "I_te", "T_tr", "T_te")
WANTED = {"images": (TRAIN, TEST, IMAGES, TEXTS), "features": (TRAIN, TEST, FEATURES)}

TEXT = re.compile(r"<text>(.*?)</text>", re.DOTALL)
ENCODING = re.compile(rb"""<\?xml[^>]*\bencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")


@dataclass(frozen=True)
class Document:
    """A line of a list: name of the article's section, which is the item's id; name of its image; class."""

    text: str
    image: str
    category: str


def folder(raw: Path, local: str | None, source: str) -> Path:
    """Say where lists, images and texts, or vectors lie."""
    return published_folder(raw, "wikipedia", local, WANTED[source])


def fetch(raw: Path, source: str, **transfer: Unpack[Transfer]) -> list[RawFile]:
    """Download and unpack what is not there yet, and list it."""
    return obtain(raw, "wikipedia", SOURCES, WANTED[source], **transfer)


def read(raw: Path, local: str | None, source: Literal["images", "features"]) -> RawItems:
    """Read the items of the training list, then those of the test list, which are the queries.

    An image lies in the folder of its class; whether it is there is left to convert.

    Raises:
        CrosshashError: a list names a text that is not there, a file is cut, counts differ (all such places
            are listed).
    """
    place = folder(raw, local, source)
    train_list, test_list = find_wanted(place, TRAIN), find_wanted(place, TEST)
    train, test = _read_list(train_list), _read_list(test_list)
    documents = (*train, *test)
    _refuse_repeated(documents, train_list, test_list)
    official = GivenSplit(_ids(test), _ids(train))
    if source == "features":
        vectors = find_wanted(place, FEATURES)
        image, text = _read_features(vectors, len(train), len(test))
        items = tuple(RawItem(document.text, (), (document.category,)) for document in documents)
        unread = unread_variables(vectors, ARRAYS)
        return RawItems(items, CLASSES, image, text, unread, official)
    pictures = find_wanted(place, IMAGES)
    captions = _read_texts(find_wanted(place, TEXTS), documents)
    items = tuple(
        RawItem(document.text, (caption,), (document.category,))
        for document, caption in zip(documents, captions, strict=True)
    )
    images = tuple(pictures / document.category / f"{document.image}.jpg" for document in documents)
    return RawItems(items, CLASSES, images, official=official)


def _ids(documents: Sequence[Document]) -> tuple[str, ...]:
    return tuple(document.text for document in documents)


def _read_list(path: Path) -> tuple[Document, ...]:
    """Read a list: per line the names of text and image and the number of the class, from 1.

    Raises:
        CrosshashError: the file is not UTF-8, has no line, or has lines of another kind (all are listed).
    """
    documents, problems = [], []
    for number, line in enumerate(text_lines(path), 1):
        cells = line.split()
        if not cells:
            continue
        if len(cells) != 3 or any(PurePosixPath(name).name != name for name in cells[:2]):
            problems.append(f"line {number}: not two names and a number: {line[:80]!r}")
        elif not cells[2].isdecimal() or not 1 <= int(cells[2]) <= len(CLASSES):
            problems.append(f"line {number}: class {cells[2]} is none of 1 to {len(CLASSES)}")
        else:
            documents.append(Document(cells[0], cells[1], CLASSES[int(cells[2]) - 1]))
    if not documents and not problems:
        problems.append("no line at all, so that no pair is left")
    if problems:
        raise CrosshashError(
            f"{path}: {len(problems)} problem(s):\n{listed(problems)}\nUnpack it again from {ARCHIVE}."
        )
    return tuple(documents)


def _refuse_repeated(documents: Sequence[Document], *lists: Path) -> None:
    """Refuse a text that two lines name: it would be two items, perhaps query and training item at once."""
    lines = Counter(document.text for document in documents)
    repeated = [text for text, count in lines.items() if count > 1]
    if repeated:
        raise CrosshashError(
            f"{lists[0]} and {lists[1].name}: {len(repeated)} text(s) are named more than once:\n"
            f"{listed(repeated)}\nUnpack both again from {ARCHIVE}."
        )


def _read_texts(place: Path, documents: Sequence[Document]) -> list[str]:
    """Read the text of each section.

    Raises:
        CrosshashError: files are not there, cut, in another encoding, or without text (all are listed).
    """
    texts, problems = [], []
    for document in documents:
        name = f"{document.text}.xml"
        try:
            texts.append(section_text((place / name).read_bytes()))
        except FileNotFoundError:
            problems.append(f"{name}: not there")
        except OSError as error:
            problems.append(f"{name}: cannot be read ({error.strerror})")
        except ValueError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise CrosshashError(
            f"{place}: {len(problems)} text(s) that the lists name cannot be used:\n{listed(problems)}\n"
            f"Unpack texts/ again from {ARCHIVE}."
        )
    return texts


def section_text(data: bytes) -> str:
    """Take the text out of a section's XML, without line ends; `&amp;` and the like become characters.

    What stands between <text> and </text> is all that readers of this data set rely on: the files are not
    known to be sound XML throughout.

    Raises:
        ValueError: there is no text, it is cut, or it is not in the encoding that the file declares.
    """
    declared = ENCODING.search(data[:200])
    encoding = declared[1].decode() if declared else "utf-8"
    try:
        content = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start + 1} (0x{data[error.start]:02x}) is not {encoding}") from None
    except LookupError:
        raise ValueError(f"unknown encoding {encoding}") from None
    found = TEXT.findall(content)
    if len(found) != content.count("<text>") or not found:
        raise ValueError("cut: no </text>" if "<text>" in content else "cut: no <text>")
    text = " ".join(html.unescape(" ".join(found)).split())
    if not text:
        raise ValueError("the text is empty")
    return text


def _read_features(path: Path, n_train: int, n_test: int) -> tuple[np.ndarray, np.ndarray]:
    """Read the vectors, rows in the order of the lists, training before test; float32[N, 128], [N, 10].

    Raises:
        CrosshashError: arrays are missing, of another shape than the lists say, or not finite numbers.
    """
    wanted = dict(zip(ARRAYS, (n_train, n_test, n_train, n_test), strict=True))
    arrays = read_mat(path, tuple(wanted))
    problems = [f"{key}: {fault}" for key, rows in wanted.items() if (fault := _fault(arrays.get(key), rows))]
    problems += [
        f"{kind}_tr and {kind}_te differ in their columns"
        for kind in ("I", "T")
        if not problems and arrays[f"{kind}_tr"].shape[1] != arrays[f"{kind}_te"].shape[1]
    ]
    if problems:
        raise CrosshashError(
            f"{path}: {len(problems)} problem(s):\n{listed(problems)}\nUnpack it again from {ARCHIVE}."
        )
    image, text = (np.concatenate([arrays[f"{kind}_tr"], arrays[f"{kind}_te"]]) for kind in ("I", "T"))
    return image.astype(np.float32), text.astype(np.float32)


def _fault(array: np.ndarray | None, rows: int) -> str | None:
    """Say what is wrong with an array that must be a matrix of so many rows of finite numbers."""
    if array is None:
        return "not there"
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        return f"{array.dtype} of shape {array.shape}, no matrix of numbers"
    if len(array) != rows:
        return f"{len(array)} rows, its list has {rows} lines"
    return None if np.isfinite(array).all() else "NaN or infinite values"
