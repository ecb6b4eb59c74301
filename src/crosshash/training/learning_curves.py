"""Training curves as DVCLive keeps them: one value per epoch, the same bytes for the same training."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from dvclive.live import Live

from crosshash.errors import full_disk_named
from crosshash.training.checkpoint import Epoch


class Curves:
    """Writes `dvclive/` epoch by epoch; no experiment of its own, no report, no dvc.yaml."""

    def __init__(self, folder: Path) -> None:
        self.live = Live(str(folder), save_dvc_exp=False, dvcyaml=None, report=None)

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
