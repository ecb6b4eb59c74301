"""The section `custom` of params.yaml."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from crosshash.config.section import Section


class DatasetSection(Section):
    """A folder with pairs.csv and images."""

    published: ClassVar[bool] = False

    path: Annotated[str, Field(min_length=1)]
