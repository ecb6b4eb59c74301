"""IAPR TC-12, by a small made-up copy: tests.datasets.layouts.iaprtc12_fixture counts its labels by hand."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from crosshash.datasets import iaprtc12
from crosshash.errors import CrosshashError
from crosshash.pairs.info import read_info
from crosshash.pairs.labels import sharing_chance
from crosshash.pairs.source import RawItems
from tests.acquire.file_server import FileServer
from tests.datasets.folders import picture
from tests.datasets.layouts.iaprtc12_fixture import (
    CLASSES,
    NUMBERS,
    annotation,
    labels_file,
    photo,
    stem_of,
    wlist,
    write_archives,
    write_copy,
)
from tests.datasets.stage_chain import prepare, train_and_score
from tests.pairs.pair_rows import read_pairs


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_copy(tmp_path_factory.mktemp("iaprtc12"))


@pytest.fixture
def copy(published: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(published, tmp_path / "copy"))


def read(place: Path, text: str = "description") -> RawItems:
    return iaprtc12.read(place / "raw", local=str(place), text=text)


def refused(place: Path) -> str:
    with pytest.raises(CrosshashError) as error:
        read(place)
    return str(error.value)


def captions(source: RawItems) -> dict[str, tuple[str, ...]]:
    return {item.id: item.captions for item in source.items}


# what comes out


def test_pairs_classes_and_labels_are_those_counted_by_hand(published: Path) -> None:
    source = read(published)
    assert [item.id for item in source.items] == [f"images/{stem_of(number)}.jpg" for number in NUMBERS]
    assert source.classes == CLASSES
    assert sum(len(item.labels) for item in source.items) / len(source.items) == 1.75
    assert sharing_chance([item.labels for item in source.items], source.classes) == 870 / 1770
    assert [item.labels for item in source.items[:4]] == [
        ("branch", "cloud"),
        ("bridge",),
        ("building", "cloud"),
        ("bridge", "concept 61"),
    ]


def test_pictures_are_those_of_the_photo_archive(published: Path) -> None:
    source = read(published)
    assert isinstance(source.images, tuple)
    assert source.images == tuple(photo(published, number) for number in NUMBERS)
    with Image.open(source.images[0]) as first:
        assert first.format == "JPEG"


def test_photos_without_text_stay_and_those_without_label_go(published: Path) -> None:
    source = read(published)
    without = [item.id for item in source.items if not item.captions]
    assert without == ["images/01/1005.jpg", "images/40/40499.jpg"]
    assert source.warnings == (
        "1 photo(s) without a label, left out",
        "1 annotation(s) without photo and label, left out",
        "1 labelled photo(s) without an .eng file, only searched",
        "5 concepts label a photo; published work has 255 classes",
    )


def test_255_classes_are_those_of_published_work(copy: Path) -> None:
    """The fixture uses 4 concepts with a name and one without; 250 more, each on a photo, make 255."""
    more = range(1001, 1251)
    with wlist(copy).open("a") as file:
        file.writelines(f"{number}\tthing {number}\n" for number in more)
    with labels_file(copy, "00").open("a") as file:
        file.writelines(f"25\t1\t{number}\n" for number in more)
    source = read(copy)
    assert len(source.classes) == 255
    assert not any("published work" in warning for warning in source.warnings)


def test_the_text_is_the_description(published: Path) -> None:
    found = captions(read(published))
    assert found["images/00/25.jpg"] == ("a condor above a rock & a café;",)
    assert found["images/00/26.jpg"] == ("a view of 26;",)  # no TITLE and no NOTES
    assert found["images/00/27.jpg"] == ("a view of 27;",)  # CRLF


def test_the_text_can_be_title_description_and_notes(published: Path) -> None:
    found = captions(read(published, "all"))
    assert found["images/00/25.jpg"] == ("Cañón del Colca; a condor above a rock & a café; It’s deep",)
    assert found["images/00/26.jpg"] == ("a view of 26;",)
    assert found["images/01/1005.jpg"] == ("Photo 1005",)  # its description is empty
    assert found["images/40/40499.jpg"] == ()


def test_bytes_that_windows_1252_does_not_know_are_latin_1(copy: Path) -> None:
    path = annotation(copy, 30)
    path.write_bytes(path.read_bytes().replace(b"a view", b"a\x81 v\xedew"))
    assert captions(read(copy))["images/00/30.jpg"] == ("a\x81 víew of 30;",)


def test_all_label_lines_may_stand_in_one_file(copy: Path) -> None:
    together = b"".join(labels_file(copy, folder).read_bytes() for folder in ("40", "00", "01"))
    expected = read(copy)
    (copy / "wlist.txt").write_bytes(wlist(copy).read_bytes())
    shutil.rmtree(copy / "saiaprtc12ok")
    (copy / "labels.txt").write_bytes(together)
    assert read(copy) == expected


def test_the_parts_may_lie_side_by_side(copy: Path) -> None:
    expected = read(copy)
    for path in [*(copy / "iaprtc12").iterdir(), *(copy / "saiaprtc12ok").iterdir()]:
        path.rename(copy / path.name)
    found = read(copy)
    assert found.items == expected.items
    assert found.images == tuple(copy / item.id for item in found.items)


# what is refused

Spoil = Callable[[Path], object]


def appended(path: Callable[[Path], Path], text: str) -> Spoil:
    return lambda copy: path(copy).write_text(path(copy).read_text() + text)


def cut(copy: Path) -> None:
    path = annotation(copy, 1003)
    path.write_bytes(path.read_bytes()[:90])


def unclosed(copy: Path) -> None:
    path = annotation(copy, 1003)
    path.write_bytes(path.read_bytes().replace(b"</DESCRIPTION>", b""))


def first_labels(copy: Path) -> Path:
    return labels_file(copy, "00")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (cut, r"1 annotation\(s\) cannot be used:\n.*01/1003\.eng: is cut, an end tag is missing\nUnpack"),
        (unclosed, r"01/1003\.eng: is cut"),
        (lambda copy: annotation(copy, 1003).write_bytes(b""), r"01/1003\.eng: is cut"),
        (
            appended(first_labels, "77\t1\t29\n"),
            r"00/labels\.txt: line 57: photo 77 is unknown, it has neither \.jpg nor \.eng\nUnpack",
        ),
        (appended(first_labels, "25\t9\t277\n"), r"line 57: concept 277 is not in wlist\.txt"),
        (appended(first_labels, "25\t9\n"), r"line 57: '25\t9' is not three numbers: photo, region, concept"),
        (appended(first_labels, "25\t9\t29\t1\n"), r"line 57: .* is not three numbers"),
        (appended(first_labels, "25\t9\tbranch\n"), r"line 57: .* is not three numbers"),
        (
            appended(wlist, "60\tsky\n"),
            r"wlist\.txt: 1 line\(s\) do not fit:\n.*line 7: number 60 stands twice",
        ),
        (appended(wlist, "63\tcloud\n"), r"line 7: name 'cloud' stands twice"),
        (appended(wlist, "sky-blue\n"), r"line 7: 'sky-blue' begins with no number"),
        (lambda copy: wlist(copy).write_bytes(b"29\tbr\xe4nch\n"), r"wlist\.txt: line 1.*not UTF-8"),
    ],
)
def test_what_does_not_fit_is_told_with_file_line_and_remedy(copy: Path, spoil: Spoil, message: str) -> None:
    spoil(copy)
    with pytest.raises(CrosshashError, match=message):
        read(copy)


def test_all_bad_lines_are_told_at_once(copy: Path) -> None:
    appended(first_labels, "25\t9\n25\t1\t400\n")(copy)
    appended(lambda place: labels_file(place, "40"), "7\t1\t29\n")(copy)
    message = refused(copy)
    assert message.startswith("3 label(s) do not fit:\n")
    assert all(f"line {row}" in message for row in (57, 58))
    assert "photo 7 is unknown" in message


@pytest.mark.parametrize("suffix", [".jpg", ".eng"])
def test_a_number_in_two_folders_is_told(copy: Path, suffix: str) -> None:
    path = photo(copy, 30) if suffix == ".jpg" else annotation(copy, 30)
    shutil.copy(path, path.parents[1] / "01" / path.name)
    message = refused(copy)
    assert f"1 number(s) stand twice:\n  - 00/30{suffix}, 01/30{suffix}\n" in message
    assert "remove the files that do not belong there" in message


def test_photos_of_another_collection_are_told(copy: Path) -> None:
    """Only annotations match the labels, so that no item has both picture and text."""
    photo(copy, 40499).rename(annotation(copy, 40499))  # the one label without an annotation
    annotation(copy, 40499).write_text("<DOC></DOC>")
    shutil.rmtree(copy / "iaprtc12" / "images")
    photo(copy, 1).parent.mkdir(parents=True)
    picture(0).save(photo(copy, 1), "JPEG")
    assert "no photo has both a text and a label" in refused(copy)


def test_labels_without_any_file_are_told(copy: Path) -> None:
    for folder in ("00", "01", "40"):
        labels_file(copy, folder).unlink()
    assert "saiapr_tc-12: no folder in it has a labels.txt" in refused(copy)


@pytest.mark.parametrize("target", ["..", ".", "41"])
def test_links_that_go_round_in_circles_are_told(copy: Path, target: str) -> None:
    (copy / "iaprtc12" / "images" / "41").symlink_to(target)
    assert "images/41: " in refused(copy)


# from archives, through both stages


@pytest.mark.parametrize("way", ["unpacked", "packed", "mirror"])
def test_from_settings_to_scores(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Of the 30 training items 5 in 100, rounded up, choose the epoch."""
    archives = published if way == "unpacked" else write_archives(published, tmp_path / "archives")
    with FileServer(archives) as server:
        origin = f"mirror={server.url}" if way == "mirror" else f"local={archives}"
        sizes = ("split.query=10", "split.train=30")
        folder = prepare(tmp_path / "project", monkeypatch, "iaprtc12", f"download.{origin}", *sizes)
    info = read_info(folder)
    assert info.classes == CLASSES
    assert info.chance == 870 / 1770
    assert [info.counts[part] for part in ("query", "train", "val", "rest")] == [10, 28, 2, 20]
    assert (info.counts["unlabelled"], info.counts["captionless"]) == (0, 2)
    pairs = {pair.id: pair for pair in read_pairs(folder)}
    assert pairs["images/00/25.jpg"].captions == ("a condor above a rock & a café;",)
    assert pairs["images/40/40499.jpg"].part == "rest"
    if way == "mirror":
        scores = train_and_score(monkeypatch, "iaprtc12")
        assert all(0 <= scores[task]["mAP"] <= 1 for task in ("i2t", "t2i"))


