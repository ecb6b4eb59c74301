"""The section `shared` of params.yaml."""

from __future__ import annotations

from typing import ClassVar

from crosshash.config.method_settings import ClosedFormSettings


class MethodSection(ClosedFormSettings):
    """Settings of hashing a space that is shared already; each field is explained in params.yaml."""

    supervised: ClassVar[bool] = False
