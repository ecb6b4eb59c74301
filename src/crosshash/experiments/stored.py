"""Whether DVC's cache holds what a run made: DVC 3.67.1 ends with success where its disk was full."""

from __future__ import annotations

from pathlib import Path

from dvc.exceptions import DvcException
from dvc.repo import Repo

from crosshash.errors import CrosshashError, listed


def check_stored(project: Path, stage: str | None = None) -> None:
    """See that DVC's cache holds every output that dvc.lock names, of one stage or of all.

    Of folders DVC only logs that it could not store them. They are whole where they were made, but lost with
    the next change of settings, and the stage runs again.

    Raises:
        CrosshashError: outputs are not in the cache, all of them are named; or DVC cannot tell.
    """
    try:
        # Another stage of a flow may be at its end: DVC writes dvc.lock in place, under its lock.
        with Repo(str(project), _wait_for_lock=True) as repo, repo.lock:
            cache = repo.cache.local.path
            made = [(one, out) for one in repo.index.stages for out in one.outs if stage in (None, one.name)]
            lost = [
                (one.name or one.relpath, str(out))
                for one, out in made
                if out.use_cache and out.hash_info and out.changed_cache()
            ]
    except DvcException as error:
        raise CrosshashError(f"{project}: DVC cannot tell what its cache holds: {error}") from error
    if lost:
        stages = " ".join(sorted({name for name, _ in lost}))
        raise CrosshashError(
            f"{cache}: DVC ended without an error, but its cache lacks outputs of this run:\n"
            f"{listed([f'{out} (stage {name})' for name, out in lost])}\n"
            "Most often its disk is full, see `failed to transfer` above. Make room there; then "
            f"`dvc commit {stages}` stores what lies in the folder, or the next run makes it again."
        )
