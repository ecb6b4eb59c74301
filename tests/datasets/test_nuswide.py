from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from crosshash.acquire.publisher import Transfer
from crosshash.artifacts import read_json
from crosshash.datasets import nuswide, nuswide10
from crosshash.datasets.readers.nuswide_files import Tags
from crosshash.errors import CrosshashError
from crosshash.pairs.info import read_info
from crosshash.pairs.labels import sharing_chance
from crosshash.pairs.source import RawItems
from tests.acquire.file_server import FileServer
from tests.datasets.layouts.nuswide_fixture import (
    COUNT,
    WORDS,
    name_of,
    pack_nuswide,
    photo_of,
    write_lines,
    write_original,
)
from tests.datasets.stage_chain import prepare, train_and_score
from tests.pairs.pair_rows import read_pairs


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_original(tmp_path_factory.mktemp("nuswide"))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A copy of the published files that a test may spoil."""
    return write_original(tmp_path / "copy")


def share(source: RawItems) -> float | None:
    return sharing_chance([item.labels for item in source.items], source.classes)


def labels_per_item(source: RawItems) -> float:
    return float(np.mean([len(item.labels) for item in source.items]))


def test_21_concepts(original: Path) -> None:
    """Images 0..83, of them 21 with two labels: 105 labels on 84 images, 1.25 each.

    Each concept has the 4 images of its number mod 21 and the one before it: 5, so 10 pairs; 21 x 10 = 210
    of 84 x 83 / 2 = 3486 pairs share one, and none shares two, for no two images have the same two.
    No common tag: n mod 7 = 3, n = 3, 10, .. 80, which are 12.
    """
    source = nuswide.read(original, tags="common", local=str(original))
    assert (len(source.items), len(source.classes)) == (84, 21)
    assert labels_per_item(source) == 1.25
    assert share(source) == pytest.approx(210 / 3486)
    assert sum(not item.captions for item in source.items) == 12
    assert source.warnings == ("36 of 120 images show none of the concepts and are left out",)
    assert source.vocabulary == WORDS


def test_10_concepts(original: Path) -> None:
    """The 10 are numbers 0, 2, 3, 5, 6, 9, 10, 14, 19 and 20 of the 21.

    Images 21..83 show one of them in 3 x 10 cases; of 0..20 ten begin with one, and 1, 4, 8, 13 and 18 have
    one as their second: 45 images. Each concept still has 5 images: 50 labels, 50 / 45 each, and
    10 x 10 = 100 of 45 x 44 / 2 = 990 pairs share one.
    """
    source = nuswide10.read(original, tags="common", local=str(original))
    assert (len(source.items), len(source.classes)) == (45, 10)
    assert labels_per_item(source) == pytest.approx(50 / 45)
    assert share(source) == pytest.approx(100 / 990)


def test_concepts_are_in_the_order_of_the_alphabet_as_published() -> None:
    """And the ten are the most frequent ones: their label files have 332,189 ones of the 411,438 of all."""
    counts = {
        "animal": 33887, "beach": 5239, "buildings": 17835, "clouds": 54087, "flowers": 8605, "grass": 22561,
        "lake": 13392, "mountain": 5099, "ocean": 11307, "person": 51577, "plants": 14345, "reflection": 7875,
        "road": 9524, "rocks": 6327, "sky": 74190, "snow": 5404, "sunset": 8418, "tree": 5352,
        "vehicle": 6099, "water": 35264, "window": 15051,
    }  # fmt: skip
    assert tuple(sorted(counts)) == nuswide.CLASSES
    assert tuple(sorted(sorted(counts, key=lambda name: counts[name])[-10:])) == nuswide10.CLASSES
    assert (sum(counts.values()), sum(counts[name] for name in nuswide10.CLASSES)) == (411_438, 332_189)


def test_common_tags_are_in_the_order_of_the_list(original: Path) -> None:
    """Image 5: columns 5 and (3 x 5 + 1) mod 20 = 16, which are red and macro."""
    items = {item.id: item for item in nuswide.read(original, tags="common", local=str(original)).items}
    item = items[f"sea-horse/0002_{photo_of(5)}.jpg"]
    assert item.captions == ("red macro",)
    assert item.labels == ("grass", "lake")


def test_all_tags_are_in_the_order_of_the_user(original: Path) -> None:
    """Image 5 again; no tag at all: n = 3, 17, 31, 45, 59, 73."""
    source = nuswide.read(original, tags="all", local=str(original))
    items = {item.id: item for item in source.items}
    assert items[f"sea-horse/0002_{photo_of(5)}.jpg"].captions == ("españa macro red dc-10",)
    assert sum(not item.captions for item in source.items) == 6
    assert len(source.items) == 84
    assert source.vocabulary == WORDS


def test_a_tag_given_twice_counts_once(own: Path) -> None:
    path = own / "NUS_WID_Tags/All_Tags.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    write_lines(path, [f"{photo_of(0)}\tsky\t  sky blue sky", *lines[1:], "", ""])
    assert nuswide.read(own, tags="all", local=str(own)).items[0].captions == ("sky blue",)


def test_one_photo_may_stand_for_two_images(original: Path) -> None:
    ids = [item.id for item in nuswide.read(original, tags="all", local=str(original)).items]
    assert [name for name in ids if str(photo_of(40)) in name] == [
        f"administrative_assistant/0014_{photo_of(40)}.jpg",
        f"sea-horse/0014_{photo_of(40)}.jpg",
    ]


def test_images_lie_in_folders_or_all_in_one(original: Path, tmp_path: Path) -> None:
    source = nuswide.read(original, tags="common", local=str(original))
    assert isinstance(source.images, tuple)
    assert all(path.is_file() for path in source.images)
    assert [path.relative_to(original / "Flickr").as_posix() for path in source.images] == [
        item.id for item in source.items
    ]
    flat = write_original(tmp_path / "flat", images="images")
    images = nuswide.read(flat, tags="common", local=str(flat)).images
    assert isinstance(images, tuple)
    assert images[0] == flat / f"images/0001_{photo_of(0)}.jpg"
    assert all(path.is_file() for path in images)


def test_a_folder_beside_images_that_lie_all_in_one(tmp_path: Path) -> None:
    """Programs that show pictures leave such folders; of images 0 and 1 none is there to tell the layout."""
    flat = write_original(tmp_path / "flat", images="images")
    (flat / "images" / ".thumbs").mkdir()
    for number in (0, 1):
        (flat / "images" / name_of(number).rpartition("\\")[2]).unlink()
    images = nuswide.read(flat, tags="common", local=str(flat)).images
    assert isinstance(images, tuple)
    assert images[0] == flat / f"images/0001_{photo_of(0)}.jpg"
    assert sum(path.is_file() for path in images) == 82


def test_a_byte_order_mark_is_passed_over(own: Path) -> None:
    expected = nuswide.read(own, tags="common", local=str(own))
    for name in (LIST, LABELS, COMMON, WORD_LIST, "ConceptsList/Concepts81.txt"):
        (own / name).write_bytes(codecs.BOM_UTF8 + (own / name).read_bytes())
    assert nuswide.read(own, tags="common", local=str(own)) == expected


@pytest.mark.parametrize("place", ["ConceptsList/Concepts81.txt", "Concepts81.txt"])
def test_concepts_must_be_those_of_the_list_if_it_is_there(own: Path, place: str) -> None:
    published = own / "ConceptsList/Concepts81.txt"
    published.rename(own / place)
    assert len(nuswide.read(own, tags="common", local=str(own)).items) == 84
    lines = (own / place).read_text().splitlines()
    write_lines(own / place, [line for line in lines if line not in ("lake", "beach")])
    with pytest.raises(CrosshashError, match=r"Concepts81\.txt: does not name beach, lake\. Take all files"):
        nuswide.read(own, tags="common", local=str(own))
    (own / place).unlink()
    assert len(nuswide.read(own, tags="common", local=str(own)).items) == 84


Spoil = Callable[[Path], object]


def set_line(name: str, number: int, text: bytes) -> Spoil:
    """Replace line `number`, counted from 1, of a file."""

    def spoil(folder: Path) -> None:
        lines = (folder / name).read_bytes().split(b"\n")
        lines[number - 1] = text
        (folder / name).write_bytes(b"\n".join(lines))

    return spoil


def cut(name: str) -> Spoil:
    """Take the last line from a file."""
    return lambda folder: (folder / name).write_bytes(
        b"".join((folder / name).read_bytes().splitlines(keepends=True)[:-1])
    )


def exchanged(name: str) -> Spoil:
    """Put the second line first, as in a list of the images that is in another order."""

    def spoil(folder: Path) -> None:
        first, second, *others = (folder / name).read_bytes().splitlines(keepends=True)
        (folder / name).write_bytes(b"".join([second, first, *others]))

    return spoil


def emptied(name: str) -> Spoil:
    return lambda folder: (folder / name).write_bytes(b"")


LABELS = "Groundtruth/AllLabels/Labels_lake.txt"
LIST = "ImageList/Imagelist.txt"
COMMON, ALL, WORD_LIST = (f"NUS_WID_Tags/{name}.txt" for name in ("AllTags1k", "All_Tags", "TagList1k"))
ZEROS = b"0\t" * 19


@pytest.mark.parametrize(
    ("tags", "spoil", "message"),
    [
        ("common", cut(LABELS), r"lake\.txt: 119 lines for 120 images in Imagelist\.txt\nTake Groundtruth"),
        ("common", emptied(LABELS), r"Labels_lake\.txt: 0 lines for 120 images"),
        ("common", set_line(LABELS, 7, b"-1130179"), r"lake\.txt: line 7: '-1130179' is neither 0 nor 1"),
        ("common", set_line(LABELS, 7, b""), r"Labels_lake\.txt: line 7: '' is neither 0 nor 1"),
        ("common", cut(LIST), r"Labels_animal\.txt: 120 lines for 119 images"),
        ("common", emptied(LIST), r"Imagelist\.txt: is empty\. Take ImageList/Imagelist\.txt"),
        ("common", set_line(LIST, 9, name_of(0).encode()), r"line 9: 'actor\\0001_.*' stands in line 1 alr"),
        ("common", set_line(LIST, 9, b"..\\..\\1_2.jpg"), r"line 9: '\.\.\\\.\.\\1_2\.jpg' is no folder\\n"),
        ("common", set_line(LIST, 9, b"caf\xe9\\1_2.jpg"), r"txt: line 9, byte 4 \(0xe9\) is not UTF-8"),
        ("common", cut(COMMON), r"AllTags1k\.txt: 119 lines for 120 images in Imagelist\.txt\. Take NUS"),
        ("common", emptied(COMMON), r"AllTags1k\.txt: 0 lines for 120 images"),
        ("common", set_line(COMMON, 3, ZEROS), r"line 3: 19 values for 20 tags in TagList1k\.txt\nTake NUS"),
        ("common", set_line(COMMON, 3, ZEROS + b"2"), r"AllTags1k\.txt: 1 .*\n.*line 3: has values other"),
        ("common", set_line(COMMON, 3, ZEROS + b"10"), "line 3: has values other than 0 and 1"),
        ("common", emptied(WORD_LIST), r"TagList1k\.txt: is empty"),
        ("common", set_line(WORD_LIST, 2, b"nature"), r"TagList1k\.txt: 1 .*\n.*'nature' stands twice\nTake"),
        ("common", set_line(ALL, 3, b"7 caf\xe9"), r"Tags\.txt: 1 .*\n.*line 3: photo 7, but image 3 is sea"),
        ("common", exchanged(LIST), r"Tags\.txt: 2 line.*\n.*line 1: photo \d+, but image 1.*\n.*line 2"),
        ("common", cut(ALL), r"All_Tags\.txt: 119 lines for 120 images"),
        ("all", set_line(ALL, 3, b"7 sky"), r"Tags\.txt: 1 .*\n.*line 3: photo 7, but image 3 is sea-horse/"),
        ("all", set_line(ALL, 3, b"7 caf\xe9"), r"Tags\.txt: line 3, byte 6 \(0xe9\) is not UTF-8.*iconv"),
        ("all", cut(ALL), r"All_Tags\.txt: 119 lines for 120 images"),
        ("all", emptied(ALL), r"All_Tags\.txt: 0 lines for 120 images"),
    ],
)  # fmt: skip
def test_bad_files_are_named(own: Path, tags: Tags, spoil: Spoil, message: str) -> None:
    spoil(own)
    with pytest.raises(CrosshashError, match=message):
        nuswide.read(own, tags=tags, local=str(own))


def test_all_bad_label_files_are_told_at_once(own: Path) -> None:
    cut(LABELS)(own)
    set_line(LABELS.replace("lake", "sky"), 1, b"2")(own)
    with pytest.raises(
        CrosshashError, match=r"(?s)^2 label file.*Labels_lake\.txt: 119.*Labels_sky\.txt: line 1: '2'"
    ):
        nuswide.read(own, tags="common", local=str(own))


def transfer(local: Path) -> Transfer:
    return {"local": str(local), "mirror": None, "checksums": "known", "parallel": 2}


@pytest.mark.parametrize("tags", ["common", "all"])
def test_nothing_left(own: Path, tags: Tags) -> None:
    """No concept on any image; then no tag on those that have one."""
    write_lines(own / COMMON, ["0\t" * 20] * COUNT)
    write_lines(own / ALL, [str(photo_of(number)) for number in range(COUNT)])
    with pytest.raises(
        CrosshashError, match="of 120 images, 84 show one of the 21 concepts, and none of these"
    ):
        nuswide.read(own, tags=tags, local=str(own))
    for concept in nuswide.CLASSES:
        write_lines(own / f"Groundtruth/AllLabels/Labels_{concept}.txt", ["0"] * COUNT)
    with pytest.raises(CrosshashError, match="of 120 images, 0 show one of the 21 concepts"):
        nuswide.read(own, tags=tags, local=str(own))


def test_what_is_missing_is_listed_with_where_it_comes_from(own: Path, tmp_path: Path) -> None:
    (own / COMMON).unlink()
    (own / LIST).unlink()
    with pytest.raises(CrosshashError) as error:
        nuswide.fetch(tmp_path / "raw", tags="common", **transfer(own))
    message = str(error.value)
    for part in (LIST, COMMON, "NUS_WID_Tags.zip", "huggingface.co/datasets/Lxyhaha/NUS-WIDE"):
        assert part in message


def test_both_data_sets_share_their_raw_files(original: Path, tmp_path: Path) -> None:
    files = nuswide.fetch(tmp_path / "raw", tags="common", **transfer(original))
    assert files == nuswide10.fetch(tmp_path / "raw", tags="all", **transfer(original))
    names = {file.name for file in files}
    assert {LIST, COMMON, ALL, WORD_LIST, LABELS} <= names
    assert sum(name.startswith("Flickr/") for name in names) == COUNT


def test_a_concept_without_label_file(own: Path) -> None:
    (own / LABELS).unlink()
    assert len(nuswide10.CLASSES) == 10
    with pytest.raises(
        CrosshashError, match=r"Labels_lake\.txt: cannot be read \(No such file.*original archive"
    ):
        nuswide10.read(own, tags="common", local=str(own))


def test_the_stages_with_a_missing_image(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """45 images, 8 of them without text (n mod 7 = 3); image 10, one of these 8, is gone: 44 and 7."""
    gone = name_of(10).replace("\\", "/")
    (own / "Flickr" / gone).unlink()
    settings = [f"download.local={own}", "split.query=4", "split.train=30", "split.missing_class=warn"]
    with pytest.raises(CrosshashError, match=rf"1 picture.*\n.*{re.escape(gone)}"):
        prepare(tmp_path / "run", monkeypatch, "nuswide10", *settings)
    assert not (tmp_path / "run/data/nuswide10").exists()
    folder = prepare(tmp_path / "run", monkeypatch, "nuswide10", *settings, "convert.bad_images=skip")
    assert len(read_pairs(folder)) == 44
    info = read_info(folder)
    assert info.classes == nuswide10.CLASSES
    assert info.counts["captionless"] == 7
    assert read_json(folder / "vocabulary.json") == {"words": list(WORDS)}


def test_served_downloaded_converted_trained_and_scored(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the 84 images 72 have a text: 8 ask, 40 are trained on, of which 2 choose the epoch."""
    with FileServer(pack_nuswide(original, tmp_path / "served")) as server:
        folder = prepare(
            tmp_path / "run", monkeypatch, "nuswide", f"download.mirror={server.url}", "split.query=8",
            "split.train=40", "split.missing_class=warn",
        )  # fmt: skip
        assert {server.count(source.name) for source in nuswide.SOURCES} == {1}
    info = read_info(folder)
    assert info.chance == pytest.approx(210 / 3486)
    assert info.counts == {
        "query": 8, "train": 38, "val": 2, "rest": 36, "unlabelled": 0, "captionless": 12,
    }  # fmt: skip
    pairs = {pair.id: pair for pair in read_pairs(folder)}
    assert pairs[f"sea-horse/0002_{photo_of(5)}.jpg"].captions == ("red macro",)
    scores = train_and_score(monkeypatch, "nuswide")
    assert all(0 < scores[task]["mAP"] <= 1 for task in ("i2t", "t2i"))
