r"""NUS-WIDE made small: 120 images in the layout of its archives.

What is said of the originals here comes from:
- github.com/iTomxy/data, nuswide/README.md: 81 files AllLabels/Labels_<concept>.txt with a line of 0 or 1 per
  image; TagList1k.txt, All_Tags.txt and AllTags1k.txt in NUS_WID_Tags; Imagelist.txt beside Train- and
  TestImagelist.txt; images in 704 folders below Flickr/; a line `-1130179` in one file of TrainTestLabels;
- the same, check.sample-order.py: every line of Imagelist.txt is like `actor\0001_2124494179.jpg`, and every
  line of All_Tags.txt begins with the photo id of the image in the same line; check.duplication.py: 269,642
  different photo ids on 269,648 images; make.text.py: All_Tags.txt is split at blanks and is in UTF-8,
  AllTags1k.txt has 1,000 numbers in each line and differs from it in 16 images;
- a script that reads AllTags1k.txt with tabs between the columns and drops what follows the 1,000th (others
  split it at blanks): lines end in a tab;
- github.com/QinLab-WFU/DSPH, dataset/make_nuswide.py, and used_label.txt beside it: the folders
  ImageList, Groundtruth/AllLabels, NUS_WID_Tags, ConceptsList, Flickr, and the 21 concepts; other copies of
  that script take the images from one folder `images` without subfolders.
The archives themselves were not looked at.

Image n of 0..83 shows concept n mod 21 of the 21, images 0..20 the next one as well; 84..99 show an airport,
one of the 60 other concepts, 100..119 nothing. Images with n mod 7 = 3 have none of the common tags, those
with n mod 14 = 3 no tag at all. Images 40 and 41 have one photo id in two folders.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from crosshash.datasets.nuswide import CLASSES
from tests.datasets.folders import picture

COUNT = 120
WORDS = (
    "nature", "sky", "blue", "water", "clouds", "red", "green", "bravo", "landscape", "explore",
    "sunset", "light", "white", "flower", "portrait", "2007", "macro", "bw", "night", "city",
)  # fmt: skip
OTHERS = ("españa", "日本", "dc-10", "rock&roll", "o'neill")
FOLDERS = ("actor", "administrative_assistant", "sea-horse")


def photo_of(number: int) -> int:
    return 2124494179 + 31 * (40 if number == 41 else number)


def name_of(number: int) -> str:
    r"""The line of Imagelist.txt, such as actor\0001_2124494179.jpg."""
    return f"{FOLDERS[number % 3]}\\{number // 3 + 1:04d}_{photo_of(number)}.jpg"


def concepts_of(number: int) -> list[str]:
    if number >= 84:
        return ["airport"] if number < 100 else []
    own = number % 21
    return [CLASSES[own], CLASSES[(own + 1) % 21]] if number < 21 else [CLASSES[own]]


def common_columns(number: int) -> list[int]:
    return [] if number % 7 == 3 else sorted({number % 20, (3 * number + 1) % 20})


def tags_of(number: int) -> list[str]:
    if number % 14 == 3:
        return []
    common = [WORDS[column] for column in reversed(common_columns(number))]
    return [OTHERS[number % 5], *common, OTHERS[(number + 2) % 5]]


def write_original(folder: Path, images: str = "Flickr") -> Path:
    """Write everything; with another name than Flickr the images lie in one folder without subfolders."""
    for part in ("ImageList", "Groundtruth/AllLabels", "Groundtruth/TrainTestLabels", "NUS_WID_Tags"):
        (folder / part).mkdir(parents=True)
    for number in range(COUNT):
        below = name_of(number).replace("\\", "/")
        path = folder / images / (below if images == "Flickr" else Path(below).name)
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(number).save(path, "JPEG")
    write_lines(folder / "ImageList/Imagelist.txt", [name_of(number) for number in range(COUNT)], "\r\n")
    write_lines(folder / "ImageList/TrainImagelist.txt", [name_of(number) for number in range(70)], "\r\n")
    for concept in (*CLASSES, "airport", "zebra"):
        flags = [str(int(concept in concepts_of(number))) for number in range(COUNT)]
        write_lines(folder / f"Groundtruth/AllLabels/Labels_{concept}.txt", flags)
    write_lines(folder / "Groundtruth/TrainTestLabels/Labels_lake_Train.txt", ["0", "-1130179", "1"])
    write_tags(folder / "NUS_WID_Tags")
    (folder / "ConceptsList").mkdir()
    write_lines(folder / "ConceptsList/Concepts81.txt", sorted((*CLASSES, "airport", "zebra")))
    return folder


def write_tags(folder: Path) -> None:
    write_lines(folder / "TagList1k.txt", list(WORDS))
    texts = [f"{photo_of(number)}      {' '.join(tags_of(number))} " for number in range(COUNT)]
    write_lines(folder / "All_Tags.txt", texts)
    rows = []
    for number in range(COUNT):
        columns = common_columns(number)
        between = " " if number % 5 == 4 else "\t"
        rows.append(between.join(str(int(column in columns)) for column in range(20)) + between)
    write_lines(folder / "AllTags1k.txt", rows)


def write_lines(path: Path, lines: list[str], end: str = "\n") -> None:
    path.write_bytes("".join(line + end for line in lines).encode())


def pack_nuswide(folder: Path, served: Path) -> Path:
    """Pack what `write_original` wrote into the four archives; that of the tags has no folder inside."""
    served.mkdir(parents=True)
    for name in ("ImageList", "Groundtruth", "NUS_WID_Tags", "Flickr"):
        root = folder / name if name == "NUS_WID_Tags" else folder
        with zipfile.ZipFile(served / f"{name}.zip", "w") as archive:
            for path in sorted((folder / name).rglob("*")):
                archive.write(path, path.relative_to(root))
    return served
