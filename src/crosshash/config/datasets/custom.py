"""The section `custom` of params.yaml."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from crosshash.config.section import Section


class DatasetSection(Section):
    """A folder of pictures, with pairs.csv or without."""

    published: ClassVar[bool] = False

    path: Annotated[str, Field(min_length=1)]
    layout: Literal["auto", "pairs", "texts", "classes", "pictures"]
    follow_links: bool
