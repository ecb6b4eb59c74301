from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from crosshash.artifacts import read_json
from crosshash.cli import app
from crosshash.search import load
from tests.datasets.folders import write_csv
from tests.search.conftest import of_vectors, own_copy, quantising

__all__ = ["of_vectors", "quantising"]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["search", *map(str, arguments)])


def run_json(*arguments: str | Path) -> Any:  # noqa: ANN401
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def refused(*arguments: str | Path) -> str:
    done = run(*arguments)
    assert done.exit_code == 1, done.output
    assert done.stdout == ""
    assert re.match(r"(warning: .*anything.* learnt.*\n)?error: ", done.stderr)
    assert "Traceback" not in done.stderr
    return done.stderr


def warning(project: Path) -> str:
    """What stands beside the scores of the project, if anything: it is told beside what is found."""
    path = project / "metrics.json"
    found = read_json(path)["warning"] if path.is_file() else None
    return f"warning: {found}\n" if found else ""


def pictures(project: Path) -> list[Path]:
    return sorted((project / "raw").rglob("*.jpg"))


def test_hits_are_shown_as_a_table(trained_project: Path) -> None:
    done = run("a red circle", "--top", "3", "--project", trained_project)
    assert done.exit_code == 0
    assert "score" not in done.stdout
    assert done.stderr == warning(trained_project)
    found = run_json("a red circle", "--top", "3", "--project", trained_project)
    assert len(found) == 3
    for hit in found:
        assert hit["id"] in done.stdout
    assert not set("│┃") & set(done.stdout)  # as README shows it, and as the other commands print theirs


def test_asymmetric_distance_can_be_asked_for(trained_project: Path) -> None:
    asked = ("a red circle", "--top", "3", "--project", trained_project, "--distance")
    assert [hit["score"] for hit in run_json(*asked, "hamming")] == [None] * 3
    scores = [hit["score"] for hit in run_json(*asked, "asymmetric")]
    assert scores == sorted(scores, reverse=True)
    told = "error: --distance: there is no 'cosine', but hamming and asymmetric.\n"
    assert refused(*asked, "cosine").endswith(told)


def test_a_model_that_has_learnt_nothing_is_told_of(trained_project: Path, tmp_path: Path) -> None:
    """By the sentence beside its scores; scores of another model, damaged ones or none say nothing."""
    project = own_copy(trained_project, tmp_path / "project")
    path = project / "metrics.json"
    metrics = read_json(trained_project / "metrics.json")
    told = {**metrics, "warning": "no sign of anything learnt: all is chance"}
    for content, wanted in (
        (told, "warning: no sign of anything learnt: all is chance\n"),
        ({**metrics, "warning": None}, ""),
        ({**told, "bits": 8}, ""),
        ([], ""),
    ):
        path.write_text(json.dumps(content))
        done = run("a red circle", "--top", "3", "--project", project)
        assert (done.exit_code, done.stderr) == (0, wanted)
    path.unlink()
    assert run("a red circle", "--project", project).stderr == ""


def test_hits_as_json_hold_all_that_is_known(trained_project: Path) -> None:
    found = run_json("a red circle", "--project", trained_project)
    assert len(found) == 10
    assert list(found[0]) == ["id", "distance", "image", "caption", "labels", "score"]
    assert [hit["distance"] for hit in found] == sorted(hit["distance"] for hit in found)
    assert all(0 <= hit["distance"] <= 16 and hit["labels"] for hit in found)


def test_a_picture_is_a_question_too(trained_project: Path) -> None:
    for task in ([], ["--task", "i2i"]):
        found = run_json(
            "--image", pictures(trained_project)[0], *task, "--top", "2", "--project", trained_project
        )
        assert len(found) == 2


def test_more_hits_than_items_gives_all(trained_project: Path) -> None:
    assert len(run_json("star", "--top", "5000", "--project", trained_project)) == 108


