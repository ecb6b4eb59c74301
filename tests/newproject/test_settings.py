from __future__ import annotations

from pathlib import Path

import pytest

from crosshash.config.params import load_params
from crosshash.errors import CrosshashError
from crosshash.newproject.choices import Choice
from crosshash.newproject.layout import lay_out
from crosshash.newproject.settings import write_choices


def test_settings_are_changed_comments_stay_and_reasons_stand_on_top(tmp_path: Path) -> None:
    lay_out(tmp_path / "project")
    params = tmp_path / "project/params.yaml"
    before = params.read_text()
    path = "/my 'photos', 2026: all"
    chosen = [
        Choice("dataset", "custom", "300 items"),
        Choice("custom.path", path, ""),
        Choice("preset", "small", "pretrained"),
        Choice("bits", 16, "few"),
        Choice("model.pretrained", None, "why not"),
    ]
    write_choices(tmp_path / "project", chosen)
    text = params.read_text()
    assert text.splitlines()[:6] == [
        "# Chosen by `crosshash init`, and why; change what you like:",
        "#   dataset: custom         300 items",
        "#   preset: small           pretrained",
        "#   bits: 16                few",
        "#   model.pretrained: null  why not",
        "",
    ]
    read = load_params(params)
    assert (read.dataset, read.bits, read.custom.path) == ("custom", 16, path)  # type: ignore[attr-defined]
    assert (read.model.image, read.model.text) == ("small/efficientnet-lite0", "small/minilm")
    assert text.count("#") == before.count("#") + 5


def test_values_that_fit_nowhere_are_refused(tmp_path: Path) -> None:
    lay_out(tmp_path / "project")
    with pytest.raises(CrosshashError, match="bits: "):
        write_choices(tmp_path / "project", [Choice("bits", 0, "none")])
