"""Closed forms that store vectors instead of signs, through all stages, search and collections."""

from __future__ import annotations

import json
import shutil
import sys
from contextlib import chdir
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.io import loadmat
from typer.testing import CliRunner

import crosshash
from crosshash.artifacts import read_npz
from crosshash.bundle.opening import Opened
from crosshash.cli import app
from crosshash.collection.additions import caption_id
from crosshash.collection.collection import add_folder
from crosshash.errors import CrosshashError
from crosshash.retrieval.codefiles.codeset import TASKS, CodeSet, read_code_set
from crosshash.retrieval.scoring.score_files import score
from crosshash.search import Asked, Searcher
from crosshash.service.answers import answer, told
from crosshash.service.batches import Query
from crosshash.service.live.state import State
from stages import encode, evaluate, index, infer, plan, report, train
from tests.conftest import ROOT, STAGES, run_stages, small_project
from tests.datasets.folders import write_csv
from tests.retrieval import loops

BITS = {"none": 64, "pq": 8, "rabitq": 24}


def settings(project: Path, quantiser: str) -> None:
    params = yaml.safe_load((project / "params.yaml").read_text())
    params |= {"dataset": "features", "method": "cca", "bits": BITS[quantiser]}
    params["cca"] |= {"quantiser": quantiser, "penalty": 1.0}
    params["features"] = {"path": str(ROOT / "examples/features")}
    params["split"] |= {"query": 10, "train": 40}
    params["index"]["distance"] = "auto"
    params["report"]["queries"] = 2
    (project / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The example vectors with each of the three; the stages before training run once."""
    folder = tmp_path_factory.mktemp("vectors")
    first = small_project(folder / "none")
    settings(first, "none")
    done = run_stages(first, *STAGES[: STAGES.index("train")], dataset="features")
    assert done.returncode == 0, done.stderr
    found = {"none": first}
    for quantiser in ("pq", "rabitq"):
        found[quantiser] = Path(shutil.copytree(first, folder / quantiser))
        settings(found[quantiser], quantiser)
    for project in found.values():
        train_and_index(project)
        with chdir(project):
            report.main("features")
    return found


def train_and_index(project: Path) -> None:
    with chdir(project), pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSSHASH_STATE", str(project / "state"))
        patch.setattr(sys, "argv", ["stage", "features"])
        plan.main()
        for stage in (train, infer, encode):
            stage.main("features")
        evaluate.main()
        index.main()


def sides(project: Path) -> tuple[CodeSet, CodeSet, dict[str, np.ndarray]]:
    codes = project / "artifacts/codes"
    query, retrieval = (read_code_set(codes / f"{name}.npz") for name in ("query", "retrieval"))
    return query, retrieval, read_npz(codes / "query_real.npz")


@pytest.mark.parametrize("quantiser", BITS)
def test_scores_are_those_of_inner_products_and_there_is_none_by_hamming_distance(
    projects: dict[str, Path], quantiser: str
) -> None:
    project = projects[quantiser]
    metrics = json.loads((project / "metrics.json").read_text())
    query, retrieval, real = sides(project)
    assert query.vector_code is not None
    assert (metrics["vectors"], metrics["asymmetric"], metrics["bits"]) == (quantiser, {}, BITS[quantiser])
    assert metrics["train_bits_mAP"] is None
    assert not any("radius" in name for name in metrics["i2t"])
    assert len((project / "plots/pr.csv").read_text().splitlines()) == 1
    for task, (asks, answers) in TASKS.items():
        items = np.flatnonzero(retrieval.has_labels & retrieval.has(answers))
        decoded = query.vector_code.decode(retrieval.packed(answers)[items]).tolist()
        values = []
        for row in np.flatnonzero(query.has_labels & query.has(asks)):
            shared = (query.labels[row] & retrieval.labels[items]).sum(axis=1).tolist()
            scores = [-sum(int(q) * v for q, v in zip(real[asks][row], one, strict=True)) for one in decoded]
            if any(shared):
                values.append(loops.Expected(list(zip(scores, shared, strict=True))).ap())  # type: ignore[arg-type]
        assert metrics[task]["mAP"] == pytest.approx(np.mean(values), abs=1e-6)


@pytest.mark.parametrize("quantiser", BITS)
def test_bytes_are_those_delivered_and_the_mat_file_holds_vectors(
    projects: dict[str, Path], quantiser: str
) -> None:
    query, retrieval, _ = sides(projects[quantiser])
    assert retrieval.packed("image").shape[1] == BITS[quantiser] / 8
    statistics = json.loads((projects[quantiser] / "artifacts/index/statistics.json").read_text())
    assert (statistics["distance"], statistics["vectors"]) == ("asymmetric", quantiser)
    assert (statistics["image"]["kind"], statistics["image"]["bit_balance"]) == ("flat", [])
    whole = retrieval.has_text & retrieval.has_labels
    assert query.vector_code is not None
    decoded = query.vector_code.decode(retrieval.packed("image")[whole])
    mat = projects[quantiser] / "artifacts/codes/codes.mat"
    assert (loadmat(mat)["r_img"] == decoded).all()
    with pytest.raises(CrosshashError, match="no hash codes"):
        score(mat, None, "expected", None, 0, 0)


@pytest.mark.parametrize("quantiser", BITS)
def test_searches_find_what_a_plain_loop_finds_and_refuse_hamming_distance(
    projects: dict[str, Path], quantiser: str
) -> None:
    searcher = Searcher.open(projects[quantiser])
    _, retrieval, _ = sides(projects[quantiser])
    captions = searcher.encode_texts(["a white bird over the lake", "a large boat"])
    code = searcher.encoder.vector_code
    assert code is not None
    hits = searcher.find(captions, "t2i", 7)
    for levels, found in zip(captions.levels.astype(float), hits, strict=True):
        scores = code.decode(retrieval.image.packed) @ levels
        order = np.lexsort((np.arange(len(scores)), -scores))[:7]
        assert [hit.id for hit in found] == retrieval.ids[order].tolist()
        assert [hit.score for hit in found] == pytest.approx(scores[order] / np.linalg.norm(levels), rel=1e-6)
        assert {hit.distance for hit in found} == {None}
    assert searcher.find(captions, "t2i", 7, distance="asymmetric") == hits
    with pytest.raises(CrosshashError, match=rf"stores vectors \({quantiser}\), .* no Hamming distance"):
        searcher.find(captions, "t2i", distance="hamming")
    told_hits = told(State(Opened(searcher)), Query(Asked("a large boat"), "t2i", 7), hits[1])
    assert (told_hits.ordered_by, told_hits.hits[0].distance) == ("asymmetric", None)
    (refused,) = answer(searcher, [Query(Asked("a large boat"), "t2i", 7, distance="hamming")])
    assert isinstance(refused, CrosshashError)


def test_codes_of_the_library_are_no_hash_codes(projects: dict[str, Path]) -> None:
    model = crosshash.load(projects["pq"])
    with pytest.raises(CrosshashError, match="stores vectors"):
        model.encode_text("a large boat")
    assert len(model.search("a large boat", top=3)) == 3


def test_stored_vectors_are_not_scored_by_hamming_distance(projects: dict[str, Path]) -> None:
    codes = projects["pq"] / "artifacts/codes"
    with pytest.raises(CrosshashError, match=r"stored as vectors, .* no Hamming distance"):
        score(codes / "query.npz", codes / "retrieval.npz", "expected", None, 0, 0)


def test_the_command_shows_scores_and_no_distance(projects: dict[str, Path]) -> None:
    done = CliRunner().invoke(app, ["search", "a large boat", "--project", str(projects["pq"])])
    assert done.exit_code == 0, done.output
    assert "score" in done.output
    assert "distance" not in done.output


@pytest.mark.parametrize("quantiser", BITS)
def test_the_report_says_what_is_stored_and_draws_no_bits(projects: dict[str, Path], quantiser: str) -> None:
    page = (projects[quantiser] / "report/index.html").read_text(encoding="utf-8")
    metrics = json.loads((projects[quantiser] / "metrics.json").read_text())
    assert f"stored as vectors ({quantiser})" in page
    assert f"{metrics['i2t']['mAP']:.4f}" in page
    assert "Hamming distances over all" not in page
    assert "Hamming radius" not in page
    assert "d = " not in page


def test_the_same_bytes_again(projects: dict[str, Path]) -> None:
    project = projects["pq"]
    names = ("model/model.safetensors", "codes/retrieval.npz", "codes/codes.mat", "index/image.faiss")
    before = [(project / "artifacts" / name).read_bytes() for name in names]
    for folder in ("model", "outputs", "codes", "index"):
        shutil.rmtree(project / "artifacts" / folder)
    shutil.rmtree(project / "dvclive")
    train_and_index(project)
    assert before == [(project / "artifacts" / name).read_bytes() for name in names]


def test_a_collection_holds_the_bytes_of_new_items_and_finds_them(
    projects: dict[str, Path], tmp_path: Path
) -> None:
    project = Path(shutil.copytree(projects["pq"], tmp_path / "project"))
    new = tmp_path / "captions"
    new.mkdir()
    write_csv(new / "pairs.csv", [("", "a large boat", ""), ("", "a white bird", "")])
    add_folder(project, new)
    searcher = Searcher.open(project)
    asked = searcher.encode_texts(["a large boat"])
    (hits,) = searcher.find(asked, "t2t", 100)
    code = searcher.encoder.vector_code
    assert code is not None
    product = float((code.decode(asked.codes) @ asked.levels[0].astype(float)).item())
    scores = {hit.id: hit.score for hit in hits}
    norm = np.linalg.norm(asked.levels[0].astype(float))
    assert scores[caption_id("a large boat")] == pytest.approx(product / norm, rel=1e-6)
    assert len(hits) == 49 + 2
