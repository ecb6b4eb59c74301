"""The section `ucch` of params.yaml."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from crosshash.config.method_settings import MethodSettings
from crosshash.config.published_protocol import Published
from crosshash.config.section import Count, NonNegative, Positive, Real

Share = Annotated[Real, Field(ge=0, le=1)]


class MethodSection(MethodSettings):
    """UCCH's own settings (doi 10.1109/TPAMI.2022.3177356); each field is explained in params.yaml."""

    supervised: ClassVar[bool] = False
    published: ClassVar[Published] = Published(k=None, norm="min", undefined="skip", splits={})

    contrast_weight: Share
    temperature: Positive
    momentum: Annotated[Real, Field(ge=0, lt=1)]
    negatives: Count
    margin: NonNegative
    shift: NonNegative
    warmup_epochs: Annotated[int, Field(ge=0)]
