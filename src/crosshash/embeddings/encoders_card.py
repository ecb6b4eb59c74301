"""The card of the frozen networks' folder, written without loading any: most runs have none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crosshash.artifacts import atomic_path, write_json

CARD = "encoders.json"


def write_card(folder: Path, described: Mapping[str, Any], digests: Sequence[str]) -> None:
    """Write the card of networks, described by modality; digests: of their weight files, in that order."""
    told = json.dumps(described, sort_keys=True) + "".join(digests)
    digest = hashlib.sha256(told.encode()).hexdigest()
    write_json(folder / CARD, {"encoders": described, "digest": digest})


def write_none(folder: Path) -> None:
    """Write a folder that says that no network is frozen."""
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        write_card(temporary, {}, [])
