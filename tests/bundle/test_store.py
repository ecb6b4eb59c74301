"""A bundle searches a store in place of its index."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from crosshash.cli import app


def run(*arguments: str | Path) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_answers_are_those_of_the_bundles_own_index(
    bundle: Path, trained_project: Path, tmp_path: Path
) -> None:
    asked = ("search", "a red circle", "--bundle", bundle, "--json")
    run("export", "lancedb", tmp_path / "lance", "--project", trained_project)
    run("export", "parquet", tmp_path / "codes.parquet", "--source", f"faiss:{bundle / 'index'}")
    expected = run(*asked)
    assert run(*asked, "--store", tmp_path / "codes.parquet") == expected
    assert run(*asked, "--store", f"lance:{tmp_path / 'lance'}") == expected
