"""What the download stage needs to know."""

from __future__ import annotations

from crosshash.config.plans.base import Plan, Settings


class DownloadPlan(Plan):
    """Which raw files, with the data set's own section; local_listing: digest of what a local copy holds."""

    dataset: str
    settings: Settings
    local_listing: str | None = None
