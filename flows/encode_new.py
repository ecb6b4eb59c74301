"""The flow `encode-new`: new pictures of a folder into the project's collection, without training."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from prefect import flow, get_run_logger
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Failed

from flows.dvc_tasks import TIED, environment
from flows.experiment import CHECKOUT

COUNTS = ("new", "replaced", "unchanged", "images", "texts")


@flow(name="encode-new", persist_result=False)
def encode_new(folder: str, skip_bad: bool = True) -> dict[str, int] | State[dict[str, int]]:
    """Take what is new in a folder into the collection of the checkout.

    Args:
        folder: pictures, or a pairs.csv with the images it names; relative to the checkout, or absolute.
        skip_bad: leave out pictures that are broken, and name them in the log; else they fail the run.

    Returns how many items are new, replaced and unchanged, and how many the collection has.
    """
    command = [*TIED, "crosshash", "encode", "--json", *(["--skip-bad"] if skip_bad else [])]
    done = subprocess.run(
        [*command, "--", str(CHECKOUT / Path(folder))],
        cwd=CHECKOUT, env=environment({}), capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.stderr:
        get_run_logger().warning("%s", done.stderr.rstrip())
    if done.returncode:
        return Failed(message=done.stderr.strip() or f"crosshash encode ended with status {done.returncode}")
    change = json.loads(done.stdout)
    counts = {name: int(change[name]) for name in COUNTS}
    create_table_artifact([counts], key="encode-new", description=f"{folder} into {change['collection']}")
    return counts
