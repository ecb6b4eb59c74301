"""The list of data sets: what it says of a project, outside of one, and of settings that are wrong."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from crosshash.acquire.receipts import Receipt, write_receipt
from crosshash.commands.dataset_table import DatasetEntry, catalog_table, list_datasets
from crosshash.config.params import DATASETS
from crosshash.datasets import iaprtc12
from crosshash.errors import CrosshashError
from crosshash.pairs.raw_record import write_raw
from crosshash.pairs.source import RawFile
from tests.conftest import ROOT
from tests.datasets.folders import plain_rows, write_folder


def listed(project: Path, raw: Path) -> dict[str, DatasetEntry]:
    return {entry.name: entry for entry in list_datasets(project, raw)}


def write_params(project: Path, **changes: Any) -> Path:  # noqa: ANN401
    """params.yaml with other sections or keys in sections; a folder for each data set of one's own."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    for name in DATASETS:
        if "path" in params[name]:
            params[name]["path"] = f"own/{name}"
            (project / "own" / name).mkdir(parents=True, exist_ok=True)
    for name, change in changes.items():
        params[name] = change
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    return project


def test_every_data_set_has_a_description_a_protocol_and_a_page(tmp_path: Path) -> None:
    entries = list_datasets(tmp_path, tmp_path / "raw")
    assert [entry.name for entry in entries] == list(DATASETS)
    for entry in entries:
        assert 10 < len(entry.what) < 110
        assert "`" not in entry.what
        assert entry.query > 0
        assert entry.train > 0
        assert (ROOT / entry.page).is_file(), entry.page
    assert [entry.classes for entry in entries if entry.name == "nuswide10"] == [10]
    pages = {entry.name: entry.page for entry in entries}
    assert pages["nuswide10"] == pages["nuswide"] == "docs/datasets/nuswide.md"
    assert pages["coco2017"] == "docs/datasets/coco2017.md"
    assert pages["scenes"] == pages["custom"] == pages["features"] == "docs/data.md"


def test_a_converted_data_set_is_measured(trained_project: Path) -> None:
    entry = listed(trained_project, trained_project / "raw")["scenes"]
    assert entry.state == "converted"
    assert (entry.pairs, entry.classes, entry.query, entry.train) == (120, 8, 0.1, 0.7)
    raw = next((trained_project / "raw" / "scenes").iterdir())
    pictures = [*raw.glob("images/*.jpg"), raw / "pairs.csv"]  # not the list that is kept beside them
    assert entry.raw_bytes == sum(path.stat().st_size for path in pictures)
    converted = [path for path in (trained_project / "data" / "scenes").rglob("*") if path.is_file()]
    assert entry.converted_bytes == sum(path.stat().st_size for path in converted)
    assert entry.problem is None


def recorded(project: Path) -> Path:
    """Files a and b/c of iaprtc12, 700 and 65 bytes, and their record; give the folder they lie in."""
    write_raw(
        project / "data/raw/iaprtc12.json", "iaprtc12", [RawFile("a", 700, "0"), RawFile("b/c", 65, "1")]
    )
    place = project / "raw" / "iaprtc12"
    (place / "b").mkdir(parents=True)
    (place / "a").write_bytes(bytes(700))
    (place / "b/c").write_bytes(bytes(65))
    return place


