"""What settings will come to, as far as it is known beforehand: warnings, told before anything has run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crosshash.config.networks import brings_weights

if TYPE_CHECKING:
    from crosshash.config.params import CommonParams

FEW_PICTURES = 500
"""Training pictures below which networks that start from random weights learn hardly anything."""


def warnings_of(params: CommonParams) -> list[str]:
    """Say what may be expected of the settings that nobody would want."""
    return [*_of_backbone(params), *_of_weights(params)]


def _of_backbone(params: CommonParams) -> list[str]:
    if params.model.backbone != "tuned" or not params.method_section.frozen:
        return []
    return [
        f"model.backbone: tuned, but {params.method} trains no network: they stay as they are, and run again "
        "for every model. Choose auto, or a method that is trained."
    ]


def _of_weights(params: CommonParams) -> list[str]:
    named = params.model.pretrained is not None or brings_weights(params.model.image)
    if named or not _of_pictures(params):
        return []
    found = []
    if params.method_section.frozen:
        found.append(
            f"{params.method} takes the networks as they are, and networks of random weights "
            "(model.pretrained: null) say little about pictures: expect low scores. Set model.pretrained, or "
            "give vectors (dataset: features)."
        )
    elif not params.method_section.supervised:
        found.append(
            f"{params.method} rebuilds how alike the features of the networks are, and networks of random "
            "weights (model.pretrained: null) tell no pictures apart: expect scores of chance. Set "
            "model.pretrained, or give vectors (dataset: features)."
        )
    items = _most_training_items(params)
    if items is not None and items < FEW_PICTURES:
        found.append(few_pictures(items))
    return found


def few_pictures(items: int) -> str:
    """Say what so many training pictures give where the networks start from random weights."""
    return (
        f"{items} training pictures are few for networks that start from random weights (model.pretrained: "
        "null): 249 real photos gave mAP 0.38 and 0.36 where chance is 0.36, and 499 gave 0.50 and 0.44 "
        "where it is 0.37. Set model.pretrained, give vectors (dataset: features), or more pictures."
    )


def _of_pictures(params: CommonParams) -> bool:
    """Say whether the images are known to be pictures; of a .mat triple that shows when it is read."""
    if params.dataset in ("features", "mat_triple", "embeddings"):
        return False
    return getattr(params.dataset_section, "source", "images") != "features"


def _most_training_items(params: CommonParams) -> int | None:
    """How many items can be trained on at most; None where only the data set knows."""
    known = [params.split.train] if isinstance(params.split.train, int) else []
    known += [params.scenes.count] if params.dataset == "scenes" else []  # type: ignore[attr-defined]
    return min(known, default=None)
