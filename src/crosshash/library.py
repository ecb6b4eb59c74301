"""crosshash from Python: `crosshash.load(".")` gives a model that encodes and searches."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import torch
from torch import nn

from crosshash.artifacts import read_npz
from crosshash.codes.hashcodes import HashCodes
from crosshash.data.images import decoded_jpeg
from crosshash.errors import CrosshashError
from crosshash.retrieval.index import SearchIndex, load_index
from crosshash.training.encoding import shortened, soft_codes
from crosshash.training.model_folder import Model, load_model

BATCH = 256


@dataclass(frozen=True)
class Hit:
    """A found item: its id, Hamming distance to the query, path, first caption and labels."""

    id: str
    distance: int
    image: str
    caption: str
    labels: tuple[str, ...]
