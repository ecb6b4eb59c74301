"""Check params.yaml and write one file of resolved settings per stage."""

from __future__ import annotations

from pathlib import Path

import yaml

from crosshash.artifacts import atomic_path
from crosshash.config.params import load_params
from crosshash.config.resolve import resolve
from crosshash.errors import run_stage
from crosshash.plans.base import FOLDER


def main() -> None:
    """Write plan/<stage>.yaml for every stage, all or none."""
    plans = resolve(load_params(Path("params.yaml")))
    with atomic_path(FOLDER) as folder:
        folder.mkdir()
        for stage, plan in plans.items():
            text = yaml.safe_dump(plan.model_dump(), sort_keys=False, allow_unicode=True)
            (folder / f"{stage}.yaml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run_stage(main)
