"""What the download stage needs to know."""

from __future__ import annotations

from crosshash.config.plans.base import Plan, Settings


class DownloadPlan(Plan):
    """Which raw files, with the data set's own section."""

    dataset: str
    settings: Settings
