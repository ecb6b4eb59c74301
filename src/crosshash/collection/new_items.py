"""Additions that are to become codes: pictures are checked and kept first, all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from crosshash.collection.additions import Addition
from crosshash.collection.own_pictures import store_picture
from crosshash.search.decoding import BadPicture, read_picture
from crosshash.search.encoder import Encoder
from crosshash.workers.progress import tracked
from crosshash.workers.threads import in_threads


@dataclass(frozen=True)
class Ready:
    """An addition that was checked: the name of its picture (empty: it has none), digest of its content."""

    addition: Addition
    picture: str
    content: str


def check_additions(
    encoder: Encoder, additions: Sequence[Addition], known: Mapping[str, str], collection: Path
) -> tuple[list[Ready], int, list[str]]:
    """Open every picture and keep it in the collection, unless the item is there with the same content.

    known: digests of the items by id. Gives what is new or changed, how many are unchanged, and a line for
    each bad picture.
    """

    def opened(addition: Addition) -> tuple[Addition, str, bytes | BadPicture | None]:
        try:
            given = addition.picture or b""
            data = given if isinstance(given, bytes) else read_picture(given)
            content = addition.digest(data)
            if known.get(addition.id) == content or addition.picture is None:
                return addition, content, None
            return addition, content, encoder.clean_picture(data)
        except BadPicture as error:
            return addition, "", error

    ready, bad, unchanged = [], [], 0
    for addition, content, found in tracked(
        in_threads(opened, additions), len(additions), "checked", "items"
    ):
        if isinstance(found, BadPicture):
            bad.append(f"{addition.id}: {found}")
        elif known.get(addition.id) == content:
            unchanged += 1
        else:
            ready.append(Ready(addition, store_picture(collection, found) if found else "", content))
    return ready, unchanged, bad
