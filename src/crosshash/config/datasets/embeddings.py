"""The section `embeddings` of params.yaml."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from crosshash.config.section import Section

Name = Annotated[str, Field(min_length=1)]


class DatasetSection(Section):
    """A folder of vectors in parts, and which columns of their metadata mean what."""

    published: ClassVar[bool] = False

    path: Name
    caption: Name | None
    labels: Name | None
    id: Name | None
