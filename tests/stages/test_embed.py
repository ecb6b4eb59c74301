from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from crosshash.config.plans.embed import EmbedPlan
from crosshash.embeddings.embed_shards import shard_units
from crosshash.embeddings.frozen_encoders import read_card
from crosshash.embeddings.vectors import read_embeddings
from crosshash.errors import CrosshashError
from crosshash.inference.shard_work import Embedding
from crosshash.models.tower_specs import TowerSpec
from crosshash.pairs.info import DatasetInfo, write_info
from crosshash.shards.tar_files import read_items
from crosshash.workers.engine import Share
from crosshash.workers.units import UnitWorker, begin
from stages.embed import EMBEDDINGS, ENCODERS, main
from tests.conftest import ROOT
from tests.embeddings.cases import write_set
from tests.pipeline.test_pictures_alone import clip_weights

DATA = Path("data/set")
COUNTS = {"query": 3, "train": 70, "val": 2, "rest": 5, "unlabelled": 0, "captionless": 0}


@pytest.fixture(autouse=True)
def _in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CROSSHASH_STATE", str(tmp_path / "state"))
    shutil.copytree(ROOT / "configs", "configs")
    DATA.parent.mkdir()
    write_set(DATA)
    describe("jpeg")
    Path("plan").mkdir()
    clip_weights(Path("weights.pt"))


def describe(images: Any) -> None:  # noqa: ANN401
    dim = 4 if images == "vector" else None
    write_info(DATA, DatasetInfo("set", images, "caption", dim, None, ("even", "odd"), COUNTS, 0.5))


def plan(**settings: Any) -> None:  # noqa: ANN401
    Path("plan/embed.yaml").write_text(yaml.safe_dump(EmbedPlan(**settings).model_dump()))


def frozen(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"image": "tiny-rn", "text": "tiny-rn", "pretrained": "weights.pt", "device": "cpu"} | changes


def test_where_nothing_is_frozen_both_folders_say_so() -> None:
    plan()
    main("set")
    assert read_card(ENCODERS).specs == {}
    assert not read_embeddings(EMBEDDINGS).there


def test_no_torch_is_loaded_where_nothing_is_frozen() -> None:
    """Most runs freeze nothing, and torch takes seconds."""
    plan()
    code = "import sys; from stages.embed import main; main('set'); print('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_networks_and_vectors_stand_there_and_nothing_is_left_of_the_work(tmp_path: Path) -> None:
    plan(**frozen())
    main("set")
    card, found = read_card(ENCODERS), read_embeddings(EMBEDDINGS)
    assert {one: (spec.kind, spec.name) for one, spec in card.specs.items()} == {
        "image": ("clip", "tiny-rn"),
        "text": ("clip", "tiny-rn"),
    }
    captions = sum(len(item.captions) for part in found.order for item in read_items(DATA, part))
    assert found.image is not None
    assert found.text is not None
    assert (found.image.shape, found.text.shape) == ((80, card.dims["image"]), (captions, card.dims["text"]))
    assert [path.suffix for path in (tmp_path / "state").iterdir()] == [".lock"]


def test_one_network_alone_may_be_frozen() -> None:
    plan(**frozen(text=None))
    main("set")
    found = read_embeddings(EMBEDDINGS)
    assert isinstance(read_card(ENCODERS).specs["image"], TowerSpec)
    assert found.image is not None
    assert found.text is None


def test_weights_that_have_changed_since_the_plan_are_refused() -> None:
    plan(**frozen(pretrained_sha256="0" * 64))
    with pytest.raises(CrosshashError, match=r"weights.pt: has changed since the plan was made"):
        main("set")
    assert not EMBEDDINGS.exists()


def test_a_network_for_pictures_is_refused_on_vectors() -> None:
    describe("vector")
    plan(**frozen())
    with pytest.raises(CrosshashError, match=r"model.image: 'tiny-rn' cannot be used.*vectors"):
        main("set")


def test_a_worker_loads_the_networks_of_the_stage(tmp_path: Path) -> None:
    """What other processes do is what the stage itself does, a share of it here."""
    plan(**frozen())
    main("set", Share(0, len(shard_units(DATA))))
    assert not EMBEDDINGS.exists()
    [mine] = (tmp_path / "state").glob("*/*.npz")
    found = mine.read_bytes()
    main("set")
    begin(tmp_path / "other")
    unit = shard_units(DATA)[0]
    work = Embedding(DATA, ENCODERS, read_card(ENCODERS).digest, "cpu")
    assert UnitWorker(work, tmp_path / "other").do(unit) is None
    assert (tmp_path / "other" / unit.name).read_bytes() == found
