"""Embeddings that share a space already, such as those of CLIP: centred, cut to their principal axes, turned.

Source: Gong, Lazebnik, Gordo and Perronnin, Iterative quantization, TPAMI 2013, doi
10.1109/TPAMI.2012.193 (PCA-ITQ), over the space of Radford et al., Learning transferable visual models from
natural language supervision, ICML 2021, arXiv 2103.00020.
"""

from __future__ import annotations

from crosshash.errors import CrosshashError
from crosshash.models.closed_form import ClosedFormMethod, Known, Quantiser
from crosshash.models.towers import Tower
from crosshash.projections.covariance import Matrix
from crosshash.projections.eigen import leading
from crosshash.protocols import TrainingInputs


class Shared(ClosedFormMethod):
    """One projection for both modalities; each is centred by its own mean, for CLIP's stand apart."""

    needs = (("image", "image"), ("text", "text"))
    what_limits = "the shared space"
    own_units = False

    def __init__(
        self, image: Tower, text: Tower, train_bits: int, inputs: TrainingInputs | None, quantiser: Quantiser
    ) -> None:
        spaces = image.space or "a network for images alone", text.space or "bags of words"
        if image.space is None or image.space != text.space:
            raise CrosshashError(
                "params.yaml: method: shared wants images and texts whose embeddings share a space, but here "
                f"they are of {spaces[0]} and {spaces[1]}. Give model.image and model.text the name of one "
                "open_clip model, or choose cca, which learns what they share."
            )
        super().__init__(image, text, train_bits, inputs, quantiser, penalty=0.0)

    def projections(self, known: Known, penalty: float) -> tuple[Matrix, Matrix]:
        """Principal axes of both modalities together."""
        _, axes = leading(known["image", "image"] + known["text", "text"], self.train_bits)
        return axes, axes


build = Shared
