from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import ExifTags, Image

import crosshash
from crosshash.artifacts import read_npz
from crosshash.codes.hamming import distances as hamming
from crosshash.errors import CrosshashError
from crosshash.index.code_index import CodeIndex
from crosshash.inference.model_folder import ModelCard, build_method, save_model
from crosshash.models.tower_specs import TowerSpec
from crosshash.models.towers import build_towers
from crosshash.search import Asked, Hasher, load
from crosshash.search.asked import encode as encoded_together
from tests.search.conftest import run_again
from tests.stages.vector_set import BITS, SHORT, WORDS, book, write_set

BITS_OF_PROJECT = 16


@pytest.fixture(scope="module")
def hasher(trained_project: Path) -> Hasher:
    return load(trained_project)


@pytest.fixture(scope="module")
def items(trained_project: Path) -> pd.DataFrame:
    """The retrieval items in the order of their codes."""
    table = pd.read_parquet(trained_project / "artifacts" / "index" / "items.parquet")
    assert len(table) == 108
    return table


def raw_picture(project: Path, name: str) -> Path:
    (path,) = (project / "raw").rglob(Path(name).name)
    return path


def test_the_package_gives_load(trained_project: Path) -> None:
    assert crosshash.load is load
    assert {"load", "__version__"} <= set(dir(crosshash))
    assert crosshash.load(str(trained_project)).bits == BITS_OF_PROJECT


def test_captions_and_pictures_have_the_codes_that_the_pipeline_gave_them(
    trained_project: Path, hasher: Hasher, items: pd.DataFrame
) -> None:
    stored = read_npz(trained_project / "artifacts" / "codes" / "retrieval.npz")
    texts = hasher.encode_text(items["caption"].tolist())
    assert np.array_equal(texts.packed, stored["text"])
    pictures = [raw_picture(trained_project, name) for name in items["image"][:12]]
    images = hasher.encode_image(pictures)
    assert np.array_equal(images.packed, stored["image"][:12])
    assert (images.bits, len(images)) == (BITS_OF_PROJECT, 12)
    assert images.ids.tolist() == [str(row) for row in range(12)]


def test_a_code_does_not_depend_on_what_is_encoded_with_it(hasher: Hasher) -> None:
    texts = ["a red circle", "two blue stars", "green"]
    together = hasher.encode_text(texts)
    for row, text in enumerate(texts):
        assert np.array_equal(hasher.encode_text([text]).packed, together.packed[row : row + 1])


def test_a_text_finds_the_nearest_images_by_distance_then_row(
    trained_project: Path, hasher: Hasher, items: pd.DataFrame
) -> None:
    codes = read_npz(trained_project / "artifacts" / "codes" / "retrieval.npz")["image"]
    distances = hamming(hasher.encode_text(["a red circle"]).packed, codes)[0]
    order = np.lexsort((np.arange(len(codes)), distances))[:10]
    hits = hasher.search("a red circle")
    assert [hit.id for hit in hits] == items["id"][order].tolist()
    assert [hit.distance for hit in hits] == distances[order].tolist()
    assert [hit.caption for hit in hits] == items["caption"][order].tolist()
    assert [list(hit.labels) for hit in hits] == [list(names) for names in items["labels"][order]]


def test_a_picture_finds_texts(trained_project: Path, hasher: Hasher, items: pd.DataFrame) -> None:
    codes = read_npz(trained_project / "artifacts" / "codes" / "retrieval.npz")["text"]
    path = raw_picture(trained_project, items["image"][3])
    hits = hasher.search(image=path, top=5)
    distances = hamming(hasher.encode_image([path]).packed, codes)[0]
    assert [hit.distance for hit in hits] == np.sort(distances)[:5].tolist()


def test_more_than_there_is_gives_all(hasher: Hasher) -> None:
    hits = hasher.search("a red circle", top=10_000)
    assert len(hits) == len({hit.id for hit in hits}) == 108


