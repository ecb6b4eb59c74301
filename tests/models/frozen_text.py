"""A small model whose text network is frozen, as those of `small` are: captions become vectors first."""

from __future__ import annotations

import torch

from crosshash.embeddings.frozen_encoders import build_encoders
from crosshash.inference.model_folder import Model, ModelCard, build_method
from crosshash.models.tower_specs import TowerSpec, over_frozen
from crosshash.models.towers import build_towers

FROZEN = TowerSpec("bow", "bow", 7, vocabulary=("a", "dog", "cat", "red", "sofa"))
TWDH = {"quan_weight": 0.5, "short_weight": 0.0}


def frozen_text_model() -> Model:
    torch.manual_seed(2)
    frozen = build_encoders({"text": FROZEN}, None)
    image, text = TowerSpec("mlp", "mlp", 12, 5), over_frozen(FROZEN, frozen["text"].dim, 12, 1)
    towers = build_towers(image, text)
    card = ModelCard("twdh", 16, TWDH, image, text, 1)
    method = build_method(card, towers, None).eval()
    return Model(card, method, towers[0].prepare, towers[1].prepare, "digest", frozen)
