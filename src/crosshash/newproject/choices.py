"""Settings that fit somebody's own data and what this machine can load, each with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from crosshash.config.encoders.packaged import LITE0, MINILM, PACKAGED
from crosshash.errors import CrosshashError
from crosshash.newproject.recognised import Recognised

CLIP_FILE = ("timm/vit_base_patch32_clip_224.openai", "open_clip_model.safetensors")
"""Where the hub keeps the published weights of open_clip's ViT-B-32, tag openai (open_clip 3.3)."""
MANY, FEW, HARDLY, LEAST = 1_000, 150, 40, 12
"""Pairs from which longer codes find more than they cost; below which batches, then codes too, are short; too
few to learn from: an eighth of them ask, and 8 bits take nine that are trained on.
"""
SMALL, CLIP = "small", "clip"
"""Presets of networks with published weights."""


@dataclass(frozen=True)
class Choice:
    """A setting of params.yaml and why it was chosen; a preset stands for several (key `preset`)."""

    key: str
    value: Any
    reason: str


def small_is_there() -> bool:
    """Say whether the networks of `crosshash preset small` can be loaded here."""
    return all(PACKAGED[name].path is not None for name in (LITE0, MINILM))


def clip_is_there() -> bool:
    """Say whether the weights of `crosshash preset clip` are on this machine, or else the hub answers."""
    from huggingface_hub import HfApi, constants, try_to_load_from_cache

    if isinstance(try_to_load_from_cache(*CLIP_FILE), str):
        return True
    if constants.HF_HUB_OFFLINE:
        return False
    try:
        HfApi().model_info(CLIP_FILE[0], timeout=5)
    except Exception:  # each layer of the network has errors of its own; all mean that it cannot be reached
        return False
    return True


def choose(
    found: Recognised, small: Callable[[], bool] = small_is_there, clip: Callable[[], bool] = clip_is_there
) -> Iterator[Choice]:
    """Choose data set, networks, method, length and what small sets need.

    small, clip: say whether these networks can be loaded.

    Raises:
        CrosshashError: hardly any texts, and no networks here that relate both without examples.
    """
    count, texts, labels = len(found.items.items), found.captioned, found.labelled
    yield Choice(
        "dataset", found.dataset, f"{count} items, {texts} with a text, {labels} with a label: {found.reason}"
    )
    for key, value in found.settings.items():
        yield Choice(f"{found.dataset}.{key}", value, "")
    yield from _networks(found, small, clip)
    yield from _method(texts, found.labelled_pairs)
    if labels:
        yield Choice("split.missing_class", "warn", "a label of few items may have none to train on")
    if found.pictures:
        yield Choice("convert.bad_images", "skip", "large folders hold broken pictures; the log lists them")


def _networks(found: Recognised, small: Callable[[], bool], clip: Callable[[], bool]) -> Iterator[Choice]:
    """Choose networks with published weights, as few photos need them."""
    texts, place = found.captioned, found.settings["path"]
    told = f"only {texts} texts" if texts else "no texts"
    if not found.pictures:
        if texts < LEAST:
            raise CrosshashError(
                f"{place}: holds vectors and {told}; give {LEAST} pairs or more to learn from."
            )
        return
    if texts < LEAST:
        if not clip():
            raise CrosshashError(
                f"{place}: holds pictures and {told}. A text then finds pictures only by "
                "networks whose spaces are one, such as ViT-B-32 with published weights; these are not on "
                "this machine, and the hub does not answer. Put a .txt beside some pictures (a few hundred "
                "will do), or run this where it does."
            )
        yield Choice("preset", CLIP, f"{told} to learn from, and these networks relate both already")
    elif small():
        yield Choice("preset", SMALL, "pretrained networks that are installed here and run anywhere")
    elif clip():
        yield Choice("preset", CLIP, "pretrained networks that can be loaded here")
    else:
        yield Choice("model.pretrained", None, "NO pretrained networks here: pip install 'crosshash[small]'")


def _method(texts: int, labels: int) -> Iterator[Choice]:
    """Choose method and length; labels: of items with a text."""
    if texts < LEAST:
        yield Choice("method", "shared", "needs neither labels nor texts")
        yield Choice("bits", 64, "8 bytes an item")
    elif 2 * labels >= texts:
        yield Choice("method", "twdh", "most items have labels, and it finds most with them")
        if texts < FEW:
            yield Choice("train.batch", 16 if texts >= HARDLY else 8, "few items")
    else:
        reason = f"only {labels} items with a text have labels" if labels else "no labels"
        yield Choice("method", "cca", f"{reason}; it learns from pairs of picture and text, in seconds")
        bits = 64 if texts >= MANY else 16 if texts >= HARDLY else 8
        yield Choice("bits", bits, f"as much as {texts} pairs give")
