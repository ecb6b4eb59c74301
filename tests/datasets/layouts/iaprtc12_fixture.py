"""A made-up small copy of IAPR TC-12 and of its labels, laid out as published.

Where each statement about the layout comes from:

- `iaprtc12/images/00/25.jpg`, `iaprtc12/annotations_complete_eng/00/25.eng`, folders of a thousand numbers:
  the page https://www.imageclef.org/photodata (annotation example), sghalzj/iaprtc12-CLIP-Feature-Extraction,
  README.md and label_tc12_vocab255.py (paths).
- Tags of an .eng file and their order, images/ and thumbnails/ in them, an empty NOTES; no XML declaration:
  the samples annotations/01/1000.eng and annotations/02/2808.eng that the README of a multi-modal language
  model and the tests of attalos (iaprtc12_prep) restate. Latin-1: iaprtc12_prep.py decodes it so;
  Xiami2019/Cross-modal-retrieve reads Windows-1252, of which Latin-1's letters are a part.
- 20,000 photos and 1,000 more that belong to another task: https://www.imageclef.org/photodata. Photos or
  annotations without a counterpart: attalos, iaprtc12_prep.py; 20,000 labelled photos, 19,999 of them with an
  .eng file: Xiami2019/Cross-modal-retrieve (its checks of both numbers).
- `saiaprtc12ok/benchmark/wlist.txt`, number and name with a tab between; a line may have no name;
  `saiaprtc12ok/benchmark/saiapr_tc-12/<folder>/labels.txt`: google-deepmind/dm_nevis,
  dm_nevis/datasets_storage/handlers/iaprtc12.py, and CLEFImageReader.java of HLR/SpRL.
- Lines `25<tab>1<tab>29`: photo, region, concept; 29 is branch, 30 bridge, 31 building, 60 cloud: README of
  mSpRL2017 in CogComp/saul.

Not from the original: CRLF, blank lines, tags on several lines, `&amp;`, the numbers 61 and 62.

Photo `index` of 0..59 shows, by index modulo 4:

    0: branch and cloud    1: bridge    2: building and cloud    3: bridge and the concept without a name

Labels per photo: (2 + 1 + 2 + 2) / 4 = 1.75. The 30 photos of kinds 0 and 2 share cloud, the 30 of kinds 1
and 3 share bridge, and no photo of the one half shares anything with the other: of the 60 * 59 / 2 = 1770
pairs 2 * (30 * 29 / 2) = 870 share a label.
"""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

from tests.datasets.folders import picture

NUMBERS = [*range(25, 45), *range(1000, 1020), *range(40480, 40500)]
CONCEPTS = ({29, 60}, {30}, {31, 60}, {30, 61})
WLIST = "29\tbranch\n30\tbridge\n31\tbuilding\n60\tcloud\n61\t\n62\tnever-seen\n"
CLASSES = ("branch", "bridge", "building", "cloud", "concept 61")
ANNOTATION = (
    "<DOC>\n<DOCNO>annotations/{stem}.eng</DOCNO>\n<TITLE>{title}</TITLE>\n"
    "<DESCRIPTION>{description}</DESCRIPTION>\n<NOTES>{notes}</NOTES>\n<LOCATION>Quito, Ecuador</LOCATION>\n"
    "<DATE>April 2002</DATE>\n<IMAGE>images/{stem}.jpg</IMAGE>\n"
    "<THUMBNAIL>thumbnails/{stem}.jpg</THUMBNAIL>\n</DOC>\n"
)
WITHOUT_ENG, WITHOUT_DESCRIPTION, UNLABELLED, ENG_ALONE = 40499, 1005, 99, 98


def stem_of(number: int) -> str:
    return f"{number // 1000:02d}/{number}"


def photo(place: Path, number: int) -> Path:
    return place / "iaprtc12" / "images" / f"{stem_of(number)}.jpg"


def annotation(place: Path, number: int) -> Path:
    return place / "iaprtc12" / "annotations_complete_eng" / f"{stem_of(number)}.eng"


def labels_file(place: Path, folder: str) -> Path:
    return place / "saiaprtc12ok" / "benchmark" / "saiapr_tc-12" / folder / "labels.txt"


def wlist(place: Path) -> Path:
    return place / "saiaprtc12ok" / "benchmark" / "wlist.txt"


def write_copy(place: Path) -> Path:
    """Write both archives' content, unpacked; give `place`."""
    for number in [*NUMBERS, UNLABELLED]:
        path = photo(place, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(number).save(path, "JPEG")
    for number in [*NUMBERS, UNLABELLED, ENG_ALONE]:
        path = annotation(place, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        if number != WITHOUT_ENG:
            path.write_bytes(_annotation(number))
    for folder in ("00", "01", "40"):
        path = labels_file(place, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_labels(folder).encode())
        (path.parent / "images").mkdir()  # the label archive ships the photos once more
        (path.parent / "features.txt").write_text("25\t1\t0.5\t29\n")
    wlist(place).write_text(WLIST)
    return place


def _annotation(number: int) -> bytes:
    fields = {"title": f"Photo {number}", "description": f"a view of {number};", "notes": ""}
    if number == 25:
        fields = {
            "title": "Cañón del Colca",
            "description": "a  condor above\r\na rock & a café;",
            "notes": "It\x92s deep",  # an apostrophe of Windows-1252
        }
    if number == WITHOUT_DESCRIPTION:
        fields["description"] = ""
    text = ANNOTATION.format(stem=stem_of(number), **fields).replace("&", "&amp;")
    if number == 26:
        text = text.replace("<NOTES></NOTES>\n", "").replace("<TITLE>Photo 26</TITLE>\n", "")
    if number == 27:
        text = text.replace("\n", "\r\n")
    return text.encode("latin-1")


def _labels(folder: str) -> str:
    lines = []
    for index, number in enumerate(NUMBERS):
        if stem_of(number).startswith(folder):
            concepts = sorted(CONCEPTS[index % 4])
            regions = [*concepts, concepts[0]]  # two regions of a photo may show the same
            lines += [f"{number}\t{region}\t{concept}" for region, concept in enumerate(regions, start=1)]
    end = "\r\n" if folder == "01" else "\n"
    return end.join([*lines, "", ""])


def write_archives(copy: Path, target: Path) -> Path:
    """Pack a copy as iaprtc12.tgz and saiaprtc12ok.zip; give `target`."""
    target.mkdir(parents=True, exist_ok=True)
    with tarfile.open(target / "iaprtc12.tgz", "w:gz") as tar:
        tar.add(copy / "iaprtc12", "iaprtc12")
    with zipfile.ZipFile(target / "saiaprtc12ok.zip", "w") as archive:
        for path in sorted((copy / "saiaprtc12ok").rglob("*")):
            archive.write(path, path.relative_to(copy))
    return target
