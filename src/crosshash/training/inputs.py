"""What the train stage reads before the first step, checked while nothing has been spent yet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crosshash.artifacts import read_json, read_npz
from crosshash.config.networks import for_image_alone
from crosshash.config.plans.train import TrainPlan
from crosshash.embeddings.frozen_encoders import EncodersCard
from crosshash.errors import CrosshashError
from crosshash.models.tower_specs import TowerSpec, image_spec, over_frozen, text_spec
from crosshash.pairs.info import DatasetInfo
from crosshash.pairs.table import PARTS
from crosshash.protocols import TrainingInputs

LABELS = "train_labels.npz"


def read_inputs(data: Path, centers: Path, short: Path, supervised: bool) -> TrainingInputs:
    """Read training labels, long hash centres, and the way to the short code where the loss looks at it.

    Raises:
        CrosshashError: a training item without label for a supervised method, or centres of other classes.
    """
    labels = read_npz(data / LABELS)
    if supervised:
        _check_labels(data, labels["labels"])
    long, path = read_npz(centers), read_npz(short)
    if bool(long["used"]) and list(long["classes"]) != list(labels["classes"]):
        raise CrosshashError(
            f"{centers}: made for other classes than {data / LABELS}. Run `dvc repro centers`."
        )
    return TrainingInputs(
        labels["labels"],
        long.get("centers"),
        long.get("tie_bits"),
        path.get("matrix"),
        path.get("centers"),
        path.get("tie_bits"),
    )


def check_texts(info: DatasetInfo, method: str, encoders: EncodersCard) -> None:
    """Refuse a data set of pictures alone, unless a frozen network relates them to texts already.

    Raises:
        CrosshashError: no item has a text, and the method or the networks need texts to learn from.
    """
    items = sum(info.counts[part] for part in PARTS)
    if info.counts["captionless"] < items or (method == "shared" and "text" in encoders.specs):
        return
    raise CrosshashError(
        f"no item of data set {info.dataset} has a text, and {method} learns from pairs of picture and text. "
        "Pictures alone take method: shared with both networks of one open_clip model with published "
        "weights (`crosshash preset clip`), or put texts beside some of them: docs/data.md."
    )


def _check_labels(data: Path, labels: NDArray[np.uint8]) -> None:
    """Refuse items that share no label even with themselves: to a loss they are unlike everything."""
    bare = int((~labels.any(axis=1)).sum())
    if not bare:
        return
    found = f"{bare} of {len(labels)} training items have no label"
    if bare == len(labels):
        found = "no training item has a label"
    raise CrosshashError(
        f"{data}: {found}, and the method learns from labels. Fill the column `labels` of pairs.csv "
        "(split by ;), leave these items out of training, or choose a method that learns without: cca, "
        "djsrh, shared or ucch."
    )


def read_vocabulary(data: Path) -> list[str]:
    """Read the words of the bag of words.

    Raises:
        CrosshashError: the file is missing, cut, damaged, or of another version.
    """
    found = read_json(data / "vocabulary.json")
    if not isinstance(found, dict) or "words" not in found:
        raise CrosshashError(f"{data / 'vocabulary.json'}: is of another version. Run `dvc repro convert`.")
    words: list[str] = found["words"]
    return words


def settle_specs(
    plan: TrainPlan, info: DatasetInfo, data: Path, encoders: EncodersCard
) -> tuple[TowerSpec, TowerSpec]:
    """Choose both networks for the kind of the data, or for the vectors that a frozen network gives.

    Raises:
        CrosshashError: a network that does not read this kind, published weights for half a model or vectors.
    """
    model = plan.model
    for_both = None if for_image_alone(model.image, model.text) else model.pretrained
    if for_both and model.image != model.text:
        raise CrosshashError(
            f"params.yaml: model.pretrained: '{for_both}' are weights of one whole model, but "
            f"model.image is '{model.image}' and model.text '{model.text}'. Give both the same name, such as "
            "ViT-B-32."
        )
    if for_both and "vector" in (info.image_kind, info.text_kind):
        raise CrosshashError(
            f"params.yaml: model.pretrained: '{for_both}' are weights for pictures and captions, but "
            "this data set holds vectors. Set model.pretrained to null."
        )
    over = {
        one: over_frozen(spec, encoders.dims[one], model.hidden, model.layers)
        for one, spec in encoders.specs.items()
    }
    vocabulary = read_vocabulary(data)
    image = over.get("image") or image_spec(
        model.image, info.image_kind, info.image_dim, model.hidden, model.pretrained, model.layers
    )
    text = over.get("text") or text_spec(
        model.text,
        info.text_kind,
        info.image_kind,
        info.text_dim,
        vocabulary,
        model.hidden,
        for_both,
        model.layers,
        model.pooling,
    )
    return image, text