def test_a_text_goes_beside_a_picture_or_an_item_and_pages_follow_one_another(trained_project: Path) -> None:
    """As from Python; an item is not among its own hits."""
    hasher = load(trained_project)
    picture, item = pictures(trained_project)[0], "images/00007.jpg"
    for options, more in (
        (("--image", picture), {"image": picture}),
        (("--like", item, "--weight", "0.2"), {"like": item, "weight": 0.2}),
    ):
        wanted = [hit.id for hit in hasher.search("at night", **more, top=9)]  # type: ignore[arg-type]
        page = (*options, "--project", trained_project, "--top", "5", "--offset", "4")
        assert [hit["id"] for hit in run_json("at night", *page)] == wanted[4:]
    alike = run_json("--like", item, "--top", "200", "--project", trained_project)
    assert len(alike) == 107
    assert item not in [hit["id"] for hit in alike]


def test_labels_narrow_the_search(trained_project: Path) -> None:
    labels = ("--label", "star", "--label", "heart")
    for hit in run_json("a circle", *labels, "--top", "20", "--project", trained_project):
        assert {"star", "heart"} & set(hit["labels"])


def test_a_file_of_texts_is_answered_one_by_one(trained_project: Path, tmp_path: Path) -> None:
    file = tmp_path / "texts.txt"
    file.write_text("\ufeffa red star\n\n  a blue ring [x] \n")
    asked = ("--queries", file, "--top", "2", "--project", trained_project)
    found = run_json(*asked)
    assert [one["query"] for one in found] == ["a red star", "a blue ring [x]"]
    for one in found:
        assert one["hits"] == run_json(one["query"], "--top", "2", "--project", trained_project)
    done = run(*asked)
    assert "a red star" in done.stdout
    assert "a blue ring [x]" in done.stdout


def test_a_file_of_pictures_is_one_by_its_task(trained_project: Path, tmp_path: Path) -> None:
    """Paths are relative to the file."""
    for path in pictures(trained_project)[:2]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    file = tmp_path / "pictures.txt"
    names = [path.name for path in pictures(trained_project)[:2]]
    file.write_text("\n".join(names))
    found = run_json("--queries", file, "--task", "i2t", "--project", trained_project)
    assert [one["query"] for one in found] == names
    for name, one in zip(names, found, strict=True):
        assert one["hits"] == run_json("--image", tmp_path / name, "--project", trained_project)
    file.write_text("none.jpg\npictures.txt\n")
    message = refused("--queries", file, "--task", "i2i", "--project", trained_project)
    assert "none.jpg: the file is missing" in message
    assert "pictures.txt: not a picture" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([""], "the query is empty: write what you look for"),
        (["   "], "the query is empty: write what you look for"),
        ([], "search takes a text, --image, --like or --queries, one of them; a text may stand"),
        (["star", "--queries", "x.txt"], "one of them"),
        (["--like", "x", "--image", "x.jpg"], "one of them"),
        (["star", "--image", "x.jpg"], "x.jpg: the file is missing"),
        (["star", "--like", "x.jpg"], "no item of the index has the id 'x.jpg'"),
        (["star", "--like", "images/00007.jpg", "--distance", "hamming"], "no Hamming distance"),
        (["star", "--top", "9", "--offset", "992"], "both together are at most 1000"),
        (["--image", "x.jpg"], "x.jpg: the file is missing"),
        (["star", "--task", "i2t"], "task i2t asks by image: give it --image"),
        (["--image", "x.jpg", "--task", "t2t"], "task t2t asks by text: give it a text"),
        (["star", "--task", "T2I"], "unknown task 'T2I'; there are i2t, t2i, i2i, t2t"),
        (["star", "--label", "stars"], "no item has the label 'stars' (did you mean star?"),
        (["--queries", "none.txt"], "none.txt: the file is missing"),
        (["star", "--index", "none"], "none: not found. Give --index the folder"),
        (["--image", "x.npy"], "reads picture files"),
    ],
)
def test_a_question_that_cannot_be_answered_is_told(
    trained_project: Path,
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.zeros((1, 5)))
    assert message in refused(*arguments, "--project", trained_project)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([" "], "the query is empty"),
        ([], "one of them"),
        (["star", "--task", "T2I"], "unknown task"),
        (["star", "--task", "i2t"], "asks by image"),
        (["--image", "none.npy"], "none.npy: the file is missing"),
        (["--queries", "none.txt"], "none.txt: the file is missing"),
        (["star", "--label", "stars", "--label", "ring"], "no item has the label 'stars' (did you mean star"),
    ],
)
def test_what_is_wrong_without_any_model_is_told_before_one_is_loaded(
    trained_project: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    """A project with an index alone; a right question is told that the model is missing."""
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "artifacts" / "index").symlink_to(trained_project / "artifacts" / "index")
    assert message in refused(*arguments, "--project", tmp_path)
    assert "model.json: not found" in refused("star", "--label", "ring", "--project", tmp_path)


