"""Training curves as DVCLive keeps them: one value per epoch, the same bytes for the same training."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from dvclive.live import Live

from crosshash.errors import full_disk_named
from crosshash.training.checkpoint import Epoch


class _Live(Live):
    """DVCLive with a thread for DVC Studio only where a Studio is to be told.

    It starts one at its end in any case. A thread that finds no memory for its first step never says that it
    has started, and who started it waits for ever (CPython 3.11.7): a training had hung so when all was done.
    """

    def post_data_to_studio(self) -> None:
        """Send what is new, if there is a Studio."""
        if self._dvc_studio_config:
            super().post_data_to_studio()  # type: ignore[no-untyped-call]


class Curves:
    """Writes `dvclive/` epoch by epoch; no experiment of its own, no report, no dvc.yaml."""

    def __init__(self, folder: Path) -> None:
        self.live = _Live(str(folder), save_dvc_exp=False, dvcyaml=None, report=None)

    def __enter__(self) -> Self:
        """Start writing."""
        return self

    def add(self, epoch: int, row: Epoch) -> None:
        """Add one epoch's values; the first epoch is step 1."""
        self.live.step = epoch
        with full_disk_named(self.live.dir):
            for name, value in row.items():
                self.live.log_metric(name, value)
            self.live.make_summary()  # type: ignore[no-untyped-call]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the files."""
        self.live.end()  # type: ignore[no-untyped-call]
