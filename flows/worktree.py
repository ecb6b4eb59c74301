"""A git worktree of its own for one run: starts as the checkout stands, leaves the checkout untouched."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dvc.config import Config
from dvc.exceptions import NotDvcRepoError
from dvc.repo import Repo
from dvc.repo.experiments.refs import ExpRefInfo
from filelock import FileLock, Timeout

from crosshash.errors import CrosshashError

FOLDER = Path(".dvc/tmp/flows")
"""Where worktrees stand: ignored by git, usually on the disk of DVC's cache, so that outputs are linked."""

LOCK = Path(".dvc/tmp/flow.lock")
"""In a worktree, ignored by git: held by the run that works there, however that ends."""


@contextmanager
def worktree(checkout: Path, name: str) -> Iterator[Path]:
    """Give a folder with the checkout's tracked files, uncommitted changes included, and its DVC cache.

    It is removed at the end, after a failure too; what a killed run left is removed at the next start.

    Raises:
        CrosshashError: `checkout` is no repository of git and DVC, or has no commit yet.
    """
    local = _local_config(checkout)
    tree = checkout / FOLDER / name
    tree.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(checkout / FOLDER.with_suffix(".lock")):
        _remove_stale(checkout)
        git(checkout, "worktree", "add", "--quiet", "--detach", "--no-checkout", str(tree), "HEAD")
        held = FileLock(tree / LOCK)
        held.acquire()
    try:
        git(tree, "read-tree", "-u", "--reset", snapshot(checkout))
        _configure(checkout, tree, local)
        yield tree
    finally:
        _remove(checkout, tree)
        held.release()


def snapshot(checkout: Path) -> str:
    """Store all tracked files as they stand now in git, index and stash untouched; give the tree's id."""
    index = checkout / git(checkout, "rev-parse", "--git-path", "index")
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy2(index, folder)  # with its time, by which git finds edits of the same second
        git(checkout, "add", "--update", GIT_INDEX_FILE=str(copy))
        return git(checkout, "write-tree", GIT_INDEX_FILE=str(copy))


def untracked(checkout: Path) -> list[str]:
    """List the files that a run will not see: neither tracked nor ignored by git.

    Not dvc.lock, which a run has no need of: it finds the same results in DVC's cache.
    """
    listed = git(checkout, "ls-files", "--others", "--exclude-standard").splitlines()
    return [name for name in listed if name != "dvc.lock"]


def save_experiment(tree: Path, name: str) -> None:
    """Record the worktree as DVC experiment `name` of the commit it stands on; `dvc exp show` lists it.

    This is what `dvc exp save` records, in one atomic step of git. DVC's own command also moves refs below
    refs/exps/exec, which all worktrees share: beside it a `dvc exp run` of the checkout failed at its end,
    and of two runs that saved at the same moment one was lost.

    Raises:
        CrosshashError: there is an experiment of this name.
    """
    baseline = git(tree, "rev-parse", "HEAD")
    # An index without times: every file is read, also one that changed within a second and kept its size.
    git(tree, "read-tree", git(tree, "write-tree"))
    git(tree, "add", "--all")
    message = f"dvc: commit experiment {name}"
    commit = git(tree, "commit-tree", "-p", baseline, "-m", message, git(tree, "write-tree"), **_author(tree))
    git(tree, "update-ref", str(ExpRefInfo(baseline, name)), commit, "")


def git(folder: Path, *arguments: str, **environment: str) -> str:
    """Run git in `folder`, without the user's hooks; give what it printed.

    Raises:
        CrosshashError: git failed; the text holds what it said.
    """
    command = ["git", "-c", f"core.hooksPath={os.devnull}", *arguments]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CrosshashError(f"git {arguments[0]} failed in {folder}: {done.stderr.strip()}")
    return done.stdout.strip()


def _local_config(checkout: Path) -> dict[str, dict[str, object]]:
    """Give the checkout's local DVC settings with absolute paths, its cache among them."""
    try:
        git(checkout, "rev-parse", "--verify", "HEAD")
        with Repo(str(checkout)) as repo:
            settings: dict[str, dict[str, object]] = dict(repo.config.read("local"))
            cache = repo.cache.local_cache_dir
    except (CrosshashError, NotDvcRepoError) as error:
        raise CrosshashError(
            f"{checkout}: a run starts from a commit of a git repository with DVC ({error}). "
            "Run it in a clone of the project, or commit once: git add -A && git commit -m start"
        ) from None
    settings["cache"] = {**settings.get("cache", {}), "dir": cache}
    return settings


def _configure(checkout: Path, tree: Path, local: dict[str, dict[str, object]]) -> None:
    """Give the worktree the checkout's cache; DVC's notes about files stay inside it and go with it."""
    own = {"autostage": True, "site_cache_dir": str(tree / ".dvc/tmp/site")}
    theirs = checkout / ".dvc/config.local"
    if theirs.exists():
        shutil.copy(theirs, tree / ".dvc/config.local")  # for its access rights: it may hold passwords
    with Config(str(tree / ".dvc")).edit("local") as settings:
        settings.update(local)
        settings["core"] = {**local.get("core", {}), **own}


def _author(tree: Path) -> dict[str, str]:
    """Name an author where git knows none, which DVC's own experiments do not need either."""
    try:
        git(tree, "var", "GIT_COMMITTER_IDENT")
    except CrosshashError:
        roles = ("AUTHOR", "COMMITTER")
        return {f"GIT_{role}_{key}": "crosshash" for role in roles for key in ("NAME", "EMAIL")}
    return {}


def _remove_stale(checkout: Path) -> None:
    """Remove the worktrees that no living run holds."""
    for tree in (checkout / FOLDER).iterdir():
        with suppress(Timeout, NotADirectoryError), FileLock(tree / LOCK).acquire(blocking=False):
            _remove(checkout, tree)


def _remove(checkout: Path, tree: Path) -> None:
    shutil.rmtree(tree, ignore_errors=True)
    with suppress(CrosshashError):  # git may not know it: the run was killed before it was registered
        git(checkout, "worktree", "remove", "--force", "--force", str(tree))
