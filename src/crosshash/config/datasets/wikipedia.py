"""The section `wikipedia` of params.yaml."""

from __future__ import annotations

from typing import ClassVar, Literal

from crosshash.config.section import Section


class DatasetSection(Section):
    """Images and articles, or the vectors published beside them."""

    published: ClassVar[bool] = True

    source: Literal["images", "features"]
