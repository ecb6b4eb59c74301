"""What a new length of a method whose code is cut runs again, seen in the plan files that DVC compares."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from crosshash.errors import CrosshashError
from stages.plan import main

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)


def files(bits: int, **section: Any) -> dict[str, bytes]:  # noqa: ANN401
    """Plan SCAHN; gives the bytes of plan/<stage>.yaml."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    raw |= {"method": "scahn", "bits": bits}
    raw["scahn"] |= section
    Path("params.yaml").write_text(yaml.safe_dump(raw))
    main()
    return {path.stem: path.read_bytes() for path in Path("plan").iterdir()}


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    return {stage for stage in before if before[stage] != after[stage]}


def test_another_length_trains_nothing() -> None:
    """centers changes, but a method without centres writes `used` = false whatever the length."""
    assert changed(files(64), files(16)) == {"centers", "encode", "evaluate", "index", "report"}


def test_another_significance_only_encodes() -> None:
    assert changed(files(16), files(16, significance="weights")) == {"encode"}


def test_another_trained_length_trains() -> None:
    assert "train" in changed(files(64), files(64, train_bits=64))


def test_bits_up_to_the_trained_length_and_no_more() -> None:
    files(128)
    with pytest.raises(
        CrosshashError, match=r"bits: 129 is more than scahn\.train_bits 128; set scahn\.train_bits"
    ):
        files(129)
    with pytest.raises(CrosshashError, match=r"bits: 32 is more than scahn\.train_bits 16"):
        files(32, train_bits=16)
    with pytest.raises(CrosshashError, match=r"scahn\.significance: must be .*'alignment'"):
        files(32, significance="discrimination")
