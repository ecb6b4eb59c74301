from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from benchmarks.mirflickr import check_counts, read_labels
from crosshash.acquire.publisher import Transfer
from crosshash.artifacts import read_npz
from crosshash.datasets import mirflickr25k
from crosshash.errors import CrosshashError
from crosshash.pairs.info import read_info
from crosshash.pairs.labels import sharing_chance
from crosshash.pairs.source import PixelRows, RawItems
from stages import centers, convert, download, transform
from tests.acquire.file_server import FileServer
from tests.datasets.layouts.mirflickr_fixture import (
    ANNOTATIONS,
    COMMON,
    write_archives,
    write_original,
    write_release,
)
from tests.datasets.stage_chain import prepare, train_and_score
from tests.pairs.pair_rows import read_pairs
from tests.stages.stage_runs import files_of

SPLIT = ("split.query=8", "split.train=40", "split.missing_class=warn")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_original(tmp_path_factory.mktemp("mirflickr"))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A copy of the published files that a test may spoil."""
    return write_original(tmp_path / "copy")


def share(source: RawItems) -> float | None:
    return sharing_chance([item.labels for item in source.items], source.classes)


def labels_per_item(source: RawItems) -> float:
    return float(np.mean([len(item.labels) for item in source.items]))


def test_every_labelled_image(original: Path) -> None:
    """Images 1..72, of them 24 with two labels: 96 / 72 labels each.

    Each class has images c + 1, c + 25, c + 49 and the one that has it as its second: 4, so 6 pairs;
    24 x 6 = 144 of 72 x 71 / 2 = 2556 pairs share a label, and none shares two, for no two images have the
    same two. Without any tag: 10, 20, .. 70.
    """
    source = mirflickr25k.read(original, tags="all", local=str(original))
    assert (len(source.items), len(source.classes)) == (72, 24)
    assert labels_per_item(source) == pytest.approx(96 / 72)
    assert share(source) == pytest.approx(144 / 2556)
    assert [item.id for item in source.items if not item.captions] == [
        f"im{n}.jpg" for n in range(10, 73, 10)
    ]
    assert source.warnings == ("8 of 80 images are left out: they lack a label or a tag",)
    assert source.vocabulary == COMMON


def test_images_with_a_common_tag(original: Path) -> None:
    """Without the 14 multiples of 5 up to 72: 58 images; 20 of the first 24 are left: 58 + 20 labels.

    Pairs: an image shares a label with 3 others for each of its labels. The 4 multiples of 5 up to 24 lose
    6 pairs each, the other 10 lose 3 each: 54, of which (5, 30), (10, 35), (15, 40), (20, 45) are counted
    twice; 144 - 54 + 4 = 94 of 58 x 57 / 2 = 1653 are left.
    """
    source = mirflickr25k.read(original, tags="common", local=str(original))
    assert (len(source.items), len(source.classes)) == (58, 24)
    assert labels_per_item(source) == pytest.approx(78 / 58)
    assert share(source) == pytest.approx(94 / 1653)
    assert all(item.captions for item in source.items)
    assert source.warnings == ("22 of 80 images are left out: they lack a label or a tag",)
    assert source.vocabulary == COMMON


def test_tags_are_one_caption(original: Path) -> None:
    """Image 1 has odd tags 1 and 2 around common tags 1 and 6; image 5 has odd tags alone."""
    items = {item.id: item for item in mirflickr25k.read(original, tags="all", local=str(original)).items}
    assert items["im1.jpg"].captions == ("rock&roll nikon sunset c++",)
    assert items["im1.jpg"].labels == ("animals", "baby")
    assert items["im5.jpg"].captions == ("… Zürich",)
    common = {item.id: item for item in mirflickr25k.read(original, tags="common", local=str(original)).items}
    assert common["im1.jpg"].captions == ("nikon sunset",)
    assert "im5.jpg" not in common


def test_the_second_judgement_has_no_say(own: Path) -> None:
    (own / ANNOTATIONS / "baby_r1.txt").write_text("80\n")
    source = mirflickr25k.read(own, tags="all", local=str(own))
    assert len(source.items) == 72
    assert source.classes == tuple(sorted(path.stem for path in (own / ANNOTATIONS).glob("[a-z]*[!1].txt")))


def test_annotations_may_lie_elsewhere(own: Path) -> None:
    (own / ANNOTATIONS).rename(own / "annotations")
    assert len(mirflickr25k.read(own, tags="all", local=str(own)).items) == 72


def test_images_are_paths_and_may_be_missing(own: Path) -> None:
    (own / "mirflickr/im3.jpg").unlink()
    source = mirflickr25k.read(own, tags="all", local=str(own))
    assert isinstance(source.images, tuple)
    assert source.images[2] == own / "mirflickr/im3.jpg"
    assert sum(path.is_file() for path in source.images) == 71


def test_a_tag_given_twice_counts_once_and_line_separators_of_unicode_end_no_line(own: Path) -> None:
    (own / "mirflickr/meta/tags/tags1.txt").write_text("a\u2028b\nred\r\nred\n\n", encoding="utf-8")
    assert mirflickr25k.read(own, tags="all", local=str(own)).items[0].captions == ("a\u2028b red",)


Spoil = Callable[[Path], object]


def write(name: str, text: bytes) -> Spoil:
    return lambda folder: (folder / name).write_bytes(text)


def unlink(*names: str) -> Spoil:
    def spoil(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return spoil


LAKE = f"{ANNOTATIONS}/lake.txt"
TAGS = "mirflickr/meta/tags"
COUNTS = "mirflickr/doc/common_tags.txt"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (write(LAKE, b"11\n81\n"), r"lake\.txt: line 2: '81' is no image; they are numbered from 1 to 80"),
        (write(LAKE, b"0\n"), r"lake\.txt: line 1: '0' is no image"),
        (write(LAKE, b"11\nim12\n"), r"lake\.txt: line 2: 'im12' is no image"),
        (write(LAKE, b"11\n\n11\n"), r"lake\.txt: line 3: image 11 stands there already"),
        (write(LAKE, b""), r"lake\.txt: names no image\n"),
        (
            write(LAKE, b"1\xb2\n"),
            r"lake\.txt: line 1, byte 2 \(0xb2\) is not UTF-8\. Save the file as UTF-8",
        ),
        (write(f"{TAGS}/tags7.txt", b"sky\ncaf\xe9\n"), r"tags7\.txt: line 2, byte 4 \(0xe9\) is not UTF-8"),
        (
            unlink(f"{TAGS}/tags7.txt", f"{TAGS}/tags9.txt"),
            r"2 tag file.*\n.*tags7\.txt\n.*tags9\.txt\nUnpack",
        ),
        (unlink(f"{TAGS}/tags80.txt"), r"1 tag file\(s\) are missing:\n.*tags80\.txt"),
        (write(COUNTS, b""), r"common_tags\.txt: is empty\. Unpack mirflickr25k\.zip again"),
        (write(COUNTS, b"sky 9\nbw\n"), r"common_tags\.txt: 1 .*\n.*line 2: 'bw' is not a tag and its count"),
        (write(COUNTS, b"sky 9\nsky 8\n"), r"common_tags\.txt: 1 .*\n.*line 2: 'sky' stands there already"),
        (write(COUNTS, b"sky 9\n\xe9 8\n"), r"common_tags\.txt: line 2, byte 1 \(0xe9\) is not UTF-8"),
        (write(COUNTS, b"none 9\n"), "of 80 images, 72 have a label and none of these has a tag"),
    ],
)
def test_bad_files_are_named(own: Path, spoil: Spoil, message: str) -> None:
    spoil(own)
    with pytest.raises(CrosshashError, match=message):
        mirflickr25k.read(own, tags="common", local=str(own))


def test_all_bad_annotations_are_told_at_once(own: Path) -> None:
    write(LAKE, b"0\n81\n")(own)
    write(LAKE.replace("lake", "sky"), b"")(own)
    with pytest.raises(
        CrosshashError, match=r"(?s)^3 annotation.*: '0'.*: '81'.*sky\.txt: names no image.*Unpack both"
    ):
        mirflickr25k.read(own, tags="all", local=str(own))


# the .mat release


def test_labels_and_tags_alone(tmp_path: Path) -> None:
    """Images 1..60 of it: 24 with two labels, 84 / 60 each; classes 0..11 have 4 images, 12..23 have 3.

    So 12 x 6 + 12 x 3 = 108 of 60 x 59 / 2 = 1770 pairs share a label.
    """
    release = write_release(tmp_path / "release")
    source = mirflickr25k.read(tmp_path, tags="common", local=str(release))
    assert (len(source.items), source.classes) == (60, mirflickr25k.CLASSES)
    assert source.items[0].labels == ("animals", "baby")
    assert labels_per_item(source) == 84 / 60
    assert share(source) == pytest.approx(108 / 1770)
    assert source.images is None
    assert source.text is not None
    assert source.text.shape == (60, 12)
    assert source.warnings == (
        f"{release / 'mirflickr25k-lall.mat'}: the .mat release is read, since the archives are not all "
        "beside it; it holds only images with a common tag, so that mirflickr25k.tags has no say",
    )
    files = mirflickr25k.fetch(tmp_path / "raw", tags="common", **transfer(release))
    assert [file.name for file in files] == ["mirflickr25k-lall.mat", "mirflickr25k-yall.mat"]


@pytest.mark.parametrize("place", ["", "IAll/"])
def test_vectors_beside_the_release(tmp_path: Path, place: str) -> None:
    """mirflickr25k-iall-vgg.mat holds XAll (penghu-cs/UCCH, src/cmdataset.py); pictures come before it."""
    release = write_release(tmp_path / "release")
    vectors = np.random.default_rng(0).random((60, 7))
    path = release / f"{place}mirflickr25k-iall-vgg.mat"
    path.parent.mkdir(exist_ok=True)
    scipy.io.savemat(path, {"XAll": vectors})
    source = mirflickr25k.read(tmp_path, tags="common", local=str(release))
    np.testing.assert_array_equal(source.images, vectors.astype(np.float32))
    files = mirflickr25k.fetch(tmp_path / "raw", tags="common", **transfer(release))
    assert f"{place}mirflickr25k-iall-vgg.mat" in [file.name for file in files]
    scipy.io.savemat(release / "mirflickr25k-iall.mat", {"IAll": np.zeros((60, 4, 4, 3), dtype=np.uint8)})
    source = mirflickr25k.read(tmp_path, tags="common", local=str(release))
    assert isinstance(source.images, PixelRows)


def test_the_benchmark_reads_the_release_as_the_pipeline_does(tmp_path: Path) -> None:
    """60 pairs with 84 labels, as above: not the 20,015 of the true release."""
    release = write_release(tmp_path / "release")
    labels = read_labels(release)
    assert (labels.shape, labels.sum()) == ((60, 24), 84)
    np.testing.assert_array_equal(read_labels(release / "mirflickr25k-lall.mat"), labels)
    with pytest.raises(CrosshashError, match="has 20015 pairs, 24 classes"):
        check_counts(release, labels)
    for part in ("LAll", "YAll"):
        name = f"mirflickr25k-{part.lower()}.mat"
        (release / part).mkdir()
        (release / name).rename(release / part / name)
    np.testing.assert_array_equal(read_labels(release / "LAll" / "mirflickr25k-lall.mat"), labels)


def test_the_benchmark_takes_20015_pairs_of_24_classes_with_3_78_labels(tmp_path: Path) -> None:
    """75,657 labels: 3.78001 each; 75,900 would be 3.79."""
    labels = np.zeros((20_015, 24), dtype=np.uint8)
    labels.flat[:75_657] = 1
    check_counts(tmp_path, labels)
    labels.flat[:75_900] = 1
    with pytest.raises(CrosshashError):
        check_counts(tmp_path, labels)


def test_labels_and_tags_alone_through_the_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = write_release(tmp_path / "release")
    folder = prepare(tmp_path / "run", monkeypatch, "mirflickr25k", f"download.local={release}", *SPLIT)
    info = read_info(folder)
    assert info.classes == mirflickr25k.CLASSES
    assert (info.counts["query"], info.counts["train"] + info.counts["val"]) == (8, 40)
    assert info.chance == pytest.approx(108 / 1770)
    monkeypatch.setattr(sys, "argv", ["", "mirflickr25k"])
    centers.main()
    transform.main()
    assert read_npz(Path("artifacts/transform.npz"))["matrix"].shape == (32, 16)


@pytest.mark.parametrize("below", ["", "mirflickr25k"])
def test_the_archives_unpacked_come_before_the_release(own: Path, tmp_path: Path, below: str) -> None:
    """72 images have a label; the release beside them has 60. Without one file of labels it is taken."""
    local = own
    if below:
        local = tmp_path / "local"
        local.mkdir()
        own.rename(local / below)
    for path in write_release(tmp_path / "release").iterdir():
        path.rename(local / path.name)
    source = mirflickr25k.read(tmp_path / "raw", tags="all", local=str(local))
    assert len(source.items) == 72
    names = {file.name for file in mirflickr25k.fetch(tmp_path / "raw", tags="all", **transfer(local))}
    assert "mirflickr/im1.jpg" in names
    assert not any(name.endswith(".mat") for name in names)
    (local / below / LAKE).unlink()
    source = mirflickr25k.read(tmp_path / "raw", tags="all", local=str(local))
    assert len(source.items) == 60
    assert "the .mat release is read" in source.warnings[-1]


def test_the_archives_packed_come_before_the_release(tmp_path: Path) -> None:
    write_archives(tmp_path / "local", tmp_path / "scratch")
    for path in write_release(tmp_path / "release").iterdir():
        path.rename(tmp_path / "local" / path.name)
    mirflickr25k.fetch(tmp_path / "raw", tags="all", **transfer(tmp_path / "local"))
    source = mirflickr25k.read(tmp_path / "raw", tags="all", local=str(tmp_path / "local"))
    assert len(source.items) == 72


# from archives


def transfer(local: Path) -> Transfer:
    return {"local": str(local), "mirror": None, "checksums": "first", "parallel": 2}


def test_from_the_archives_to_the_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second run asks the server for nothing and writes the same bytes."""
    write_archives(tmp_path / "served", tmp_path / "scratch")
    with FileServer(tmp_path / "served") as server:
        settings = (f"download.mirror={server.url}", "download.checksums=first", *SPLIT)
        folder = prepare(tmp_path / "run", monkeypatch, "mirflickr25k", *settings)
        asked, first = len(server.requests), files_of(folder)
        download.main()
        convert.main()
        assert len(server.requests) == asked > 0
    assert files_of(folder) == first
    pairs = {pair.id: pair for pair in read_pairs(folder)}
    assert len(pairs) == 72
    assert pairs["im1.jpg"].captions == ("rock&roll nikon sunset c++",)
    info = read_info(folder)
    assert info.chance == pytest.approx(144 / 2556)
    assert (info.counts["unlabelled"], info.counts["captionless"]) == (0, 7)
    scores = train_and_score(monkeypatch, "mirflickr25k")
    assert all(0 < scores[task]["mAP"] <= 1 for task in ("i2t", "t2i"))
