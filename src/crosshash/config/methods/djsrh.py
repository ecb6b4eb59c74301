"""The section `djsrh` of params.yaml."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from crosshash.config.method_settings import MethodSettings
from crosshash.config.published_protocol import Published
from crosshash.config.section import NonNegative, Positive, Real

Share = Annotated[Real, Field(ge=0, le=1)]


class MethodSection(MethodSettings):
    """DJSRH's own settings (ICCV 2019); each field is explained in params.yaml."""

    supervised: ClassVar[bool] = False
    published: ClassVar[Published] = Published(
        k=50,
        norm="hits",
        undefined="zero",
        splits={"mirflickr25k": (2_000, 5_000), "nuswide10": (2_000, 5_000), "wikipedia": None},
    )

    beta: Share
    eta: Share
    mu: Positive
    lambda1: NonNegative
    lambda2: NonNegative
    alpha: Literal["growing", "fixed"]
