"""What every method's section of params.yaml tells the pipeline, beside the settings it holds."""

from __future__ import annotations

from typing import ClassVar, Literal

from crosshash.config.published_protocol import Published
from crosshash.config.section import Positive, Section


class MethodSettings(Section):
    """A method's own settings, and what the stages have to know of the method.

    supervised: it learns from labels; uses_centers: through hash centres; four_levels: its encoders show four
    depths; frozen: they stay as they are; after_training: keys that only later stages read; published: how
    its paper scores.
    """

    supervised: ClassVar[bool] = True
    uses_centers: ClassVar[bool] = False
    four_levels: ClassVar[bool] = False
    frozen: ClassVar[bool] = False
    after_training: ClassVar[tuple[str, ...]] = ()
    published: ClassVar[Published]

    def trained_bits(self, bits: int) -> int:
        """Length that the network learns: the one delivered, unless the method has a length of its own."""
        return bits

    def training_knows_bits(self) -> bool:
        """Whether the loss looks at the delivered code too, so that a new `bits` means a new training."""
        return False


class ClosedFormSettings(MethodSettings):
    """A method that is solved, not trained; no paper of the field scores it on splits of its own."""

    frozen: ClassVar[bool] = True
    published: ClassVar[Published] = Published(k=None, norm="min", undefined="skip", splits={})

    quantiser: Literal["sign", "rotation", "itq"]


class PenalisedSettings(ClosedFormSettings):
    """One whose solution has a penalty."""

    penalty: Literal["auto"] | Positive
