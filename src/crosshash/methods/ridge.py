"""Ridge regression from images and from texts to their labels, turned until the signs cost least.

Source: Hoerl and Kennard, Ridge regression, Technometrics 1970, doi 10.1080/00401706.1970.10488634; the
rotation: Gong et al., TPAMI 2013, doi 10.1109/TPAMI.2012.193.
"""

from __future__ import annotations

from crosshash.errors import CrosshashError
from crosshash.models.closed_form import ClosedFormMethod, Known
from crosshash.projections.covariance import Matrix
from crosshash.projections.eigen import leading
from crosshash.projections.ridge import ridge_projection


class Ridge(ClosedFormMethod):
    """Both modalities are mapped to scores of the classes; these become as many bits, fewer or more."""

    needs = (("image", "image"), ("text", "text"), ("image", "labels"), ("text", "labels"))
    what_limits = "the space of class scores"
    spreads = True
    penalties = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)

    def projections(self, known: Known, penalty: float) -> tuple[Matrix, Matrix]:
        """Scores of the classes, on the principal axes of those of images and texts together.

        Raises:
            CrosshashError: all items have the same labels.
        """
        image, text, image_labels, text_labels = (known[names] for names in self.needs)
        if not (image_labels.any() or text_labels.any()):
            raise CrosshashError(
                "all training items have the same labels, so that there is nothing to learn from them: ridge "
                "needs two classes that some items have and others have not. cca learns without labels."
            )
        scores = ridge_projection(image, image_labels, penalty), ridge_projection(text, text_labels, penalty)
        spreads = [one.T @ own @ one for one, own in zip(scores, (image, text), strict=True)]
        _, axes = leading(spreads[0] + spreads[1], self.train_bits)
        of_image, of_text = (one @ axes for one in scores)
        return of_image, of_text


build = Ridge
