"""The section `iaprtc12` of params.yaml."""

from __future__ import annotations

from typing import ClassVar, Literal

from crosshash.config.section import Section


class DatasetSection(Section):
    """Which parts of an annotation of IAPR TC-12 are its text."""

    published: ClassVar[bool] = True

    text: Literal["description", "all"]
