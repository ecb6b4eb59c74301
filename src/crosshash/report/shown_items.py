"""Items as the page shows them: captions cut, pictures small and inside the page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from crosshash.report.examples import Example
from crosshash.report.results import Results
from crosshash.report.thumbnails import thumbnails

CAPTION_LENGTH = 200
"""Characters of a caption, and of an item's labels, that are shown."""


@dataclass(frozen=True)
class Shown:
    """An item as the page shows it: id, caption, labels, and a data URI of its picture where it has one."""

    item: str
    caption: str
    labels: str
    picture: str | None


def shown_items(results: Results, examples: Iterable[Example]) -> dict[str, Shown]:
    """Gather what is shown of each item of the examples, with thumbnails where the set has pictures."""
    items = {name for one in examples for name in (one.item, *(near.item for near in one.neighbours))}
    pictures: dict[str, str] = {}
    if results.info.image_kind == "jpeg":
        pictures = thumbnails(results.data, {item: results.pairs[item].row for item in sorted(items)})
    shown = {}
    for item in sorted(items):
        pair = results.pairs[item]
        caption = shortened(pair.captions[0]) if pair.captions else ""
        shown[item] = Shown(item, caption, shortened(", ".join(pair.labels)), pictures.get(item))
    return shown


def shortened(caption: str) -> str:
    """Cut a long caption; white space, line ends included, becomes single spaces."""
    text = " ".join(caption.split())
    return text if len(text) <= CAPTION_LENGTH else text[: CAPTION_LENGTH - 1] + "…"
