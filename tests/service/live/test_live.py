"""A newer index or model in place of the one before, and what is refused."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from crosshash.artifacts import read_json, write_json
from crosshash.bundle.sources import BundleSource, ProjectSource
from crosshash.checksums import folder_digest
from crosshash.export.bundle import write_bundle
from crosshash.search import Searcher
from crosshash.service.live.live import Live
from tests.search.conftest import own_copy, run_again
from tests.service.live.conftest import part_of, put


def test_a_newer_index_is_taken_up_and_the_model_kept(live: Live, own: Path, indexes: list[Path]) -> None:
    before, counted = live.now, []
    live.counted = counted.append
    assert live.refresh() == "same"
    put(indexes[2], own)
    assert live.refresh() == "taken"
    assert live.now.index == folder_digest(indexes[2]) != before.index
    assert live.now.card.items == {"image": 36, "text": 36}
    assert live.now.card.distance == "asymmetric"
    assert live.now.searcher.encoder is before.searcher.encoder
    assert before.card.items == {"image": 108, "text": 108}  # answers what it has begun
    assert live.refresh() == "same"
    assert counted == ["taken"]


def test_the_state_before_is_let_go(live: Live, own: Path, indexes: list[Path]) -> None:
    old = weakref.ref(live.now.searcher)
    put(indexes[1], own)
    assert live.refresh() == "taken"
    assert old() is None


def test_files_of_another_time_with_the_same_content_are_the_same(live: Live, own: Path) -> None:
    for path in (own / "artifacts/index").iterdir():
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
    before = live.now
    assert live.refresh() == "same"
    assert live.now is before


def cut(index: Path) -> None:
    path = index / "image.faiss"
    path.write_bytes(path.read_bytes()[:-100])


def overwrite(index: Path) -> None:
    (index / "items.parquet").write_bytes(b"nothing")


def drop(index: Path) -> None:
    (index / "text.faiss").unlink()


def empty(index: Path) -> None:
    shutil.rmtree(index)


def half(index: Path) -> None:
    """As who copies file by file leaves it: one is of another index already."""
    other = part_of(index, index.parent / "other", 2)
    shutil.copy(other / "items.parquet", index / "items.parquet")


def other_half(index: Path) -> None:
    other = part_of(index, index.parent / "other", 2)
    for name in ("image.faiss", "text.faiss"):
        shutil.copy(other / name, index / name)


def of_another_model(index: Path) -> None:
    told = read_json(index / "statistics.json")
    write_json(index / "statistics.json", told | {"encoder": told["encoder"] | {"digest": "0" * 64}})


def of_other_bits(index: Path) -> None:
    told = read_json(index / "statistics.json")
    write_json(index / "statistics.json", told | {"encoder": told["encoder"] | {"bits": 32}})


@pytest.mark.parametrize(
    "harm", [cut, overwrite, drop, empty, half, other_half, of_another_model, of_other_bits]
)
def test_what_is_broken_is_refused_once_and_the_old_state_answers(
    live: Live,
    own: Path,
    indexes: list[Path],
    harm: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Files are written over where they lie, so that nothing of them may be in use any more."""
    before = live.now
    asked = before.searcher.encode_texts(["a red circle"])
    wanted = before.searcher.find(asked, "t2i", 20)
    harm(own / "artifacts/index")
    assert [live.refresh(), live.refresh()] == ["refused", "refused"]
    assert [one.levelname for one in caplog.records] == ["ERROR"]
    assert "artifacts/index" in caplog.text
    assert live.refused is not None
    assert live.now is before
    assert before.searcher.find(asked, "t2i", 20) == wanted
    put(indexes[1], own)
    assert live.refresh() == "taken"
    assert live.refused is None


def test_a_broken_model_is_refused(live: Live, own: Path) -> None:
    before = live.now
    (own / "artifacts/transform.npz").unlink()  # a link
    (own / "artifacts/transform.npz").write_bytes(b"nothing")
    assert live.refresh() == "refused"
    assert live.now is before


def test_what_changes_while_it_is_read_is_looked_at_again(own: Path, indexes: list[Path]) -> None:
    class Slow(ProjectSource):
        def open(self, before):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            opened = super().open(before)
            if before is not None and waiting:
                put(waiting.pop(), own)
            return opened

    waiting: list[Path] = []
    live = Live(Slow(own))
    waiting = [indexes[2]]
    put(indexes[1], own)
    assert [live.refresh(), live.refresh(), live.refresh()] == ["again", "taken", "same"]
    assert live.now.index == folder_digest(indexes[2])