def test_pictures_of_other_formats_are_read(hasher: Hasher, tmp_path: Path) -> None:
    for name, mode in (("a.png", "P"), ("b.jpg", "L"), ("c.webp", "RGBA")):
        Image.new(mode, (30, 40)).save(tmp_path / name)
    assert len(hasher.encode_image([tmp_path / "a.png", str(tmp_path / "b.jpg"), tmp_path / "c.webp"])) == 3


@pytest.mark.parametrize("texts", [[""], ["a red circle", "  \n"]])
def test_an_empty_text_is_refused(hasher: Hasher, texts: list[str]) -> None:
    with pytest.raises(CrosshashError, match=rf"nothing to encode in text {len(texts) - 1}"):
        hasher.encode_text(texts)


def test_wrong_kinds_are_refused(hasher: Hasher) -> None:
    for encode in (hasher.encode_text, hasher.encode_image):
        with pytest.raises(CrosshashError, match="the list is empty"):
            encode([])
    with pytest.raises(CrosshashError, match=r"reads captions"):
        hasher.encode_text(np.zeros((1, 5)))
    with pytest.raises(CrosshashError, match=r"reads picture files \(a list of them\)"):
        hasher.encode_image(np.zeros((1, 5)))
    with pytest.raises(
        CrosshashError, match="a picture is a path, the bytes of a file or an image of Pillow, not int"
    ):
        hasher.encode_image([3])  # type: ignore[list-item]


def test_one_text_or_picture_is_a_list_of_one(
    trained_project: Path, hasher: Hasher, items: pd.DataFrame
) -> None:
    assert np.array_equal(
        hasher.encode_text("a red circle").packed, hasher.encode_text(["a red circle"]).packed
    )
    two = ["a red circle", "a blue square"]
    for kind in (None, object):  # as a table's column gives them
        assert np.array_equal(hasher.encode_text(np.array(two, kind)).packed, hasher.encode_text(two).packed)
    path = raw_picture(trained_project, items["image"][3])
    codes = hasher.encode_image([path]).packed
    for one in (path, str(path), path.read_bytes()):
        assert np.array_equal(hasher.encode_image(one).packed, codes)
    assert hasher.search(image=path.read_bytes(), top=5) == hasher.search(image=path, top=5)


def test_images_of_pillow_have_the_codes_of_the_same_pictures_saved(hasher: Hasher, tmp_path: Path) -> None:
    """Whatever their mode and size, and turned upright by their EXIF tag."""
    dice = np.random.default_rng(0)
    images = [Image.fromarray(dice.integers(0, 256, (90, 60, 3), dtype=np.uint8)).resize((600, 900))]
    images += [images[0].convert(mode).resize((50, 40)) for mode in ("L", "P", "RGBA", "1")]
    images[0].getexif()[ExifTags.Base.Orientation] = 6
    paths = [tmp_path / f"{number}.png" for number in range(len(images))]
    for image, path in zip(images, paths, strict=True):
        image.save(path, exif=image.getexif())
    saved = hasher.encode_image(paths).packed
    assert np.array_equal(hasher.encode_image(images).packed, saved)
    mixed = [paths[0], images[1], paths[2].read_bytes(), str(paths[3]), Image.open(paths[4])]
    assert np.array_equal(hasher.encode_image(mixed).packed, saved)
    assert np.array_equal(hasher.encode_image(images[2]).packed, saved[2:3])


def test_pictures_that_are_cut_or_too_large_are_refused(hasher: Hasher, tmp_path: Path) -> None:
    Image.new("RGB", (200, 200), "red").save(tmp_path / "a.png")
    cut = (tmp_path / "a.png").read_bytes()[:100]
    with pytest.raises(CrosshashError, match="cannot be decoded"):
        hasher.encode_image(Image.open(io.BytesIO(cut)))
    with pytest.raises(CrosshashError, match="cannot be decoded"):
        hasher.encode_image(cut)
    with pytest.raises(CrosshashError, match="more than 50,000,000 pixels"):
        hasher.encode_image(Image.new("1", (10_000, 5_001)))


