from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import crosshash
from crosshash.collection.collection import remove_items
from crosshash.errors import CrosshashError
from crosshash.export.bundle import write_bundle
from crosshash.export.verify import verify_bundle
from crosshash.search import Searcher
from crosshash.search.hasher import Hasher
from tests.bundle.conftest import SIDE

LEFT_OUT = [
    *(
        "torch",
        "torchvision",
        "open_clip",
        "timm",
        "transformers",
        "dvc",
        "prefect",
        "pandas",
        "numba",
        "pooch",
    ),
    *(
        "numba",
        "llvmlite",
        "scipy",
        "sklearn",
        "h5py",
        "matplotlib",
        "webdataset",
        "safetensors",
        "onnx",
        "requests",
    ),
]
ALONE = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {LEFT_OUT}: raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Missing())
import crosshash, crosshash.service.run
found = crosshash.open_bundle(sys.argv[1])
print([hit.id for hit in found.search("a red circle", top=3)])
try: crosshash.load(".")
except Exception as error: print(type(error).__name__, error)
"""


@pytest.fixture(scope="module")
def opened(bundle: Path) -> Hasher:
    return crosshash.open_bundle(bundle)


@pytest.fixture(scope="module")
def searcher(trained_project: Path) -> Searcher:
    return Searcher.open(trained_project, trained_project / "artifacts" / "index")


def test_texts_and_pictures_find_what_they_find_in_the_project(opened: Hasher, searcher: Searcher) -> None:
    texts = ["a red circle", "two large squares on a blue ground", "something green"]
    ours = opened.searcher.encode_texts(texts), searcher.encode_texts(texts)
    pictures = [searcher.picture(searcher.index.items.table["id"][row].as_py()) for row in range(5)]
    shown = [
        one.encode_pictures([picture for picture in pictures if picture])
        for one in (opened.searcher, searcher)
    ]
    for (one, two), task in ((ours, "t2i"), (ours, "t2t"), (tuple(shown), "i2t"), (tuple(shown), "i2i")):
        assert np.array_equal(one.codes, two.codes)
        assert opened.searcher.find(one, task, 20) == searcher.find(two, task, 20)


def test_items_and_texts_beside_them_find_what_they_find_in_the_project(
    opened: Hasher, trained_project: Path
) -> None:
    theirs, item = crosshash.load(trained_project), "images/00007.jpg"
    for asked in (
        {"like": item},
        {"like": item, "text": "at night"},
        {"image": opened.searcher.picture(item)},
    ):
        found = [one.search(**asked, top=20, offset=5) for one in (opened, theirs)]  # type: ignore[arg-type]
        assert found[0] == found[1]
        assert len(found[0]) == 20


@pytest.mark.parametrize("name", ["trained_project", "of_vectors", "quantising"])
def test_all_codes_of_pictures_vectors_and_texts_agree(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    project: Path = request.getfixturevalue(name)
    write_bundle(project, tmp_path / "bundle", project / "artifacts" / "index")
    image, text = verify_bundle(project, tmp_path / "bundle")
    assert image.items >= 50
    assert text.items >= 50
    assert (image.other, text.other, image.rankings, text.rankings) == (0, 0, [], [])
    assert image.bits == image.items * Searcher.open(project).bits


def test_codes_agree_where_no_item_is_left_to_be_ranked(changing: Path, tmp_path: Path) -> None:
    remove_items(changing, Searcher.open(changing).files.items.whole().table["id"].to_pylist())
    write_bundle(changing, tmp_path / "bundle")
    image, text = verify_bundle(changing, tmp_path / "bundle")
    assert min(image.items, text.items) >= 50
    assert (image.other, text.other, image.rankings, text.rankings) == (0, 0, [], [])


def test_the_second_stage_comes_along(quantising: Path, tmp_path: Path) -> None:
    write_bundle(quantising, tmp_path / "bundle")
    ours, theirs = crosshash.open_bundle(tmp_path / "bundle").searcher, Searcher.open(quantising)
    found = [one.find(one.encode_texts(["a red circle"]), "t2i", 20) for one in (ours, theirs)]
    assert [[hit.id for hit in hits] for hits in found[0]] == [[hit.id for hit in hits] for hits in found[1]]
    assert np.allclose([hit.score for hit in found[0][0]], [hit.score for hit in found[1][0]], atol=0.01)


def test_vectors_and_words_are_asked_as_in_the_project(of_vectors: Path, tmp_path: Path) -> None:
    write_bundle(of_vectors, tmp_path / "bundle")
    opened = crosshash.open_bundle(tmp_path / "bundle")
    assert opened.encoder.unknown_words("a small zebra") == ["zebra"]
    with pytest.raises(CrosshashError, match="reads no pictures: give it vectors"):
        opened.search(image=b"none")
    with pytest.raises(CrosshashError, match="the model knows no word of 'zebra'"):
        opened.search("zebra")
    assert len(opened.encode_image(np.ones((3, 5)))) == 3
    assert not opened.searcher.shows_pictures


def test_small_pictures_are_shown(opened: Hasher, bundle: Path, searcher: Searcher) -> None:
    found = opened.searcher.item(opened.search("a red circle", top=1)[0].id)
    assert found is not None
    assert found.has_picture
    small = opened.searcher.picture(found.id)
    assert small is not None
    assert max(Image.open(io.BytesIO(small)).size) == SIDE
    assert len(list((bundle / "pictures").glob("*/*.jpg"))) <= len(searcher.index.items)


def test_without_pictures_none_are_promised(trained_project: Path, tmp_path: Path) -> None:
    write_bundle(trained_project, tmp_path / "bare", trained_project / "artifacts" / "index")
    found = crosshash.open_bundle(tmp_path / "bare").searcher
    item = found.item("images/00003.jpg") or found.item(found.index.items.table["id"][0].as_py())
    assert not found.shows_pictures
    assert item is not None
    assert not item.has_picture
    assert not (tmp_path / "bare" / "pictures").exists()


def test_nothing_of_the_pipeline_is_needed(bundle: Path, opened: Hasher, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(bundle)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    ids = [hit.id for hit in opened.search("a red circle", top=3)]
    needed = 'CrosshashError this needs torch, which is not installed: pip install "crosshash[pipeline]"'
    assert done.stdout.splitlines() == [str(ids), needed], done.stderr


def test_a_bundle_of_another_model_is_not_compared(bundle: Path, quantising: Path) -> None:
    with pytest.raises(
        CrosshashError, match=r"bundle\.json: is of another model than .*Make the bundle anew"
    ):
        verify_bundle(quantising, bundle)
