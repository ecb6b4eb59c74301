"""`crosshash stored`: whether the last run is in DVC's cache."""

from __future__ import annotations

from pathlib import Path

from crosshash.commands.options import Project, told


def stored(project: Project = Path()) -> None:
    """Say so, and fail, where DVC's cache lacks outputs of the last run: its disk was full."""
    with told():
        from crosshash.experiments.stored import check_stored

        check_stored(project)
