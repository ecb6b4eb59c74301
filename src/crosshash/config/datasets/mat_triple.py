"""The section `mat_triple` of params.yaml."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from crosshash.config.section import Section


class DatasetSection(Section):
    """A folder with index.mat, caption.mat and label.mat."""

    published: ClassVar[bool] = False

    path: Annotated[str, Field(min_length=1)]
