"""The section `webdataset` of params.yaml."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from crosshash.config.section import Section


class DatasetSection(Section):
    """A folder of tar files, as img2dataset writes them."""

    published: ClassVar[bool] = False

    path: Annotated[str, Field(min_length=1)]
    shards: Annotated[str, Field(min_length=1)]
    caption: Annotated[str, Field(min_length=1)]
    labels: Annotated[str, Field(min_length=1)] | None
