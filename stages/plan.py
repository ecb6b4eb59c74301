"""Check params.yaml and write one file of resolved settings per stage."""

from __future__ import annotations

import importlib
import logging
import os
import time
from pathlib import Path

import crosshash
from crosshash.artifacts import atomic_path
from crosshash.config.code_digest import code_digest
from crosshash.config.outlook import warnings_of
from crosshash.config.params import AUTO, CommonParams, fitting_method, load_params
from crosshash.config.plans.base import FOLDER, write_plan
from crosshash.config.resolve import dataset_settings, resolve
from crosshash.errors import CrosshashError
from stages import run

PARAMS = Path("params.yaml")
PACKAGE = Path(crosshash.__file__).parent
STEP_BACK = 10  # seconds
log = logging.getLogger(__name__)


def main() -> None:
    """Write plan/<stage>.yaml for every stage, all or none: a digest of its code, then its settings."""
    try:
        params = settled_method(load_params(PARAMS))
        plans = resolve(params)
    except CrosshashError:
        let_git_see()
        raise
    for warning in warnings_of(params):
        log.warning("warning: params.yaml: %s", warning)
    chosen = {"crosshash.methods": params.method, "crosshash.datasets": params.dataset}
    with atomic_path(FOLDER) as folder:
        folder.mkdir()
        for stage, plan in plans.items():
            code = code_digest(stage, Path(__file__).parent, PACKAGE, chosen)
            write_plan(folder / f"{stage}.yaml", code, plan)


def settled_method(params: CommonParams) -> CommonParams:
    """Choose under `method: auto` by whether the user's items have labels; all other data sets do.

    Raises:
        CrosshashError: the items cannot be read.
    """
    if params.method != AUTO:
        return params
    labelled = True
    if hasattr(params.dataset_section, "path"):
        from crosshash.pairs.source import raw_folder  # loads scipy, which no other plan needs

        module = importlib.import_module(f"crosshash.datasets.{params.dataset}")
        items = module.read(raw_folder(), **dataset_settings(params)).items
        labelled = any(item.labels for item in items)
    method, reason = fitting_method(params.model, labelled)
    log.info("method: %s (auto): %s", method, reason)
    return params.model_copy(update={"method": method})


def let_git_see() -> None:
    """Make sure that git notices what `-S` has written, so that `git checkout params.yaml` takes it back.

    DVC restores and rewrites the file within a second, often to the same size. Git compares whole seconds and
    sizes, takes such a file for unchanged and leaves it as it is.
    """
    if PARAMS.is_file():
        before = time.time() - STEP_BACK
        os.utime(PARAMS, (before, before))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    run(main)
