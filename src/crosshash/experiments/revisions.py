"""Where runs are: names of experiments, commits, branches and tags, the workspace, folders of projects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.repo.experiments.utils import exp_refs_by_baseline
from dvc.scm import RevError, resolve_rev
from dvc_data.index import DataIndexDirError

from crosshash.errors import CrosshashError
from crosshash.experiments.files import METRICS, PARAMS
from crosshash.experiments.near import did_you_mean
from crosshash.experiments.runs import Run, read_run

WORKSPACE = "workspace"


@dataclass(frozen=True)
class Folder:
    """Files of a folder that DVC does not know."""

    path: Path

    def read(self, path: str) -> bytes:
        """Give the bytes of a file."""
        return (self.path / path).read_bytes()

    def md5(self, path: str) -> str | None:
        """Know nothing."""
        return None


@dataclass(frozen=True)
class Revision:
    """Files of a commit, or of the workspace, outputs out of DVC's cache; nothing is checked out."""

    files: Any

    @staticmethod
    def of(project: Path, revision: str | None) -> Revision:
        """Open a commit of a repository; None: its workspace."""
        return Revision(DVCFileSystem(str(project.resolve()), rev=revision))

    def read(self, path: str) -> bytes:
        """Give the bytes of a file, from git, the workspace, the cache, or a remote that DVC knows.

        Raises:
            OSError: it is in none of them.
            CrosshashError: a remote is of a kind that DVC has no package for.
        """
        try:
            with _kinds_of_remotes():
                return bytes(self.files.read_bytes(f"/{path}"))
        except DvcException as error:
            raise OSError(str(error)) from error

    def md5(self, path: str) -> str | None:
        """Give the recorded hash of an output, None for other files and for what the cache has lost."""
        try:
            with _kinds_of_remotes():
                info = self.files.info(f"/{path}")
        except (OSError, DvcException, DataIndexDirError):
            return None
        recorded = info.get("dvc_info") or info  # the first where a file of the workspace stands beside it
        return recorded.get("md5")  # type: ignore[no-any-return]


@contextmanager
def _kinds_of_remotes() -> Iterator[None]:
    """Name a package that DVC lacks for one of the project's remotes; it looks for it at any read."""
    try:
        yield
    except ImportError as error:
        raise CrosshashError(
            f"DVC cannot use a remote of this project: {error}. Install it (pip install dvc-ssh, dvc-s3), "
            "or remove the remote: `dvc remote list`, `dvc remote remove NAME`."
        ) from None


@dataclass(frozen=True)
class Listed:
    """An experiment as DVC lists it.

    revision: None for the workspace; state: `finished`, or as DVC's queue says: `failed`, `queued`,
    `running`; time: of its commit, seconds.
    """

    name: str
    revision: str | None
    state: str
    time: float


def find_run(name: str, project: Path) -> Run:
    """Read the run of that name: of the project's git and DVC, `workspace`, or a folder.

    Raises:
        CrosshashError: no such run, or it has no scores.
    """
    if name == WORKSPACE:
        return read_run(name, files_of(project))
    folder = Path(name)
    if name.startswith((".", "/")) and folder.is_dir():
        return read_run(name, files_of(folder))
    revision, known = _resolved(name, project)
    if revision is not None:
        return read_run(name, Revision.of(project, revision))
    if folder.is_dir():
        if (folder / METRICS).exists() or (folder / PARAMS).exists():
            return read_run(name, files_of(folder))
        raise CrosshashError(f"{name}: this folder has no {METRICS}; run `dvc repro` there.")
    raise CrosshashError(
        f"'{name}' is no experiment, branch, tag or commit of {project.resolve()}, and no folder"
        f"{did_you_mean(name, known)} `dvc exp list --all-commits` lists all experiments."
    )


def files_of(folder: Path) -> Folder | Revision:
    """Open a folder: by DVC where it is a project of DVC."""
    return Revision.of(folder, None) if (folder / ".dvc").is_dir() else Folder(folder)


def list_experiments(project: Path) -> list[Listed]:
    """List all experiments, failed ones too, the commits they began from, HEAD, and the workspace.

    Raises:
        CrosshashError: the folder is no repository of git and DVC.
    """
    with _repository(project) as repo:
        scm = repo.scm
        if not hasattr(scm, "resolve_commit"):
            raise CrosshashError(
                f"{project.resolve()}: DVC works without git here, so it has no experiments."
            )
        refs = {} if scm.no_commits else exp_refs_by_baseline(scm)
        baselines = {} if scm.no_commits else dict.fromkeys([scm.get_rev(), *sorted(refs)])
        branches = {scm.get_ref(f"refs/heads/{name}"): name for name in scm.list_branches()}
        found = [Listed(WORKSPACE, None, "finished", float("inf"))]
        found += [
            Listed(info.name, rev, "finished", scm.resolve_commit(rev).commit_time)
            for infos in refs.values()
            for info in infos
            if (rev := scm.get_ref(str(info)))
        ]
        found += [
            Listed(branches.get(rev, rev[:7]), rev, "finished", scm.resolve_commit(rev).commit_time)
            for rev in baselines
        ]
        found += _not_finished(repo)
    # experiments before the commits of the same second: their names say more
    return sorted(found, key=lambda one: (-one.time, one.revision in baselines, one.name))


def _not_finished(repo: Any) -> list[Listed]:  # noqa: ANN401 - DVC's repository has no types
    queue, aside = repo.experiments.celery_queue, repo.experiments.tempdir_queue
    states = [(one["name"], one["rev"], one["status"].lower()) for one in queue.status()]
    states += [(entry.name, entry.stash_rev, "running") for entry in aside.iter_active()]
    return [
        Listed(name or revision[:7], revision, state, 0.0)
        for name, revision, state in states
        if state != "success"
    ]


def _resolved(name: str, project: Path) -> tuple[str | None, list[str]]:
    """Give the commit of a name, if there is one, and the names there are."""
    try:
        with _repository(project) as repo:
            if not hasattr(repo.scm, "resolve_commit") or repo.scm.no_commits:
                return None, [WORKSPACE]
            experiments = [info.name for infos in exp_refs_by_baseline(repo.scm).values() for info in infos]
            known = [WORKSPACE, *experiments, *repo.scm.list_branches(), *repo.scm.list_tags()]
            try:
                return resolve_rev(repo.scm, name), known
            except RevError as error:
                if "ambiguous" in str(error):
                    raise CrosshashError(
                        f"'{name}': several experiments have this name. Give the commit that "
                        "`dvc exp list --all-commits` shows."
                    ) from None
                return None, known
    except NoRepositoryError:
        return None, [WORKSPACE]


class NoRepositoryError(CrosshashError):
    """A folder without git and DVC."""


@contextmanager
def _repository(project: Path) -> Iterator[Any]:
    try:
        repo = Repo(str(project))
    except DvcException as error:
        raise NoRepositoryError(
            f"{project.resolve()}: no project of DVC ({error}). Run the command in the project's folder, "
            "or add --project."
        ) from None
    with repo:
        yield repo
