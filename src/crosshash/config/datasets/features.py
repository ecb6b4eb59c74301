"""The section `features` of params.yaml."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from crosshash.config.section import Section


class DatasetSection(Section):
    """A folder with features.npz and pairs.csv, or one .npz or .mat file."""

    published: ClassVar[bool] = False

    path: Annotated[str, Field(min_length=1)]
