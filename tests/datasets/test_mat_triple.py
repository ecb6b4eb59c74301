"""`mat_triple` on folders as others publish them, and through the stages to the shards."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from PIL import Image

from crosshash.datasets import custom, mat_triple
from crosshash.errors import CrosshashError
from crosshash.pairs.source import PixelRows
from crosshash.shards.tar_files import read_items
from tests.datasets.folders import picture
from tests.formats.mat_files import write_mat73
from tests.pairs.pair_rows import read_pairs
from tests.stages.stage_runs import run_both, write_plans

EXAMPLES = Path(__file__).parents[2] / "examples"
COUNT = 12
NAMES = [f"im{number}.jpg" for number in range(COUNT)]
CAPTIONS = [f"caption {number}" for number in range(COUNT)]
LABELS = np.stack([np.arange(COUNT) % 2, np.arange(COUNT) % 3 == 0], axis=1).astype(np.uint8)
TAGS = np.eye(COUNT, 5, dtype=np.uint8)


def save(path: Path, **arrays: Any) -> None:  # noqa: ANN401
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, arrays)


def pixels() -> np.ndarray:
    return np.stack([np.asarray(picture(number, (16, 12))) for number in range(COUNT)])


def ours(place: Path) -> None:
    save(place / "index.mat", index=NAMES)
    save(place / "caption.mat", caption=CAPTIONS)
    save(place / "label.mat", category=LABELS)


def theirs_with_lines(place: Path) -> None:
    ours(place)
    (place / "caption.mat").unlink()
    (place / "caption.txt").write_text("\n".join(CAPTIONS))


def of_mith(place: Path) -> None:
    """As make_nuswide.py of DarrenZZhang/MM23-MITH saves: arrays of str, absolute names, float32 labels."""
    save(place / "index.mat", index=np.array([f"/TO/you/path/{name}" for name in NAMES]))
    save(place / "caption.mat", caption=np.array(CAPTIONS))
    save(place / "label.mat", label=LABELS.astype(np.float32))
    for name in NAMES[:2]:
        (place / name).touch()


def cleared_set(place: Path) -> None:
    write_mat73_in(place / "IAll/mirflickr25k-iall.mat", IAll=pixels().transpose(1, 2, 3, 0))
    save(place / "YAll/mirflickr25k-yall.mat", YAll=TAGS)
    save(place / "LAll/mirflickr25k-lall.mat", LAll=LABELS)
    save(place / "FAll/mirflickr25k-fall.mat", FAll=NAMES)


def names_alone(place: Path) -> None:
    cleared_set(place)
    (place / "IAll/mirflickr25k-iall.mat").unlink()


def bag_of_words_lists(place: Path) -> None:
    save(place / "imgList21.mat", imgs=np.array([["sea", name] for name in NAMES]))
    save(place / "tagList21.mat", tags=TAGS)
    save(place / "labelList21.mat", labels=LABELS)


def one_file(place: Path) -> None:
    write_mat73_in(place / "FLICKR-25K.mat", images=pixels().transpose(1, 2, 3, 0), YAll=TAGS, LAll=LABELS)


def one_file_without_images(place: Path) -> None:
    save(place / "all.mat", YAll=TAGS, LAll=LABELS)


def labels_and_tags(place: Path) -> None:
    save(place / "mirflickr25k-yall.mat", YAll=TAGS)
    save(place / "mirflickr25k-lall.mat", LAll=LABELS)


def write_mat73_in(path: Path, **arrays: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_mat73(path, arrays)


@pytest.mark.parametrize(
    ("write", "names", "ids"),
    [
        (ours, ("index.mat", "caption.mat", "label.mat"), NAMES),
        (theirs_with_lines, ("index.mat", "caption.txt", "label.mat"), NAMES),
        (of_mith, ("index.mat", "caption.mat", "label.mat"), NAMES),
        (
            cleared_set,
            ("IAll/mirflickr25k-iall.mat", "YAll/mirflickr25k-yall.mat", "LAll/mirflickr25k-lall.mat"),
            None,
        ),
        (
            names_alone,
            ("FAll/mirflickr25k-fall.mat", "YAll/mirflickr25k-yall.mat", "LAll/mirflickr25k-lall.mat"),
            NAMES,
        ),
        (
            bag_of_words_lists,
            ("imgList21.mat", "tagList21.mat", "labelList21.mat"),
            [f"sea/{name}" for name in NAMES],
        ),
        (one_file, ("FLICKR-25K.mat",) * 3, None),
        (one_file_without_images, (None, "all.mat", "all.mat"), None),
        (labels_and_tags, (None, "mirflickr25k-yall.mat", "mirflickr25k-lall.mat"), None),
    ],
)
def test_published_folders_are_recognised(
    tmp_path: Path,
    write: Callable[[Path], None],
    names: tuple[str | None, ...],
    ids: list[str] | None,
) -> None:
    """The files, the items, what they are of, and the list of raw files with the images that are there."""
    write(tmp_path)
    assert mat_triple.find_triple(tmp_path) == tuple(name and tmp_path / name for name in names)
    found = mat_triple.read(Path("raw"), path=str(tmp_path))
    assert [item.id for item in found.items] == (ids or [str(row) for row in range(COUNT)])
    assert found.items[3].labels == ("class 0", "class 1")
    assert found.classes == ("class 0", "class 1")
    if names[1] in ("caption.mat", "caption.txt"):
        assert found.items[3].captions == ("caption 3",)
    else:
        np.testing.assert_array_equal(found.text, TAGS)
    if "iall" in str(names[0]) or "FLICKR" in str(names[0]):
        assert isinstance(found.images, PixelRows)
    files = mat_triple.fetch(Path("raw"), path=str(tmp_path))
    there = {name for name in NAMES if (tmp_path / name).is_file()}
    assert [file.name for file in files] == sorted({name for name in names if name} | there)


def test_images_that_are_there_are_listed(tmp_path: Path) -> None:
    ours(tmp_path)
    for name in NAMES[:2]:
        picture(0).save(tmp_path / name)
    (tmp_path / "notes.txt").touch()
    files = mat_triple.fetch(tmp_path / "raw", path=str(tmp_path))
    assert [file.name for file in files] == ["caption.mat", "im0.jpg", "im1.jpg", "index.mat", "label.mat"]
    assert not (tmp_path / "raw").exists()


VECTORS = np.arange(COUNT * 4, dtype=float).reshape(COUNT, 4) / 7
WIKI = {"I": VECTORS, "T": TAGS, "L": np.arange(COUNT)[:, None] % 3 + 1}


@pytest.mark.parametrize(
    ("images", "ending"),
    [
        ("mirflickr25k-iall-vgg", ""),  # penghu-cs/UCCH, src/cmdataset.py, as the next ones
        ("mirflickr25k-iall-vgg", "-rand"),
        ("nus-wide-tc10-xall-vgg", ""),
        ("nus-wide-tc21-xall-vgg", "-clean"),
        ("mirflickr25k-iall", "-rand"),
        ("XAll/mirflickr25k-xall", ""),
    ],
)
@pytest.mark.parametrize("key", ["XAll", "IAll"])
@pytest.mark.parametrize("hdf5", [False, True])
def test_vectors_by_the_names_of_the_field(
    tmp_path: Path, images: str, ending: str, key: str, hdf5: bool
) -> None:
    """Version 5, or 7.3 as h5py users write it, with a column per item; labels and tags of one ending."""
    name = images.split("/")[-1].rsplit("-xall")[0].rsplit("-iall")[0]
    path = tmp_path / f"{images}{ending}.mat"
    if hdf5:
        write_mat73_in(path, **{key: VECTORS.T})
    else:
        save(path, **{key: VECTORS})
    save(tmp_path / f"{name}-yall{ending}.mat", YAll=TAGS.astype(float))
    save(tmp_path / f"{name}-lall{ending}.mat", LAll=LABELS)
    found = mat_triple.read(Path("raw"), path=str(tmp_path))
    np.testing.assert_array_equal(found.images, VECTORS.astype(np.float32))
    np.testing.assert_array_equal(found.text, TAGS)
    assert found.items[3].labels == ("class 0", "class 1")
    turned = f"{path.name}: '{key}': 4 x 12: has a column per item, and is turned"
    assert found.warnings == ((turned,) if hdf5 else ())


def test_files_of_one_ending_belong_together(tmp_path: Path) -> None:
    """`-rand` is another order of the rows: its vectors never meet labels in the first order."""
    labels_and_tags(tmp_path)
    save(tmp_path / "mirflickr25k-iall-vgg-rand.mat", XAll=VECTORS)
    assert mat_triple.find_triple(tmp_path)[0] is None
    found = mat_triple.read(Path("raw"), path=str(tmp_path))
    assert found.images is None
    assert found.warnings[0].startswith(f"{tmp_path}/mirflickr25k-lall.mat: no images belong to these labels")
    save(tmp_path / "mirflickr25k-yall-rand.mat", YAll=TAGS[::-1])
    save(tmp_path / "mirflickr25k-lall-rand.mat", LAll=LABELS[::-1])
    parts = ("iall-vgg", "yall", "lall")
    triple = tuple(tmp_path / f"mirflickr25k-{part}-rand.mat" for part in parts)
    assert mat_triple.find_triple(tmp_path) == triple
    save(tmp_path / "mirflickr25k-iall-vgg.mat", XAll=VECTORS)
    assert mat_triple.find_triple(tmp_path)[0] == tmp_path / "mirflickr25k-iall-vgg.mat"


def test_pictures_come_before_vectors_and_their_rows_are_counted(tmp_path: Path) -> None:
    cleared_set(tmp_path)
    save(tmp_path / "mirflickr25k-iall-vgg.mat", XAll=VECTORS)
    assert isinstance(mat_triple.read(Path("raw"), path=str(tmp_path)).images, PixelRows)
    for folder in ("IAll", "FAll"):
        next((tmp_path / folder).iterdir()).unlink()
    save(tmp_path / "mirflickr25k-iall-vgg.mat", XAll=VECTORS[1:])
    with pytest.raises(CrosshashError, match=r"(?s)differ in their rows.*iall-vgg\.mat: 'XAll': 11 x 4"):
        mat_triple.read(Path("raw"), path=str(tmp_path))


def test_folder_and_files_must_be_clear(tmp_path: Path) -> None:
    def error(path: Path) -> str:
        with pytest.raises(CrosshashError) as found:
            mat_triple.fetch(tmp_path, path=str(path))
        return str(found.value)

    assert "mat_triple.path: '" in error(tmp_path / "none")
    assert "none' is not there. Give a folder with index.mat, caption.mat" in error(tmp_path / "none")
    (tmp_path / "file").touch()
    assert "file' is a file. Give a folder" in error(tmp_path / "file")
    assert "found no .mat file. Give a folder with index.mat" in error(tmp_path)
    ours(tmp_path)
    (tmp_path / "label.mat").unlink()
    assert "found caption.mat, index.mat. Give a folder" in error(tmp_path)
    labels_and_tags(tmp_path / "two")
    save(tmp_path / "two/nus-wide-lall.mat", LAll=LABELS)
    assert "mirflickr25k-lall.mat, nus-wide-lall.mat: which of them? Leave one" in error(tmp_path / "two")


def test_the_example_is_examples_custom() -> None:
    """Written by convert's own function from that folder, as docs/datasets/mat_triple.md says."""
    found = mat_triple.read(Path("raw"), path=str(EXAMPLES / "mat_triple"))
    expected = custom.read(Path("raw"), path=str(EXAMPLES / "custom"))
    numbers = dict(zip(found.classes, expected.classes, strict=True))
    assert [(item.id, item.captions) for item in found.items] == [
        (item.id, item.captions) for item in expected.items
    ]
    for item, other in zip(found.items, expected.items, strict=True):
        assert {numbers[label] for label in item.labels} == set(other.labels)
        assert (EXAMPLES / "mat_triple" / item.id).read_bytes() == (
            EXAMPLES / "custom" / item.id
        ).read_bytes()


