"""CCA-ITQ: the directions in which images and texts agree most, turned until signs cost least. No labels.

Source: Gong, Lazebnik, Gordo and Perronnin, Iterative quantization: a Procrustean approach to learning
binary codes for large-scale image retrieval, TPAMI 2013, doi 10.1109/TPAMI.2012.193.
"""

from __future__ import annotations

from crosshash.models.closed_form import ClosedFormMethod, Known
from crosshash.projections.cca import canonical_projections
from crosshash.projections.covariance import Matrix


class Cca(ClosedFormMethod):
    """Canonical correlation between images and texts; each direction weighs as much as its correlation."""

    needs = (("image", "image"), ("text", "text"), ("image", "text"))
    what_limits = "canonical correlation"
    penalties = (0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)

    def projections(self, known: Known, penalty: float) -> tuple[Matrix, Matrix]:
        """W = w_1 s_1, w_2 s_2, ..., as published."""
        image, text, cross = (known[names] for names in self.needs)
        of_image, of_text, correlations = canonical_projections(image, text, cross, self.train_bits, penalty)
        return of_image * correlations, of_text * correlations


build = Cca
