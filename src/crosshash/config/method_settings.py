"""What every method's section of params.yaml tells the pipeline, beside the settings it holds."""

from __future__ import annotations

from typing import ClassVar, Literal

from crosshash.config.published_protocol import Published
from crosshash.config.section import Positive, Section
from crosshash.config.stage_sections import IndexSection
from crosshash.errors import CrosshashError

STORED = {"none": (16, 0), "pq": (4, 0), "rabitq": (1, 16)}
"""By quantiser of vectors: bits that come together, and bits beside them."""
TOLD = {
    "none": "16 bits a dimension, a float16",
    "pq": "4 bits for each 4 dimensions",
    "rabitq": "16 bits for a factor, and 1 a dimension",
}


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

    def stores_vectors(self) -> bool:
        """Whether items are kept as vectors, not as signs: then there is no Hamming distance."""
        return False

    def check_search(self, name: str, index: IndexSection) -> None:
        """Refuse searches that what the method, called `name`, keeps of an item does not allow."""

    def training_knows_bits(self) -> bool:
        """Whether the loss looks at the delivered code too, so that a new `bits` means a new training."""
        return False


class ClosedFormSettings(MethodSettings):
    """A method that is solved, not trained; no paper of the field scores it on splits of its own."""

    frozen: ClassVar[bool] = True
    published: ClassVar[Published] = Published(k=None, norm="min", undefined="skip", splits={})

    quantiser: Literal["sign", "rotation", "itq", "none", "pq", "rabitq"]

    def trained_bits(self, bits: int) -> int:
        """Dimensions that are projected to, so that an item takes the `bits` delivered; `VectorCode.bits`.

        Raises:
            CrosshashError: there is no such number of dimensions.
        """
        step, beside = STORED.get(self.quantiser, (1, 0))
        dims, rest = divmod(bits - beside, step)
        if dims < 1 or rest:
            least = beside + step
            near = sorted({max(least, bits - rest), max(least, bits - rest + step)})
            raise CrosshashError(
                f"params.yaml: bits: {bits} is not what the quantiser {self.quantiser} stores of an item: "
                f"{TOLD[self.quantiser]}. Choose {' or '.join(map(str, near))}."
            )
        return bits if self.quantiser == "pq" else dims

    def stores_vectors(self) -> bool:
        """Whether items are kept as vectors, not as signs."""
        return self.quantiser in STORED

    def check_search(self, name: str, index: IndexSection) -> None:
        """Refuse searches by Hamming distance where items are kept as vectors.

        Raises:
            CrosshashError: a section `index` that asks for one.
        """
        wanted = {
            f"index.distance: {index.distance}": index.distance == "hamming",
            f"index.kind: {index.kind}": index.kind not in ("flat", "auto"),
        }
        problems = [key for key, bad in wanted.items() if bad and self.stores_vectors()]
        if problems:
            raise CrosshashError(
                f"params.yaml: {' and '.join(problems)}: there is no Hamming distance of what "
                f"{name}.quantiser: {self.quantiser} stores of an item. Choose index.distance: auto "
                "and index.kind: auto, or the quantiser itq, rotation or sign."
            )


class PenalisedSettings(ClosedFormSettings):
    """One whose solution has a penalty."""

    penalty: Literal["auto"] | Positive
