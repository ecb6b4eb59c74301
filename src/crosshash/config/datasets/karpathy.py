"""The section `karpathy` of params.yaml."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from crosshash.config.section import Section

Name = Annotated[str, Field(min_length=1)]


class DatasetSection(Section):
    """A folder with the JSON of Karpathy's splits and the pictures."""

    published: ClassVar[bool] = False

    path: Name
    file: Name
    images: Name
