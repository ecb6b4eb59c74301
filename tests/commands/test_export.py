from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from click.testing import Result
from typer.testing import CliRunner

from crosshash.artifacts import read_json
from crosshash.bundle.manifest import NAME
from crosshash.cli import app
from crosshash.export import verify


def crosshash(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture(scope="module")
def bundle(trained_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "scenes"
    done = crosshash("export", "bundle", folder, "--pictures", 32, "--verify", "--project", trained_project)
    assert done.exit_code == 0, done.output
    first, image, text = done.stdout.splitlines()
    assert re.fullmatch(
        rf"{re.escape(str(folder))}: [\d.]+ MB\. crosshash serve {re.escape(str(folder))}", first
    )
    assert image.startswith(
        "image: 120 items, 0 of 1920 bits differ (100.0000% agree), 0 rankings of the first"
    )
    assert text.startswith("text: 120 items, 0 of 1920 bits differ")
    return folder


def test_the_card_says_where_it_comes_from(bundle: Path, trained_project: Path) -> None:
    text = (bundle / "README.md").read_text(encoding="utf-8")
    scores = read_json(trained_project / "metrics.json")["i2t"]
    assert text.startswith("# twdh, scenes, 16 bits\n")
    assert f"| i2t | {scores['mAP']:.4f} | {scores['mAP_low']:.4f} to {scores['mAP_high']:.4f} |" in text
    assert "| tiny-rn | trained in the project from random weights" in text
    card = read_json(bundle / NAME)["card"]
    assert card["digests"]["model"] == read_json(bundle / NAME)["digest"]
    made = read_json(trained_project / "artifacts/index/statistics.json")
    assert card["items"] == {one: made[one]["items"] for one in ("image", "text")}


def test_it_is_searched_from_anywhere(bundle: Path, trained_project: Path, tmp_path: Path) -> None:
    index = trained_project / "artifacts" / "index"
    asked = ("search", "a red circle", "--top", 5, "--json")
    ours = crosshash(*asked, "--bundle", bundle)
    theirs = crosshash(*asked, "--project", trained_project, "--index", index)
    assert ours.exit_code == 0
    assert json.loads(ours.stdout) == json.loads(theirs.stdout)
    picture = next((bundle / "pictures").glob("*/*.jpg"))
    assert crosshash("search", "--image", picture, "--bundle", bundle).exit_code == 0
    none = crosshash("search", "a red circle", "--label", "nope", "--bundle", bundle)
    assert (none.exit_code, none.stderr) == (1, "error: no item has the label 'nope'.\n")


def test_it_is_served_with_page_and_pictures(bundle: Path, tmp_path: Path) -> None:
    command = [Path(sys.executable).parent / "crosshash", "serve", bundle, "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        base = process.stdout.readline().split(" ")[0]
        with httpx.Client(base_url=base, timeout=60, trust_env=False) as client:
            assert client.get("healthz").json()["method"] == "twdh"
            assert "<html" in client.get("").text
            (first, *_) = client.get("search", params={"q": "a red circle"}).json()["hits"]
            assert client.get(first["picture"]).headers["content-type"] == "image/jpeg"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def test_what_is_there_is_not_written_over(bundle: Path, trained_project: Path) -> None:
    before = read_json(bundle / NAME)
    done = crosshash("export", "bundle", bundle, "--project", trained_project)
    assert (done.exit_code, done.stderr) == (
        1,
        f"error: {bundle}: is there already and not empty. Name a new folder.\n",
    )
    assert read_json(bundle / NAME) == before


def test_an_index_of_ones_own_is_refused_beside_a_bundle(bundle: Path) -> None:
    done = crosshash("search", "a", "--bundle", bundle, "--index", bundle / "index")
    assert done.stderr == "error: a bundle has an index of its own: leave --index out.\n"


def test_differences_are_shown_and_too_many_fail(
    bundle: Path, trained_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 120 x 16 bits of images, 3 flips of one item: 0.16 %."""
    found = verify.verify_bundle(trained_project, bundle)
    image = verify.Agreement("image", 120, 1920, 3, ["images/00001.jpg"], ["images/00001.jpg"])
    monkeypatch.setattr(verify, "verify_bundle", lambda *_: [image, found[1]])
    done = crosshash("export", "bundle", bundle, "--verify", "--project", trained_project)
    assert done.exit_code == 1
    assert "image: 120 items, 3 of 1920 bits differ (99.8438% agree), 1 rankings" in done.stdout
    assert "  other code: images/00001.jpg\n  other ranking: images/00001.jpg\n" in done.stdout
