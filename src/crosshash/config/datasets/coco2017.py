"""The section `coco2017` of params.yaml."""

from __future__ import annotations

from typing import ClassVar, Literal

from crosshash.config.section import Section


class DatasetSection(Section):
    """Which images of COCO 2017."""

    published: ClassVar[bool] = True

    unlabelled: Literal["drop", "keep"]