def test_one_label_may_be_a_text(hasher: Hasher, items: pd.DataFrame) -> None:
    label = items["labels"][0][0]
    found = hasher.search("a red circle", labels=label, top=200)
    assert found == hasher.search("a red circle", labels=[label], top=200)
    assert {label in hit.labels for hit in found} == {True}
    with pytest.raises(CrosshashError, match=r"no item has the label 'circel' \(did you mean circle"):
        hasher.search("a red circle", labels="circel")


def test_one_question_at_a_time(hasher: Hasher) -> None:
    with pytest.raises(CrosshashError, match="nothing was given"):
        hasher.search()
    with pytest.raises(CrosshashError, match="not both"):
        hasher.search(image="b.jpg", like="images/00007.jpg")
    with pytest.raises(CrosshashError, match="top is 0"):
        hasher.search("a red circle", top=0)


def test_a_text_beside_a_picture_and_pages(hasher: Hasher) -> None:
    item = "images/00007.jpg"
    data = hasher.searcher.picture(item)
    assert data is not None
    asked = Asked("a red circle", data, weight=0.3)
    (wanted,) = hasher.searcher.find(encoded_together(hasher.searcher, [asked]), "i2i", 12)
    assert hasher.search("a red circle", image=data, weight=0.3, top=12) == wanted
    assert hasher.search("a red circle", image=data, weight=0.3, top=5, offset=7) == wanted[7:]
    like = hasher.search(like=item, top=200)
    assert {hit.id for hit in hasher.search(like=item, top=3)} == {hit.id for hit in like[:3]}
    assert item not in {hit.id for hit in like}