def test_the_help_says_what_holds_without_an_option() -> None:
    text = " ".join(run("--help").output.replace("│", " ").split())
    assert "and what is found. [default: (t2i or i2t)]" in text
    assert "a collection. [default:" in text


def test_a_file_without_queries_is_told(trained_project: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text(" \n\n")
    assert "empty.txt: holds nothing" in refused(
        "--queries", tmp_path / "empty.txt", "--project", trained_project
    )
    (tmp_path / "latin.txt").write_bytes("café".encode("latin1"))
    assert "latin.txt: line 1" in refused("--queries", tmp_path / "latin.txt", "--project", trained_project)


def test_a_project_that_has_not_run_is_told(tmp_path: Path) -> None:
    message = refused("star", "--project", tmp_path)
    assert "artifacts/model/model.json: not found. Run `dvc repro`" in message


def test_top_below_one_is_a_wrong_use() -> None:
    assert run("star", "--top", "0").exit_code == 2


def test_scores_are_shown_where_items_were_ordered_by_them(quantising: Path) -> None:
    done = run("a red circle", "--top", "3", "--project", quantising)
    assert "score" in done.stdout
    scores = [hit["score"] for hit in run_json("a red circle", "--top", "9", "--project", quantising)]
    assert scores == sorted(scores, reverse=True)
    assert f"{scores[0]:.3f}" in done.stdout


def test_words_never_seen_are_told_beside_the_hits(of_vectors: Path) -> None:
    done = run("a weird cat", "--json", "--project", of_vectors)
    assert done.exit_code == 0
    assert done.stderr == f"{warning(of_vectors)}warning: the model has never seen: weird\n"
    assert len(json.loads(done.stdout)) == 10
    assert "knows no word of 'weird'. It reads" in refused("weird", "--project", of_vectors)


def test_vectors_are_the_pictures_of_a_model_of_vectors(of_vectors: Path, tmp_path: Path) -> None:
    for name, array in (("one.npy", np.ones(5)), ("two.npy", np.ones((2, 5)))):
        np.save(tmp_path / name, array)
    one = run_json("--image", tmp_path / "one.npy", "--project", of_vectors)
    two = run_json("--image", tmp_path / "two.npy", "--project", of_vectors)
    assert [found["query"] for found in two] == [f"{tmp_path / 'two.npy'}[{row}]" for row in (0, 1)]
    assert [found["hits"] for found in two] == [one, one]
    for name, content, message in (
        ("text.npy", b"text", "cannot be read as .npy"),
        ("a.jpg", b"", "was trained on image vectors and reads no pictures"),
    ):
        (tmp_path / name).write_bytes(content)
        assert message in refused("--image", tmp_path / name, "--project", of_vectors)
    for array, message in ((np.ones(4), "float[N, 5]"), (np.array([[1, 2, 3, 4, np.nan]]), "no finite")):
        np.save(tmp_path / "bad.npy", array)
        assert message in refused("--image", tmp_path / "bad.npy", "--project", of_vectors)


def test_captions_that_look_like_markup_are_shown_as_they_are(trained_project: Path, tmp_path: Path) -> None:
    project = own_copy(trained_project, tmp_path / "project")
    folder = tmp_path / "new"
    folder.mkdir()
    write_csv(folder / "pairs.csv", [("", "a sign [/b] and [red]", "odd[/x]")])
    done = CliRunner().invoke(app, ["encode", str(folder), "--project", str(project)])
    assert done.exit_code == 0, done.output
    done = run("a sign", "--task", "t2t", "--label", "odd[/x]", "--project", project)
    assert done.exit_code == 0, done.output
    for part in ("[/b]", "[red]", "odd[/x]"):
        assert part in done.stdout