def test_through_the_stages_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The triple that convert writes is again what it was made of."""
    place = EXAMPLES / "mat_triple"
    write_plans(tmp_path, "mat_triple", {"path": str(place)})
    data = run_both(tmp_path, monkeypatch) / "mat_triple"
    pairs = read_pairs(data)
    source = mat_triple.read(Path("raw"), path=str(place))
    assert [(pair.id, pair.captions, pair.labels) for pair in pairs] == [
        (item.id, item.captions, item.labels) for item in source.items
    ]
    again = mat_triple.read(Path("raw"), path=str(data))
    assert again.items == source.items
    assert again.classes == source.classes


def test_pictures_and_tags_through_the_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures of a version 7.3 file become JPEGs, upright, in step with their tags and labels."""
    one_file(tmp_path / "set")
    write_plans(tmp_path, "mat_triple", {"path": str(tmp_path / "set")}, missing_class="warn")
    data = run_both(tmp_path, monkeypatch) / "mat_triple"
    items = [item for part in ("query", "train", "val", "rest") for item in read_items(data, part)]
    assert sorted(int(item.id) for item in items) == list(range(COUNT))
    for item in items:
        row = int(item.id)
        assert isinstance(item.image, bytes)
        seen = np.asarray(Image.open(io.BytesIO(item.image)), dtype=float)
        assert np.abs(seen - pixels()[row]).mean() < 4
        assert item.text is not None
        np.testing.assert_array_equal(item.text, TAGS[row])
        assert item.labels == tuple(f"class {c}" for c in np.flatnonzero(LABELS[row]))


def test_vectors_with_a_split_through_the_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """wikiData.mat: its queries are the queries, and the shards hold its vectors."""
    order = np.arange(COUNT)
    parts = {"tr": order < 8, "te": order >= 8}
    arrays = {f"{kind}_{part}": array[rows] for part, rows in parts.items() for kind, array in WIKI.items()}
    save(tmp_path / "set/wikiData.mat", **arrays)
    write_plans(tmp_path, "mat_triple", {"path": str(tmp_path / "set")}, val=0.0)
    data = run_both(tmp_path, monkeypatch) / "mat_triple"
    assert {(pair.id, pair.part) for pair in read_pairs(data)} == {
        *((f"train {row}", "train") for row in range(8)),
        *((f"query {row}", "query") for row in range(4)),
    }
    for item in read_items(data, "query"):
        row = 8 + int(item.id.split()[1])
        np.testing.assert_array_equal(item.image, VECTORS[row].astype(np.float32))
        np.testing.assert_array_equal(item.text, TAGS[row])
        assert item.labels == (f"class {row % 3 + 1}",)
