from __future__ import annotations

import inspect
import shutil
from pathlib import Path

import pytest
import yaml

from crosshash.config.params import AUTO, DATASETS, METHODS, Params
from crosshash.errors import CrosshashError
from flows.settings import PATHS, absolute_paths, apply_settings
from flows.train import train
from flows.train_twdh import train_twdh
from tests.flows.repositories import CHECKOUT, PARAMS


@pytest.fixture
def params(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout/.dvc/tmp/flows/tree"
    folder.mkdir(parents=True)
    (folder / "params.yaml").write_text(PARAMS)
    return folder / "params.yaml"


def test_values_and_overrides_are_written_and_comments_stay(params: Path) -> None:
    apply_settings(params, {"bits": 16, "method": "twdh"}, ["custom.path='/data/my photos'", "seed=3"])
    assert yaml.safe_load(params.read_text()) == {
        "bits": 16,
        "seed": 3,
        "custom": {"path": "/data/my photos"},
        "method": "twdh",
    }
    assert "# settings\nbits: 16  # length\n" in params.read_text()


def test_an_override_wins_over_a_value_and_the_last_one_over_those_before(params: Path) -> None:
    apply_settings(params, {"bits": 16}, ["bits=24", "bits=48"])
    assert yaml.safe_load(params.read_text())["bits"] == 48


def test_an_unknown_key_reaches_the_plan_which_knows_the_nearest_name(params: Path) -> None:
    apply_settings(params, {}, ["custom.pth=x", "new.section.key=1", "+added=2", "~seed"])
    content = yaml.safe_load(params.read_text())
    assert content["custom"] == {"path": "photos", "pth": "x"}
    assert (content["new"], content["added"]) == ({"section": {"key": 1}}, 2)
    assert "seed" not in content


def test_all_overrides_that_cannot_be_read_are_listed_and_nothing_is_written(params: Path) -> None:
    with pytest.raises(CrosshashError) as error:
        apply_settings(params, {"bits": 16}, ["seed=1", "bits", "bits=16,32", "custom.path=a b=c", "seed=[1"])
    for part in (
        "KEY=VALUE",
        "- bits: ",
        "- bits=16,32: gives several",
        "- custom.path=a b=c: ",
        "- seed=[1: ",
    ):
        assert part in str(error.value)
    assert "- seed=1:" not in str(error.value)
    assert params.read_text() == PARAMS


def test_an_override_that_contradicts_the_file_is_named(params: Path) -> None:
    with pytest.raises(CrosshashError, match=r"overrides: .*already at 'bits'"):
        apply_settings(params, {}, ["+bits=3"])


@pytest.mark.parametrize("path", ["photos", "../outside/photos"])
def test_a_path_that_only_the_checkout_reaches_becomes_absolute(
    tmp_path: Path, params: Path, path: str
) -> None:
    checkout = tmp_path / "checkout"
    (checkout / path).mkdir(parents=True)
    apply_settings(params, {}, [f"custom.path={path}"])
    changed = absolute_paths(params, checkout)
    assert changed == {"custom.path": str((checkout / path).resolve())}
    assert yaml.safe_load(params.read_text())["custom"] == {"path": changed["custom.path"]}


def test_other_paths_stay(tmp_path: Path, params: Path) -> None:
    """One that the worktree has too, one that is nowhere, one that is absolute, a setting that is no text."""
    checkout = tmp_path / "checkout"
    (checkout / "photos").mkdir(parents=True)
    (params.parent / "photos").mkdir()
    apply_settings(params, {"features": {"path": "nowhere"}, "model": {"pretrained": None}}, [])
    assert absolute_paths(params, checkout) == {}
    apply_settings(params, {"features": {"path": str(checkout / "photos")}, "model": 3}, [])
    assert absolute_paths(params, checkout) == {}


def test_the_projects_own_settings_can_be_written(tmp_path: Path) -> None:
    """The keys that may hold paths are keys of params.yaml, and a written file means the same."""
    params = Path(shutil.copy(CHECKOUT / "params.yaml", tmp_path))
    before = yaml.safe_load(params.read_text())
    (tmp_path / "checkout/own").mkdir(parents=True)
    for section, key in PATHS:
        assert key in before[section]
        before[section][key] = str(tmp_path / "checkout/own")
    apply_settings(params, {}, [f"{section}.{key}=own" for section, key in PATHS])
    absolute_paths(params, tmp_path / "checkout")
    assert yaml.safe_load(params.read_text()) == before


def test_every_setting_that_may_name_a_file_or_folder_is_made_absolute() -> None:
    own = {(name, "path") for name in DATASETS if "path" in Params.model_fields[name].annotation.model_fields}
    assert set(PATHS) == own | {("download", "local"), ("split", "file"), ("model", "pretrained")}


def test_all_data_sets_are_named_where_a_run_is_described() -> None:
    row = next(
        line for line in (CHECKOUT / "docs/prefect.md").read_text().splitlines() if "| `dataset` |" in line
    )
    for flow in (train.fn, train_twdh.fn):
        described = inspect.getdoc(flow) or ""
        for name in DATASETS:
            assert name in row
            assert name in described


def test_all_methods_are_named_where_a_run_is_described() -> None:
    row = next(
        line for line in (CHECKOUT / "docs/prefect.md").read_text().splitlines() if "| `method` |" in line
    )
    described = inspect.getdoc(train.fn) or ""
    for name in (*METHODS, AUTO):
        assert name in row
        assert name in described
