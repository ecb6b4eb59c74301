"""Fetch, generate or look up the raw files of the data set; list them with size and sha256."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from typing import cast

from crosshash.config.plans.base import read_plan
from crosshash.config.plans.download import DownloadPlan
from crosshash.pairs.raw_record import write_raw
from crosshash.pairs.source import Dataset, raw_folder
from stages import run


def main() -> None:
    """Write data/raw/<dataset>.json."""
    plan = read_plan("download", DownloadPlan)
    module = cast(Dataset, importlib.import_module(f"crosshash.datasets.{plan.dataset}"))
    files = module.fetch(raw_folder(), **plan.settings)
    write_raw(Path("data/raw") / f"{plan.dataset}.json", plan.dataset, files)
    megabytes = sum(file.size for file in files) / 1e6
    own = {
        key: value for key, value in plan.settings.items() if key not in ("mirror", "checksums", "parallel")
    }
    place = module.folder(raw_folder(), **own)
    logging.getLogger(__name__).info("%d raw files, %.1f MB, in %s", len(files), megabytes, place)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    run(main, "what has come so far is kept: the next run goes on from there")
