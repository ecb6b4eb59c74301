from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from crosshash.collection.additions import Addition
from crosshash.collection.new_items import Ready, encode_ready
from crosshash.search.trained import TrainedEncoder, facts_of
from tests.models.frozen_text import frozen_text_model


def test_captions_of_a_frozen_text_network_are_encoded(tmp_path: Path) -> None:
    """As with `small`: each caption becomes a vector, then a code; of several the mean counts."""
    model = frozen_text_model()
    encoder = TrainedEncoder(facts_of(model), None, None, 512, model, tmp_path, torch.device("cpu"))
    captions = [("a dog", "a red cat"), ("sofa",), ()]
    ready = [Ready(Addition(str(row), None, texts, ()), "", str(row)) for row, texts in enumerate(captions)]
    codes = encode_ready(encoder, ready, tmp_path, "all", tmp_path / "state")
    first, second = (encoder.soft("text", list(texts)).astype(np.float32).mean(0) for texts in captions[:2])
    expected = np.packbits(np.stack([first, second]) >= 0, axis=1)
    assert np.array_equal(codes.packed["text"][:2], expected)
    assert codes.has["text"].tolist() == [True, True, False]
