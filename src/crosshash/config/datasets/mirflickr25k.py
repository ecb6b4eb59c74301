"""The section `mirflickr25k` of params.yaml."""

from __future__ import annotations

from typing import ClassVar, Literal

from crosshash.config.section import Section


class DatasetSection(Section):
    """Which images of MIRFlickr-25k."""

    published: ClassVar[bool] = True

    tags: Literal["all", "common"]
