"""A small Wikipedia set of 80 sections, laid out as published, with pictures, texts and vectors of our own.

What is known about the layout, and from where. The archive itself could not be looked at; these are the
programs of users that read it, each of them in a public repository:
- wikipedia_dataset.zip from www.svcl.ucsd.edu/projects/crossmodal/, with a folder wikipedia_dataset/: readme
  of a collection of data sets with that address; paths in TextTopicNet.
- images/<class>/<name>.jpg, texts/<name>.xml, trainset_txt_img_cat.list, testset_txt_img_cat.list, three
  cells per line split by tabs: name of the text without .xml, of the image without .jpg, number of the class:
  lluisgomez/TextTopicNet (multi-modal retrieval), and the loaders named below.
- Numbers of the classes from 1, in the order art, biology, ... warfare: the class WIKI of DJSRH and others.
- Names of texts are a hash, a minus and the number of the section, which may hold a dot: paths such as
  texts/training/warfare/fc66f418ce7c7855daed259ca643fb0a-4.5.xml, 0b4ebd99673d910a6747df881d000dc1-9.
- <document name=...>, in it <imageset> with <image id=...>, the image's name, and <text>...</text>: readers
  by BeautifulSoup and lxml. Others cut the text out between its tags, or let lxml mend what is not sound XML.
- raw_features.mat with I_tr, I_te, T_tr, T_te, rows in the order of the lists, 128 and 10 columns: the demos
  of the publishers' descendants, DJSRH; readme of TongJiayan/Multimodal-Retrieve.
- 2,173 and 693 sections: the same.
- Some pictures are grey: TextTopicNet turns them into RGB.

Not from these, but what a reader must get over: an image that two sections share, line ends in names and
texts, &amp;, letters beyond ASCII, an encoding that the file declares, markup that is not sound.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import scipy.io

from tests.datasets.folders import picture

# Sections of each class in the training and the test list; the tests count by hand from here.
COUNTS = {
    "art": (8, 2),
    "biology": (6, 2),
    "geography": (6, 2),
    "history": (6, 2),
    "literature": (6, 2),
    "media": (6, 2),
    "music": (6, 2),
    "royalty": (4, 2),
    "sport": (6, 2),
    "warfare": (6, 2),
}
SHARED, GREY, LATIN_1, UNSOUND = 1, 2, 3, 4  # these sections of the training list are odd


@dataclass(frozen=True)
class Section:
    text: str
    image: str
    number: int
    category: str


def sections(part: int) -> list[Section]:
    """Sections of the training list (0) or the test list (1), classes taking turns."""
    rows = []
    for turn in range(max(counts[part] for counts in COUNTS.values())):
        for number, (category, counts) in enumerate(COUNTS.items(), 1):
            if turn < counts[part]:
                name = md5(f"{part} {category} {turn}".encode()).hexdigest()  # noqa: S324 - a name, no secret
                rows.append(Section(f"{name}-{turn + 1}{'.5' * (turn == 1)}", name[::-1], number, category))
    if part == 0:
        place = len(COUNTS) + SHARED  # the second section of its class
        rows[place] = Section(rows[place].text, rows[SHARED].image, rows[place].number, rows[place].category)
    return rows


def write_wikipedia(root: Path) -> Path:
    """Write the folder wikipedia_dataset below `root`."""
    place = root / "wikipedia_dataset"
    for category in COUNTS:
        (place / "images" / category).mkdir(parents=True)
    (place / "texts").mkdir()
    (place / "categories.list").write_text("".join(f"{category}\n" for category in COUNTS), encoding="utf-8")
    arrays: dict[str, np.ndarray] = {}
    for part, name in enumerate(("train", "test")):
        rows = sections(part)
        lines = [f"{row.text}\t{row.image}\t{row.number}\n" for row in rows]
        (place / f"{name}set_txt_img_cat.list").write_text("".join(lines), encoding="utf-8")
        for index, row in enumerate(rows):
            write_section(place, row, index if part == 0 else -1)
        arrays |= features(part, rows)
    scipy.io.savemat(place / "raw_features.mat", arrays)
    return root


def write_section(place: Path, row: Section, index: int) -> None:
    image = picture(int(row.image[:6], 16), (40, 30)).convert("L" if index == GREY else "RGB")
    image.save(place / "images" / row.category / f"{row.image}.jpg")
    encoding = "ISO-8859-1" if index == LATIN_1 else "UTF-8"
    text = escape(f"\nA section on {row.category} & more,\nwritten in the café of {row.text}.\n")
    if index == UNSOUND:
        text += "x < y & <br> \n"
    content = (
        f'<?xml version="1.0" encoding="{encoding}"?>\n<document name="About\n{row.category}">\n'
        f'<imageset>\n<image id="{row.image}"/>\n</imageset>\n<text>{text}</text>\n</document>\n'
    )
    (place / "texts" / f"{row.text}.xml").write_bytes(content.encode(encoding))


def features(part: int, rows: Sequence[Section]) -> dict[str, np.ndarray]:
    """Shares of 128 SIFT words and 10 topics, in doubles, that depend on the class."""
    random = np.random.default_rng(part)
    found = {}
    for key, width in (("I", 128), ("T", 10)):
        heights = random.random((len(rows), width))
        heights[range(len(rows)), [row.number - 1 for row in rows]] += 3
        found[f"{key}_{'te' if part else 'tr'}"] = heights / heights.sum(axis=1, keepdims=True)
    return found


def pack_wikipedia(root: Path, served: Path) -> Path:
    """Pack what `write_wikipedia` wrote into the one archive, as it is published."""
    served.mkdir(parents=True)
    with zipfile.ZipFile(served / "wikipedia_dataset.zip", "w") as archive:
        for path in sorted(root.rglob("*")):
            archive.write(path, str(path.relative_to(root)))
    return served
