"""The section `ridge` of params.yaml."""

from __future__ import annotations

from crosshash.config.method_settings import PenalisedSettings


class MethodSection(PenalisedSettings):
    """Ridge's own settings (doi 10.1080/00401706.1970.10488634); each field is explained in params.yaml."""
