"""Projects with real small models and indexes: pictures, quantised codes, vectors with a bag of words."""

from __future__ import annotations

import shutil
import sys
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from crosshash.artifacts import read_json
from crosshash.centers.center_book import write_centers
from crosshash.centers.transform import write_transform
from crosshash.inference.model_folder import ModelCard, build_method, card_of, save_model
from crosshash.models.tower_specs import TowerSpec
from crosshash.models.towers import build_towers
from crosshash.pairs.table import Pair, write_pairs
from crosshash.search import Searcher
from stages import encode, index, infer
from tests.stages.vector_set import BITS, SHORT, WORDS, make_items, write_plans, write_set

HQ_WEIGHTS = {f"{part}_weight": 0.1 for part in ("similarity", "hash", "balance", "quan")}
HQ = {**HQ_WEIGHTS, "pairs": "all", "alpha": 1.0, "dictionaries": 2, "words": 8, "dropout": 0.0}
RERANK = 50


def own_copy(project: Path, target: Path) -> Path:
    """A project with an index of its own; all else are links to the shared one."""
    (target / "artifacts").mkdir(parents=True)
    for name in ("data", "plan", "artifacts/model", "artifacts/transform.npz", "artifacts/codes"):
        (target / name).symlink_to(project / name)
    shutil.copytree(project / "artifacts" / "index", target / "artifacts" / "index")
    return target


def encode_and_index(project: Path, dataset: str) -> None:
    """Run both stages in a project, in this process."""
    with chdir(project), pytest.MonkeyPatch.context() as patch:
        for stage in (infer, encode):
            stage.main(dataset)
        patch.setattr(sys, "argv", ["index", dataset])
        index.main()


def change_plan(project: Path, stage: str, **settings: object) -> None:
    path = project / "plan" / f"{stage}.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | settings))


@pytest.fixture
def project(trained_project: Path, tmp_path: Path) -> Path:
    return own_copy(trained_project, tmp_path / "project")


@pytest.fixture(scope="package")
def searcher(trained_project: Path) -> Searcher:
    return Searcher.open(trained_project, trained_project / "artifacts" / "index")


@pytest.fixture(scope="package")
def quantising(trained_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained project with HQ's codes of the same networks, whose heads and dictionaries are random."""
    project = tmp_path_factory.mktemp("quantising")
    shutil.copytree(trained_project / "plan", project / "plan")
    (project / "data").symlink_to(trained_project / "data")
    path = trained_project / "artifacts" / "model" / "model.json"
    old = card_of(read_json(path), path)
    card = ModelCard("hq", 16, HQ, old.image, old.text, 1)
    torch.manual_seed(0)
    method: Any = build_method(card, build_towers(card.image, card.text), None)
    method.codebook.normal_()
    method.known.random_(0, 8)
    save_model(project / "artifacts" / "model", card, method.state_dict())
    for name in ("encoders", "embeddings"):
        (project / "artifacts" / name).symlink_to(trained_project / "artifacts" / name)
    (project / "artifacts" / "centers").mkdir()
    write_centers(project / "artifacts" / "centers" / "short.npz", None)
    write_transform(project / "artifacts" / "transform.npz", None)
    change_plan(project, "encode", train_bits=16)
    change_plan(project, "evaluate", method="hq", rerank=RERANK)
    encode_and_index(project, "scenes")
    return project


@pytest.fixture(scope="package")
def of_vectors(trained_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of random weights for image vectors and a bag of words, with its index."""
    project = tmp_path_factory.mktemp("vectors")
    with chdir(project):
        write_set(make_items())
        write_plans()
    for stage in ("convert", "evaluate", "index"):
        shutil.copy(trained_project / "plan" / f"{stage}.yaml", project / "plan")
    change_plan(project, "convert", dataset="set")
    change_plan(project, "index", bits=SHORT)
    parts = make_items().items()
    pairs = [Pair(one.id, one.id, one.captions, one.labels, part) for part, items in parts for one in items]
    write_pairs(project / "data" / "set", pairs)
    run_again(project, seed=0)
    return project


def run_again(project: Path, seed: int) -> None:
    """Replace model, codes and index by those of other random weights."""
    torch.manual_seed(seed)
    image, text = TowerSpec("mlp", "mlp", 12, 5), TowerSpec("bow", "bow", 12, vocabulary=tuple(WORDS))
    card = ModelCard("twdh", BITS, {"quan_weight": 0.5, "short_weight": 0.0}, image, text, 1)
    method: Any = build_method(card, build_towers(image, text), None)
    save_model(project / "artifacts" / "model", card, method.state_dict())
    encode_and_index(project, "set")


@pytest.fixture
def changing(of_vectors: Path, tmp_path: Path) -> Path:
    """A copy of that project, in which `run_again` may be called."""
    return Path(shutil.copytree(of_vectors, tmp_path / "changing"))
