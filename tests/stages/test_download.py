from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from crosshash.errors import CrosshashError
from stages import download
from tests.datasets.folders import plain_rows, write_csv, write_folder
from tests.stages.stage_runs import start, write_plans


def run(root: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Run the stage; give name and sha256 of the files it lists."""
    monkeypatch.setenv("CROSSHASH_RAW", str(root / "raw"))
    monkeypatch.chdir(root)
    download.main()
    (record,) = (root / "data/raw").glob("*.json")
    value = json.loads(record.read_text())
    assert value["dataset"] == record.stem
    return {file["name"]: file["sha256"] for file in value["files"]}


def test_scenes_are_drawn_outside_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_plans(tmp_path, "scenes", {"count": 10, "seed": 0})
    files = run(tmp_path, monkeypatch)
    assert len(files) == 11
    (folder,) = (tmp_path / "raw/scenes").iterdir()
    for name, digest in files.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_the_record_names_no_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal data give equal bytes, wherever they lie."""
    records = []
    for name in ("one", "two"):
        root = tmp_path / name
        folder = write_folder(root / "pictures", plain_rows(4))
        write_plans(root, "custom", {"path": str(folder)})
        run(root, monkeypatch)
        records.append((root / "data/raw/custom.json").read_bytes())
    assert records[0] == records[1]
    assert str(tmp_path).encode() not in records[0]


def test_changes_of_the_users_files_change_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_folder(tmp_path / "set", plain_rows(4))
    write_plans(tmp_path, "custom", {"path": str(folder)})
    before = run(tmp_path, monkeypatch)
    (folder / "0.jpg").write_bytes((folder / "1.jpg").read_bytes())
    (folder / "2.jpg").unlink()
    write_csv(folder / "pairs.csv", plain_rows(5))
    (folder / "4.jpg").write_bytes(b"new")
    after = run(tmp_path, monkeypatch)
    assert set(after) - set(before) == {"4.jpg"}
    assert set(before) - set(after) == {"2.jpg"}
    assert [name for name in before if name in after and before[name] != after[name]] == [
        "0.jpg",
        "pairs.csv",
    ]


def test_a_failure_keeps_the_former_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_folder(tmp_path / "set", plain_rows(4))
    write_plans(tmp_path, "custom", {"path": str(folder)})
    run(tmp_path, monkeypatch)
    former = (tmp_path / "data/raw/custom.json").read_bytes()
    write_csv(folder / "pairs.csv", [("a.jpg", "x")], header=("image", "labels"))
    with pytest.raises(CrosshashError, match="missing column"):
        download.main()
    assert (tmp_path / "data/raw/custom.json").read_bytes() == former


def test_the_message_is_one_line_without_traceback(tmp_path: Path) -> None:
    write_plans(tmp_path, "custom", {"path": str(tmp_path / "none")})
    process = start(tmp_path, "download")
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert output == ""
    assert errors.startswith("error: params.yaml: custom.path: ")
    assert "Traceback" not in errors
    assert not (tmp_path / "data").exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_plans(tmp_path, "scenes", {"count": 10, "seed": 0})
    (tmp_path / "raw").write_text("a file where the folder should be")
    with pytest.raises(CrosshashError, match=r"raw/scenes/.*/images/00000\.jpg: cannot be written"):
        run(tmp_path, monkeypatch)
    (tmp_path / "raw").unlink()
    (tmp_path / "data").write_text("another one")
    with pytest.raises(CrosshashError, match=r"data/raw/scenes\.json: cannot be written .* choose a folder"):
        run(tmp_path, monkeypatch)
