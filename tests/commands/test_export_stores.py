from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crosshash.cli import app
from crosshash.index.code_index import CodeIndex


def run(*arguments: str | Path) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*arguments: str | Path) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 1
    assert done.stderr.startswith("error: ")
    return done.stderr


@pytest.fixture(scope="module")
def codes(trained_project: Path) -> Path:
    return trained_project / "artifacts" / "codes"


def test_through_all_stores_and_back_the_index_is_the_same(trained_project: Path, tmp_path: Path) -> None:
    """Files of FAISS at both ends are equal, byte by byte; the last one is an index that can be searched."""
    source: str | Path = f"faiss:{trained_project / 'artifacts' / 'index'}"
    ways = (
        ("parquet", "a.parquet", ""),
        ("lancedb", "lance", "lance:"),
        ("usearch", "u", "usearch:"),
        ("faiss", "f", ""),
    )
    for name, target, prefix in ways:
        told = run("export", name, tmp_path / target, "--source", source)
        assert "items, " in told
        source = f"{prefix}{tmp_path / target}"
    for modality in ("image", "text"):
        first, last = (
            folder / f"{modality}.faiss" for folder in (trained_project / "artifacts/index", tmp_path / "f")
        )
        assert first.read_bytes() == last.read_bytes()
        assert len(CodeIndex.load(last)) > 10
    asked = ("search", "a red circle", "--project", trained_project, "--json")
    expected = run(*asked)
    assert run(*asked, "--index", tmp_path / "f") == expected
    assert run(*asked, "--store", tmp_path / "a.parquet") == expected
    assert run(*asked, "--store", f"lance:{tmp_path / 'lance'}") == expected
    label = json.loads(expected)[0]["labels"][0]
    narrowed = (*asked, "--label", label)
    assert run(*narrowed, "--store", tmp_path / "a.parquet") == run(*narrowed)


def test_scores_of_parquet_files_are_those_of_the_run(codes: Path, tmp_path: Path) -> None:
    for name in ("query", "retrieval"):
        run("export", "parquet", tmp_path / f"{name}.parquet", "--source", codes / f"{name}.npz")
    scores = [
        json.loads(run("score", *(folder / f"{name}.{kind}" for name in ("query", "retrieval")), "--json"))
        for folder, kind in ((codes, "npz"), (tmp_path, "parquet"))
    ]
    assert scores[1].pop("read_as") == "items of parquet files, codes of 16 bits, 1 = +1"
    scores[0].pop("read_as")
    assert scores[0] == scores[1]
    run("export", "numpy", tmp_path / "again.npz", "--source", tmp_path / "query.parquet")
    run("export", "parquet", tmp_path / "again.parquet", "--source", tmp_path / "again.npz")
    again = json.loads(run("score", tmp_path / "again.parquet", tmp_path / "retrieval.parquet", "--json"))
    assert again["measures"] == scores[0]["measures"]


def test_what_stands_there_stays_unless_it_is_to_be_replaced(codes: Path, tmp_path: Path) -> None:
    arguments = ("export", "parquet", tmp_path / "a.parquet", "--source", codes / "query.npz")
    run(*arguments)
    assert "--replace" in refused(*arguments)
    run(*arguments, "--replace")


def test_files_of_the_run_are_not_written_over(trained_project: Path) -> None:
    index = trained_project / "artifacts" / "index"
    before = {path.name: path.read_bytes() for path in index.iterdir()}
    here = ("--project", trained_project, "--replace")
    assert "belongs to the run" in refused("export", "faiss", index, *here)
    assert {path.name: path.read_bytes() for path in index.iterdir()} == before


def test_messages(trained_project: Path, codes: Path, tmp_path: Path) -> None:
    assert "has no kind 'ivf'" in refused(
        "export", "parquet", tmp_path / "a", "--source", codes / "query.npz", "--kind", "ivf"
    )
    assert "not found" in refused("export", "faiss", tmp_path / "a", "--project", tmp_path)
    both = ("--index", tmp_path, "--store", tmp_path, "--project", trained_project)
    assert "give one of them" in refused("search", "a circle", *both)
    run("export", "parquet", tmp_path / "query.parquet", "--source", codes / "query.npz")
    message = refused(
        "search", "a circle", "--project", trained_project, "--store", tmp_path / "query.parquet"
    )
    assert "another model (unknown)" in message


def test_no_database_is_loaded_by_who_uses_none(trained_project: Path, tmp_path: Path) -> None:
    target = str(tmp_path / "a.parquet")
    code = (
        "import sys; from crosshash.cli import app\n"
        f"try: app(['export', 'parquet', {target!r}, '--project', {str(trained_project)!r}])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print([name for name in ('lancedb', 'psycopg', 'usearch', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