def test_a_file_that_is_no_picture_is_named(hasher: Hasher, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    for name, reason in (
        ("none.jpg", "the file is missing; give the path of a picture"),
        ("text.jpg", "not a picture in a known format; pictures are JPEG, PNG"),
    ):
        with pytest.raises(CrosshashError, match=rf"{name}: {reason}"):
            hasher.search(image=tmp_path / name)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(CrosshashError, match=r"artifacts/model/model\.json: not found\. Run `dvc repro`"):
        load(tmp_path)


def test_without_an_index_codes_are_given_and_a_search_is_refused(
    trained_project: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained_project / "artifacts" / "model", tmp_path / "artifacts" / "model")
    shutil.copy(trained_project / "artifacts" / "transform.npz", tmp_path / "artifacts")
    alone = load(tmp_path)
    assert len(alone.encode_text(["a red circle"])) == 1
    with pytest.raises(CrosshashError, match=r"artifacts/index: not found\. Run `dvc repro`"):
        alone.search("a red circle")


def test_an_index_of_other_codes_is_refused(trained_project: Path, tmp_path: Path) -> None:
    for name in ("artifacts", "plan"):
        shutil.copytree(trained_project / name, tmp_path / name)
    other = CodeIndex.build(np.zeros((108, 8), np.uint8), np.arange(108))
    other.save(tmp_path / "artifacts" / "index" / "image.faiss")
    with pytest.raises(CrosshashError, match="encode the queries with the model and the bits of the index"):
        load(tmp_path).search("a red circle")


@pytest.fixture
def vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hasher:
    """A model of random weights for image vectors and a bag of words, with its transform."""
    monkeypatch.chdir(tmp_path)
    write_set({"query": [], "train": [], "val": [], "rest": []})
    torch.manual_seed(0)
    image, text = TowerSpec("mlp", "mlp", 12, 5), TowerSpec("bow", "bow", 12, vocabulary=tuple(WORDS))
    card = ModelCard("twdh", BITS, {"quan_weight": 0.5, "short_weight": 0.0}, image, text, 1)
    method = build_method(card, build_towers(image, text), None)
    save_model(Path("artifacts/model"), card, method.state_dict())  # type: ignore[attr-defined]
    return load()


def test_vectors_are_encoded_where_the_model_reads_vectors(vectors: Hasher) -> None:
    assert vectors.bits == SHORT == book(SHORT, 2).bits
    codes = vectors.encode_image(np.random.default_rng(0).normal(size=(7, 5)))
    assert codes.signs().shape == (7, SHORT)
    assert len(vectors.encode_text(["a small cat", "unknown words only"])) == 2


def test_vectors_of_another_width_and_paths_are_refused(vectors: Hasher) -> None:
    for wrong in (np.zeros((3, 4)), np.zeros(5), ["picture.jpg"], [[0.0] * 5, [0.0] * 4]):
        with pytest.raises(CrosshashError, match=r"give it an array float\[N, 5\]"):
            vectors.encode_image(wrong)
    with pytest.raises(CrosshashError, match="the list is empty"):
        vectors.encode_image(np.zeros((0, 5)))
    for value in (np.nan, np.inf):
        given = np.zeros((4, 5))
        given[2, 1] = value
        with pytest.raises(CrosshashError, match="vector 2 holds values that are no finite numbers"):
            vectors.encode_image(given)


def test_a_vector_finds_what_its_code_is_nearest_to(changing: Path) -> None:
    """Alone texts, beside a text images; a row of a matrix is a vector, too."""
    hasher, given = load(changing), np.random.default_rng(0).normal(size=(1, 5))
    encoded = hasher.encoder.vectors("image", given)
    assert hasher.search(image=given[0]) == hasher.search(image=given)
    assert hasher.search(image=given[0], top=50) == hasher.searcher.find(encoded, "i2t", 50)[0]
    (alone,) = hasher.searcher.find(encoded, "i2i", 50, distance="asymmetric")
    mixed = hasher.search("a small cat", image=given[0], weight=0, top=50)
    assert [hit.id for hit in mixed] == [hit.id for hit in alone]
    for wrong in (given[0, :4], np.zeros((2, 5))):
        with pytest.raises(CrosshashError, match=r"give it an array float\[N, 5\]"):
            hasher.search(image=wrong)


def test_a_model_that_was_replaced_after_it_was_loaded_searches_no_index_of_another(changing: Path) -> None:
    old = load(changing)
    codes = old.encode_text(["a small cat"]).packed
    run_again(changing, seed=1)
    assert np.array_equal(old.encode_text(["a small cat"]).packed, codes)
    made, loaded = (one.encoder.description["digest"][:12] for one in (load(changing), old))
    refusal = (
        rf"artifacts/index: was made by another model \({made}\) than the present one \({loaded}\), and "
        r".*artifacts/model has changed since the latter was loaded"
    )
    with pytest.raises(CrosshashError, match=rf"{refusal}.*Load it again: call `crosshash\.load` anew"):
        old.search("a small cat")
    new = load(changing)
    stored = read_npz(changing / "artifacts" / "codes" / "retrieval.npz")["image"]
    found = hamming(new.encode_text(["a small cat"]).packed, stored)[0]
    assert [hit.distance for hit in new.search("a small cat", top=50)] == sorted(found.tolist())
    assert sorted(hamming(codes, stored)[0].tolist()) != sorted(found.tolist())


def test_a_model_that_has_its_index_goes_on_with_both(changing: Path) -> None:
    old = load(changing)
    hits = old.search("a small cat", top=50)
    run_again(changing, seed=1)
    assert old.search("a small cat", top=50) == hits


def test_an_index_alone_that_is_of_another_model_is_made_anew_not_loaded_again(changing: Path) -> None:
    """The model that is loaded is the one that stands there."""
    kept = shutil.copytree(changing / "artifacts" / "index", changing / "kept")
    run_again(changing, seed=1)
    shutil.rmtree(changing / "artifacts" / "index")
    kept.rename(changing / "artifacts" / "index")
    with pytest.raises(
        CrosshashError, match=r"another model \(\w{12}\) than the present one.*dvc repro index"
    ):
        load(changing).search("a small cat")
