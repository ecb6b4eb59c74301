"""The section `nuswide10` of params.yaml."""

from __future__ import annotations

from typing import ClassVar, Literal

from crosshash.config.section import Section


class DatasetSection(Section):
    """Which tags are the text of an image of NUS-WIDE."""

    published: ClassVar[bool] = True

    tags: Literal["common", "all"]
