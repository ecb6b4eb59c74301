"""What a run costs beside what it scores: bytes an item, seconds of fitting; None where not recorded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crosshash.artifacts import parse_json
from crosshash.errors import CrosshashError
from crosshash.experiments.files import Files

INDEX, TIMINGS, MODEL = "artifacts/index/statistics.json", "timings.json", "artifacts/model/model.json"


@dataclass(frozen=True)
class Costs:
    """Bytes of an item of one modality, and seconds.

    codes, factors, ids: in memory, where it is searched: its code, what else its distance or a second stage
    needs of it, the number of its row; disk: of the index's files; seconds: of fitting, validation included.
    """

    codes: float | None = None
    factors: float | None = None
    ids: float | None = None
    disk: float | None = None
    seconds: float | None = None

    @property
    def memory(self) -> float | None:
        """Bytes of an item in memory: code and factors; its id is as long whatever the method."""
        return None if self.codes is None or self.factors is None else self.codes + self.factors


def read_costs(files: Files, metrics: Mapping[str, Any]) -> Costs:
    """Read what is known of a run: of its bytes metrics.json, of its index and its training their own files.

    An index of another length of code, and the time of another model, are not this run's.
    """
    counted = metrics.get("bytes") or {}
    known = {name: counted.get(name) for name in ("codes", "factors", "ids")}
    return Costs(**known, disk=_disk(files, int(metrics["bits"])), seconds=_seconds(files))


def _disk(files: Files, bits: int) -> float | None:
    index = _read(files, INDEX)
    sides = [index[one] for one in ("image", "text") if one in index]
    items = sum(side.get("items", 0) for side in sides)
    if index.get("bits") != bits or not items:
        return None
    size: int = sum(side["bytes"] for side in sides) + index.get("quantiser_bytes", 0)
    return float(size / items)


def _seconds(files: Files) -> float | None:
    """Give the time of the training, if it is that of the model which lies beside it."""
    training = _read(files, TIMINGS).get("train") or {}
    try:
        model = hashlib.sha256(files.read(MODEL)).hexdigest()
    except OSError:
        return None
    return float(training["seconds"]) if training.get("model") == model else None


def _read(files: Files, path: str) -> dict[str, Any]:
    """Read a file that a run may lack; one that is damaged says nothing either."""
    try:
        return dict(parse_json(files.read(path)))
    except (OSError, ValueError, CrosshashError):
        return {}
