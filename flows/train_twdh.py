"""The flow `train-twdh`: the whole pipeline for TwDH."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State

from flows.experiment import watched


@flow(name="train-twdh", persist_result=False)
def train_twdh(
    bits: int = 32,
    dataset: str = "scenes",
    seed: int = 0,
    overrides: list[str] = [],  # noqa: B006 - never changed; Prefect shows it in its form
) -> str | State[str]:
    """Train and score TwDH; every other setting comes from params.yaml as it stands in the checkout.

    Args:
        bits: length of the delivered hash code.
        dataset: scenes, custom, features, mat_triple, webdataset, parquet, embeddings, karpathy, coco2017,
            mirflickr25k, nuswide, nuswide10, iaprtc12 or wikipedia.
        seed: of centres, transform, networks and order of training.
        overrides: further settings, such as `["twdh.quan_weight=0.1"]`.

    Returns the name of the DVC experiment, or a failed state with the error.
    """
    settings = {"method": "twdh", "bits": bits, "dataset": dataset, "seed": seed}
    return watched("train-twdh", settings, overrides)
