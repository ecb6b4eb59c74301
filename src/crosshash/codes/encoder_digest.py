"""Which encoder made some codes: a digest of everything that turns a picture or a text into its code."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from crosshash.artifacts import missing
from crosshash.codes.bit_index import Index

NAME = "encoder.json"
MODEL_FILES = ("model.json", "model.safetensors")


def describe_encoder(model: Path, transform: Path, kept: Index | None, bits: int) -> dict[str, Any]:
    """Give `{"digest", "bits"}`: sha256 over the files of the model's folder, the transform, and kept bits.

    kept: int64[k], the bits that are delivered; None where the method's code is not cut.

    Raises:
        CrosshashError: a file is missing.
    """
    digest = hashlib.sha256()
    for path in (*(model / name for name in MODEL_FILES), transform):
        if not path.is_file():
            raise missing(path)
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    if kept is not None:
        digest.update(kept.tobytes())
    return {"digest": digest.hexdigest(), "bits": bits}
