"""The section `scenes` of params.yaml."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from crosshash.config.section import Section


class DatasetSection(Section):
    """The generated data set; each field is explained in params.yaml."""

    published: ClassVar[bool] = False

    count: Annotated[int, Field(ge=10, le=10_000_000)]
    seed: Annotated[int, Field(ge=0)]
