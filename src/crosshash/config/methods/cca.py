"""The section `cca` of params.yaml."""

from __future__ import annotations

from typing import ClassVar

from crosshash.config.method_settings import PenalisedSettings


class MethodSection(PenalisedSettings):
    """CCA's own settings (doi 10.1109/TPAMI.2012.193); each field is explained in params.yaml."""

    supervised: ClassVar[bool] = False
