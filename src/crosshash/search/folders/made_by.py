"""Which model made an index, and whether it is the one that is to search it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crosshash.checksums import folder_digest
from crosshash.errors import CrosshashError

BASE = "base"
"""Key of a collection's statistics: digest of the index that it was made from."""

LOCK = ".lock"
"""File beside the index of a collection, which tells it from the index of a run."""

SHOWN = 12
"""Digits of a digest that messages show."""

AGAIN = (
    "Run `crosshash encode --again`: its items are encoded anew, from the pictures that it keeps, and what "
    "was taken out stays out."
)
BACK = (
    "Going back to the settings that it was made with (`git checkout params.yaml && dvc repro`) also brings "
    "it back to use."
)

RENEW = (
    "`crosshash encode --again` makes the collection anew; where that says the same, delete it and run "
    "`crosshash encode` with its folders again."
)
NOT_BY_A_RUN = f"But `dvc repro` makes no collections: {RENEW}"


class OtherModel(CrosshashError):  # noqa: N818 - it is told to users, whom "error" tells nothing more
    """An index that another model made than the one that is to search it, with the finding and the remedy."""

    def __init__(self, finding: str, remedy: str) -> None:
        super().__init__(f"{finding}. {remedy}")
        self.finding = finding


class StaleCollection(OtherModel):
    """A collection that the present model cannot search; its text says how to use it again."""


def run_index(project: Path) -> Path:
    """Say where the index stage writes."""
    return project / "artifacts" / "index"


def check_fresh(project: Path, folder: Path, statistics: dict[str, Any], encoder: dict[str, Any]) -> None:
    """Refuse an index that the model cannot search.

    Raises:
        StaleCollection: a collection was made by another model, for other bits, or from another index.
        OtherModel: an index was made by another model, or for other bits.
        CrosshashError: it was by another version.
    """
    made_by = statistics.get("encoder")
    if made_by is None:
        raise CrosshashError(f"{folder}: was made by another version of crosshash. {remedy(statistics)}")
    run = run_index(project)
    grown = BASE in statistics
    if made_by["bits"] != encoder["bits"]:
        problem = f"holds codes of {made_by['bits']} bits, the model gives {encoder['bits']}"
    elif made_by["digest"] != encoder["digest"]:
        made, loaded = (one["digest"][:SHOWN] for one in (made_by, encoder))
        problem = f"was made by another model ({made}) than the present one ({loaded})"
    elif grown and run.is_dir() and statistics[BASE] != folder_digest(run):
        problem = f"{run} has changed since this collection was made from it"
    else:
        return
    if grown:
        raise StaleCollection(f"{folder}: {problem}", f"{AGAIN} {BACK}")
    raise OtherModel(f"{folder}: {problem}", remedy(statistics))


def remedy(statistics: dict[str, Any]) -> str:
    """Say how an index that does not fit is made anew."""
    if BASE in statistics:
        return RENEW
    return "Run `dvc repro index`."


@contextmanager
def told_of_collections(folder: Path) -> Iterator[None]:
    """Tell of a damaged file of an index's folder how it is made anew, if it is one of a collection.

    What is told of other files stays as it is.

    Raises:
        CrosshashError: what was raised inside.
    """
    try:
        yield
    except CrosshashError as error:
        of_run = str(error).startswith(str(folder)) and "`dvc repro" in str(error)
        if not of_run or not (folder.parent / LOCK).is_file():
            raise
        raise CrosshashError(f"{error} {NOT_BY_A_RUN}") from None
