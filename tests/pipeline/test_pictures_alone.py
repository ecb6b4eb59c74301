"""Pictures without text or label through all stages, by networks of one space: a text finds them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

import crosshash
from crosshash.models.encoders.clip import open_clip
from crosshash.models.encoders.clip_settings import clip_config
from tests.conftest import ROOT, STAGES, run_stages, small_project

BITS = 16


def clip_weights(path: Path) -> None:
    """What a file of published weights of tiny-rn would hold."""
    torch.manual_seed(0)
    torch.save(open_clip.CLIP(**clip_config("tiny-rn", ROOT / "configs")).state_dict(), path)


def prepared(folder: Path, method: str) -> Path:
    project = small_project(folder / "project")
    (folder / "photos").mkdir()
    for picture in sorted((ROOT / "examples/custom/images").iterdir()):
        shutil.copy(picture, folder / "photos")
    clip_weights(folder / "weights.pt")
    params = yaml.safe_load((project / "params.yaml").read_text())
    params |= {"dataset": "custom", "method": method, "bits": BITS}
    params["custom"]["path"] = str(folder / "photos")
    params["model"] |= {"image": "tiny-rn", "text": "tiny-rn", "pretrained": str(folder / "weights.pt")}
    params["index"]["distance"] = "asymmetric"
    params["train"]["batch"] = 8
    (project / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    return project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = prepared(tmp_path_factory.mktemp("alone"), "auto")
    done = run_stages(project, *STAGES, "report", dataset="custom")
    assert done.returncode == 0, done.stderr
    assert "method: shared (auto)" in done.stderr
    return project


def test_a_text_is_compared_with_every_picture_in_the_space_that_both_share(project: Path) -> None:
    """By hand: both centred, the text by what stands for any, and the inner product with the items' signs.

    Searches round the query to 63 levels: an order may differ where products are that near.
    """
    hits = crosshash.load(project).search("a red circle", top=100)
    model = crosshash.load(project).encoder.model
    text = model.frozen["text"].embed(["a red circle", "a photo"], torch.device("cpu")).astype(np.float64)
    unit = text / np.linalg.norm(text, axis=1, keepdims=True)
    state = model.method.state_dict()
    np.testing.assert_allclose(state["text_mean"].numpy(), unit[1], atol=1e-3)
    query = (unit[0] - state["text_mean"].numpy()) @ state["text_weight"].numpy()
    kept = np.load(project / "artifacts/codes/retrieval.npz")
    signs = np.unpackbits(kept["image"], axis=1, count=BITS) * 2.0 - 1
    expected = dict(zip(kept["ids"].tolist(), signs @ query, strict=True))
    products = [expected[hit.id] for hit in hits]
    assert len(hits) == len(expected)
    near = BITS * np.abs(query).max() / 126
    np.testing.assert_allclose(products, sorted(products, reverse=True), rtol=0, atol=near)


def test_nothing_is_scored_and_that_is_said(project: Path) -> None:
    metrics = json.loads((project / "metrics.json").read_text())
    assert "i2t" not in metrics
    assert metrics["warning"] == "no item has a text or a label: nothing tells how good searches are"
    page = (project / "report/index.html").read_text()
    assert metrics["warning"] in page
    assert 'href="#scores"' not in page


def test_methods_that_learn_from_pairs_are_refused(tmp_path: Path) -> None:
    project = prepared(tmp_path, "cca")
    done = run_stages(project, *STAGES[: STAGES.index("train") + 1], dataset="custom")
    assert done.returncode != 0
    assert "no item of data set custom has a text, and cca learns from pairs" in done.stderr
    assert "method: shared" in done.stderr