def test_recorded_files_are_raw(tmp_path: Path) -> None:
    """700 + 65 = 765 bytes."""
    recorded(write_params(tmp_path))
    entry = listed(tmp_path, tmp_path / "raw")["iaprtc12"]
    assert (entry.state, entry.raw_bytes, entry.pairs, entry.converted_bytes) == ("raw", 765, None, None)


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(bytes(64))])
def test_recorded_files_that_are_gone_or_changed_are_absent(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    spoil(recorded(write_params(tmp_path)) / "b/c")
    entry = listed(tmp_path, tmp_path / "raw")["iaprtc12"]
    assert (entry.state, entry.raw_bytes, entry.problem) == ("absent", None, None)


def test_a_folder_that_the_system_cannot_look_into_is_told(tmp_path: Path) -> None:
    """No file system takes a name of 300 letters: the system refuses it, whoever asks."""
    name = "x" * 300
    entries = listed(write_params(tmp_path, mat_triple={"path": name}), tmp_path / "raw")
    assert {name for name, entry in entries.items() if entry.problem} == {"mat_triple"}
    assert entries["mat_triple"].state == "error"
    assert entries["mat_triple"].problem == f"{tmp_path / name}: cannot be read (File name too long)."


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everywhere")
def test_a_folder_of_raw_files_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    place = received(tmp_path / "raw")
    place.chmod(0)
    try:
        entry = listed(tmp_path, tmp_path / "raw")["iaprtc12"]
    finally:
        place.chmod(0o700)
    assert entry.state == "error"
    assert "cannot be read (Permission denied)" in str(entry.problem)


def test_own_folders_are_raw_and_relative_to_the_project(tmp_path: Path) -> None:
    write_folder(tmp_path / "own" / "custom", plain_rows(2))
    entries = listed(write_params(tmp_path), tmp_path / "raw")
    assert (entries["custom"].state, entries["custom"].raw_bytes) == ("raw", None)
    assert entries["scenes"].state == "absent"


def received(raw: Path) -> Path:
    """Both archives of iaprtc12 and what came out of them: 11 and 5 bytes."""
    place = raw / "iaprtc12"
    for source, text in zip(iaprtc12.SOURCES, ("eleven byte", "fifth"), strict=True):
        (place / source.name).mkdir(parents=True)
        (place / source.name / "file").write_text(text)
        file = RawFile(f"{source.name}/file", len(text), "0")
        write_receipt(place / ".received", source.name, Receipt("nowhere", 1, "0", (file,)))
    return place


def test_outside_of_a_project_receipts_tell(tmp_path: Path) -> None:
    received(tmp_path / "raw")
    write_raw(tmp_path / "data/raw/wikipedia.json", "wikipedia", [RawFile("a", 7, "0")])
    entries = listed(tmp_path, tmp_path / "raw")
    assert {name for name, entry in entries.items() if entry.state != "absent"} == {"iaprtc12"}
    assert (entries["iaprtc12"].state, entries["iaprtc12"].raw_bytes) == ("raw", 16)


@pytest.mark.parametrize("lost", ["saiaprtc12ok.zip/file", ".received/saiaprtc12ok.zip.json"])
def test_what_is_received_in_part_is_absent(tmp_path: Path, lost: str) -> None:
    (received(tmp_path / "raw") / lost).unlink()
    assert listed(tmp_path, tmp_path / "raw")["iaprtc12"].state == "absent"


def test_a_damaged_receipt_is_told(tmp_path: Path) -> None:
    (received(tmp_path / "raw") / ".received" / "iaprtc12.tgz.json").write_text("{")
    entry = listed(tmp_path, tmp_path / "raw")["iaprtc12"]
    assert entry.state == "error"
    assert "iaprtc12.tgz.json" in str(entry.problem)


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ({"path": "own/none"}, "mat_triple.path"),
        ({}, "params.yaml: mat_triple.path: Field required"),
        ({"path": "own/mat_triple", "pth": 1}, "params.yaml: mat_triple.pth: Extra inputs are not permitted"),
        (None, "params.yaml: mat_triple"),
    ],
)
def test_wrong_settings_of_one_data_set_leave_the_others(
    tmp_path: Path, section: object, problem: str
) -> None:
    entries = listed(write_params(tmp_path, mat_triple=section), tmp_path / "raw")
    assert entries["mat_triple"].state == "error"
    assert problem in str(entries["mat_triple"].problem)
    assert {name for name, entry in entries.items() if entry.problem} == {"mat_triple"}


def test_a_damaged_conversion_is_told(tmp_path: Path) -> None:
    (tmp_path / "data" / "scenes").mkdir(parents=True)
    (tmp_path / "data" / "scenes" / "info.json").write_text("{}")
    entry = listed(write_params(tmp_path), tmp_path / "raw")["scenes"]
    assert (entry.state, entry.pairs, entry.converted_bytes) == ("error", None, None)
    assert "info.json" in str(entry.problem)


def test_params_that_are_no_yaml_are_told(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("bits: [")
    with pytest.raises(CrosshashError, match=r"params\.yaml: is not valid YAML"):
        list_datasets(tmp_path, tmp_path / "raw")


def test_the_table_shows_counts_shares_and_sizes() -> None:
    entry = DatasetEntry(
        "own", "pictures [b]", "converted", None, 20015, 24, 0.125, 10000, 2_340_000, 999, "docs/data.md"
    )
    file = io.StringIO()
    Console(width=200, file=file).print(catalog_table([entry]))
    for cell in ("pictures [b]", "converted", "20,015", "12.5%", "10,000", "2.3 MB", "0.0 MB"):
        assert cell in file.getvalue()


def test_torch_is_not_imported(tmp_path: Path) -> None:
    code = (
        "import json, sys; from pathlib import Path; "
        "from crosshash.commands.dataset_table import list_datasets; "
        "print(json.dumps([len(list_datasets(Path(), Path())), 'torch' in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [len(DATASETS), False]