def test_photos_from_a_mirror_and_labels_from_a_local_copy(published: Path, tmp_path: Path) -> None:
    archives = write_archives(published, tmp_path / "archives")
    (archives / "saiaprtc12ok.zip").unlink()
    local, raw = tmp_path / "local", tmp_path / "raw"
    shutil.copytree(published / "saiaprtc12ok" / "benchmark", local / "benchmark")
    with FileServer(archives) as server:
        files = iaprtc12.fetch(
            raw, text="all", local=str(local), mirror=server.url, checksums="known", parallel=2
        )
    assert {"iaprtc12/images/00/25.jpg", "benchmark/wlist.txt"} <= {file.name for file in files}
    source = iaprtc12.read(raw, local=str(local), text="description")
    assert source.items == read(published).items


def test_without_labels_the_message_says_what_is_there_and_where_the_rest_is_from(
    published: Path, tmp_path: Path
) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "iaprtc12").symlink_to(published / "iaprtc12")
    with pytest.raises(CrosshashError) as error:
        iaprtc12.fetch(
            tmp_path / "raw",
            text="all",
            local=str(tmp_path / "local"),
            mirror=None,
            checksums="known",
            parallel=1,
        )
    message = str(error.value)
    assert f"there: {tmp_path / 'local' / 'iaprtc12' / 'images'}" in message
    assert "saiaprtc12ok.part1.rar to part3.rar of https://www.imageclef.org/SIAPRdata" in message
    assert message.count("missing: ") == 2