def test_a_reason_that_may_pass_is_told_once_and_tried_again(
    live: Live, own: Path, indexes: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    source, live.source = live.source, Full(own)
    put(indexes[1], own)
    assert [live.refresh(), live.refresh()] == ["again", "again"]
    assert [one.message for one in caplog.records] == [
        "not taken up, the files of before stay in use: MemoryError: no room"
    ]
    live.source = source
    assert live.refresh() == "taken"


class Full(ProjectSource):
    def open(self, before):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        raise MemoryError("no room")


def test_a_run_is_taken_up_when_its_index_is_there_too(changing: Path, tmp_path: Path) -> None:
    """A model that learns anew: its stages write one after the other."""
    live = Live(ProjectSource(changing))
    before, other = live.now, Path(shutil.copytree(changing, tmp_path / "other"))
    run_again(other, seed=1)
    for name, result in (("model", "refused"), ("codes", "refused"), ("index", "taken")):
        shutil.rmtree(changing / "artifacts" / name)
        shutil.copytree(other / "artifacts" / name, changing / "artifacts" / name)
        assert live.refresh() == result
    assert live.now.model != before.model
    asked = live.now.searcher.encode_texts(["a small cat"])
    fresh = Searcher.open(other)
    assert live.now.searcher.find(asked, "t2i") == fresh.find(fresh.encode_texts(["a small cat"]), "t2i")


def test_a_link_that_leads_to_another_project_brings_other_bits_and_another_data_set(
    own: Path, of_vectors: Path, tmp_path: Path
) -> None:
    served = tmp_path / "served"
    served.symlink_to(own)
    live = Live(ProjectSource(served))
    assert (live.now.card.bits, live.now.card.dataset) == (16, "scenes")
    served.unlink()
    served.symlink_to(of_vectors)
    assert live.refresh() == "taken"
    assert (live.now.card.bits, live.now.card.dataset) == (6, "set")
    assert len(live.now.searcher.find(live.now.searcher.encode_texts(["a cat"]), "t2i")[0]) == 10


def test_a_collection_takes_the_place_of_the_index_and_grows(own: Path, indexes: list[Path]) -> None:
    live = Live(ProjectSource(own))
    shutil.copytree(indexes[1], own / "collection/index")
    assert live.refresh() == "taken"
    assert live.now.card.items["image"] == 54
    shutil.rmtree(own / "collection")
    assert live.refresh() == "taken"
    assert live.now.card.items["image"] == 108


def test_scores_that_come_later_are_told(own: Path, trained_project: Path) -> None:
    live = Live(ProjectSource(own))
    assert live.now.card.scores == {}
    shutil.copy(trained_project / "metrics.json", own)
    assert live.refresh() == "taken"
    assert live.now.card.warning == read_json(own / "metrics.json")["warning"]


def test_a_bundle_is_taken_up_whole_and_a_broken_one_refused(
    trained_project: Path, tmp_path: Path, indexes: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    own = own_copy(trained_project, tmp_path / "own")
    shutil.copy(trained_project / "metrics.json", own)
    bundles = [tmp_path / "first", tmp_path / "second"]
    for index, bundle in zip(indexes[:2], bundles, strict=True):
        put(index, own)
        write_bundle(own, bundle, own / "artifacts/index", None)
    served = Path(shutil.copytree(bundles[0], tmp_path / "served"))
    live = Live(BundleSource(served))
    of_project = Live(ProjectSource(own)).now.card
    assert live.now.card.scores == of_project.scores != {}
    assert (live.now.card.warning, live.now.card.model) == (of_project.warning, of_project.model)
    asked = live.now.searcher.encode_texts(["a red circle"])
    wanted = live.now.searcher.find(asked, "t2i", 20)
    shutil.copy(bundles[1] / "bundle.json", served)  # the other files are still to come
    assert live.refresh() == "refused"
    assert "the bundle is not whole" in caplog.text
    assert live.now.searcher.find(asked, "t2i", 20) == wanted
    shutil.copytree(bundles[1], served, dirs_exist_ok=True)
    assert live.refresh() == "taken"
    assert live.now.card.items["image"] == 54
