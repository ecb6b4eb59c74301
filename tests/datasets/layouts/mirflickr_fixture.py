"""MIRFlickr-25k made small: 80 images in the layout of its two archives, and its .mat release.

What is said of the originals here comes from:
- the page press.liacs.nl/mirflickr/mirdownload.html: two archives, README.txt beside the annotations;
- github.com/iTomxy/data, flickr25k/README.md, make.text.py, make.label.py, make.clean.py: im<n>.jpg in
  mirflickr/; one tag per line in meta/tags/tags<n>.txt, in UTF-8; a tag and its count per line in
  doc/common_tags.txt; an image number per line in the annotations, counted from 1; files `_r1` are parts
  of those without;
- the README of "Dynamic Semantic Channel Hashing": 39 text files of annotations, of which 24 are used; exif,
  exif_raw, license, tags and tags_raw in meta/, tags_raw with files of the same names as tags;
- scripts that unpack the annotations with `unzip -d annotations`, or into a new folder from which they remove
  README.txt: the archive has no folder inside;
- github.com/zs-zhong/DJSRH and its kin, settings.py: mirflickr25k-lall.mat, -yall.mat, -iall.mat with LAll,
  YAll, IAll.
The archives themselves were not looked at; that some lines end in CR LF is a guess made to be safe.

Image n of 1..72 has label (n - 1) mod 24, images 1..24 the next one as well, 73..80 have none. Images 10, 20,
.. 80 have no tag, images 5, 15, .. 75 none of the common ones, all others two of these and two others.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import scipy.io

from crosshash.datasets.mirflickr25k import CLASSES
from tests.datasets.folders import picture

COUNT, LABELLED = 80, 72
COMMON = ("sky", "nikon", "bw", "50mm", "españa", "日本", "sunset", "2007", "macro", "portrait", "red", "dog")
ODD = ("o'neill", "rock&roll", "c++", "naïve", "é́tude", "…", "Zürich", "a_b", "#1")
JUDGED_TWICE = (
    "baby", "bird", "car", "clouds", "dog", "female", "flower", "male", "night", "people", "portrait",
    "river", "sea", "tree",
)  # fmt: skip
ANNOTATIONS = "mirflickr25k_annotations_v080"


def labels_of(number: int) -> list[int]:
    """Columns of image `number`, counted from 1."""
    if number > LABELLED:
        return []
    own = (number - 1) % 24
    return [own, (own + 1) % 24] if number <= 24 else [own]


def tags_of(number: int) -> list[str]:
    if number % 10 == 0:
        return []
    odd = [ODD[number % 9], ODD[(number + 1) % 9]]
    if number % 10 == 5:
        return odd
    return [odd[0], COMMON[number % 12], COMMON[(number + 5) % 12], odd[1]]


def write_original(folder: Path) -> Path:
    """Write both archives' content, unpacked as the project unpacks it."""
    root = folder / "mirflickr"
    for part in ("doc", "meta/tags", "meta/tags_raw", "meta/exif", "meta/license"):
        (root / part).mkdir(parents=True)
    for number in range(1, COUNT + 1):
        picture(number).save(root / f"im{number}.jpg", "JPEG")
        lines = "".join(f"{tag}\n" for tag in tags_of(number))
        (root / f"meta/tags/tags{number}.txt").write_text(lines, encoding="utf-8")
        (root / f"meta/tags_raw/tags{number}.txt").write_text(lines.title(), encoding="utf-8")
        (root / f"meta/exif/exif{number}.txt").write_bytes(b"-Make\nN\xefkon\n")
        (root / f"meta/license/license{number}.txt").write_text("Attribution\n")
    counts = "".join(f"{tag} {900 - 60 * rank}\n" for rank, tag in enumerate(COMMON))
    (root / "doc/common_tags.txt").write_text(counts, encoding="utf-8")
    (root / "doc/README.txt").write_bytes(b"The MIRFLICKR-25000 Image Collection\r\n")
    write_annotations(folder / ANNOTATIONS)
    return folder


def write_annotations(folder: Path) -> None:
    folder.mkdir()
    (folder / "README.txt").write_text("potential labels, and relevant labels (_r1)\n")
    for column, label in enumerate(CLASSES):
        numbers = [number for number in range(1, COUNT + 1) if column in labels_of(number)]
        end = "\r\n" if column % 2 else "\n"
        (folder / f"{label}.txt").write_bytes("".join(f"{number}{end}" for number in numbers).encode())
        if label in JUDGED_TWICE:
            (folder / f"{label}_r1.txt").write_text(f"{numbers[0]}\n")


def write_archives(folder: Path, scratch: Path) -> None:
    """Pack both archives: `mirflickr/` inside the first, no folder inside the second."""
    write_original(scratch)
    folder.mkdir(parents=True, exist_ok=True)
    for name, below in (("mirflickr25k.zip", "mirflickr"), (f"{ANNOTATIONS}.zip", ANNOTATIONS)):
        root = scratch if below == "mirflickr" else scratch / below
        with zipfile.ZipFile(folder / name, "w") as archive:
            for path in sorted((scratch / below).rglob("*")):
                archive.write(path, path.relative_to(root))


def write_release(folder: Path, count: int = 60) -> Path:
    """Write labels and tags of the .mat release alone: image n of it has labels as above."""
    folder.mkdir()
    labels = np.zeros((count, 24), dtype=np.uint8)
    tags = np.zeros((count, len(COMMON)), dtype=np.uint8)
    for row in range(count):
        labels[row, labels_of(row + 1)] = 1
        tags[row, [row % 12, (row + 5) % 12]] = 1
    scipy.io.savemat(folder / "mirflickr25k-lall.mat", {"LAll": labels}, do_compression=True)
    scipy.io.savemat(folder / "mirflickr25k-yall.mat", {"YAll": tags}, do_compression=True)
    return folder
