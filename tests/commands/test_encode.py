from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from crosshash.cli import app
from tests.datasets.folders import picture, plain_rows, write_folder
from tests.search.conftest import own_copy


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refused(*arguments: str | Path) -> str:
    done = run("encode", *arguments)
    assert done.exit_code == 1, done.output
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture
def project(trained_project: Path, tmp_path: Path) -> Path:
    return own_copy(trained_project, tmp_path / "project")


def test_a_folder_is_taken_in_found_and_taken_out(project: Path, tmp_path: Path) -> None:
    rows = plain_rows(3)
    folder = write_folder(tmp_path / "new", rows)
    done = run("encode", folder, "--project", project)
    assert done.exit_code == 0, done.output
    collection = project / "collection"
    counts = "3 new, 0 replaced, 0 unchanged, 0 removed"
    assert done.stdout == f"{counts}; {collection} has 111 images and 111 texts\n"
    assert done.stderr == ""

    def ids(*index: str | Path) -> set[str]:
        found = run("search", "text", "--top", "500", "--json", "--project", project, *index)
        return {hit["id"] for hit in json.loads(found.stdout)}

    new = {row[0] for row in rows}
    assert len(ids()) == 111
    assert ids() - ids("--index", project / "artifacts" / "index") == new

    gone = tmp_path / "gone.txt"
    gone.write_text("\n".join([rows[1][0], "", rows[2][0]]))
    done = run("encode", "--remove", rows[0][0], "--remove-from", gone, "--project", project, "--json")
    assert json.loads(done.stdout) == {
        "new": 0, "replaced": 0, "unchanged": 0, "removed": 3, "repictured": [], "skipped": [],
        "images": 108, "texts": 108, "collection": str(collection),
    }  # fmt: skip
    assert not ids() & new


def test_pictures_left_out_are_told_beside_the_result(project: Path, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "new", plain_rows(2))
    name = plain_rows(2)[0][0]
    (folder / name).write_text("no picture")
    assert f"{name}: not a picture in a known format" in refused(folder, "--project", project)
    done = run("encode", folder, "--skip-bad", "--into", tmp_path / "mine", "--project", project)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("1 new, 0 replaced, 0 unchanged, 0 removed, 1 skipped; ")
    assert done.stderr.startswith(f"skipped {name}: not a picture")
    assert not (project / "collection" / "index").exists()


def test_pictures_that_take_the_place_of_others_are_named(project: Path, tmp_path: Path) -> None:
    """Two folders with pictures of equal names: 12 of the first are gone."""
    names = [f"IMG_{number:04}.jpg" for number in range(12)]
    for seed, holiday in enumerate(("spring", "autumn")):
        (tmp_path / holiday).mkdir()
        for number, name in enumerate(names):
            picture(number + 100 * seed, (40, 30)).save(tmp_path / holiday / name)
    assert run("encode", tmp_path / "spring", "--project", project).stderr == ""
    done = run("encode", tmp_path / "autumn", "--project", project, "--json")
    told = json.loads(done.stdout)
    assert (told["replaced"], told["repictured"]) == (12, names)
    first = ", ".join(names[:10])
    assert f"warning: 12 replaced with another picture: {first} and 2 more. An id is" in done.stderr
    assert run("encode", tmp_path / "autumn", "--project", project).stderr == ""


def test_the_help_says_where_the_collection_lies() -> None:
    text = " ".join(run("encode", "--help").output.replace("│", " ").split())
    assert "[default: (collection/ of the project)]" in text


def test_what_cannot_be_done_is_told(project: Path, tmp_path: Path) -> None:
    for arguments in ((), (tmp_path, "--remove", "a"), ("--again", "--remove", "a")):
        message = refused(*arguments, "--project", project)
        assert "encode takes a folder, or --remove with ids, or --again, one of them" in message
    assert "holds neither pairs.csv nor a picture" in refused(
        tmp_path / "project" / "plan", "--project", project
    )
    assert "has no item 'none'. Nothing was removed." in refused("--remove", "none", "--project", project)
    assert "model.json: not found. Run `dvc repro`" in refused("--remove", "a", "--project", tmp_path)
