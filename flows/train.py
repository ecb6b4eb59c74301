"""The flow `train`: the whole pipeline for any method."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State

from flows.experiment import watched


@flow(name="train", persist_result=False)
def train(
    method: str = "auto",
    bits: int = 32,
    dataset: str = "scenes",
    seed: int = 0,
    overrides: list[str] = [],  # noqa: B006 - never changed; Prefect shows it in its form
) -> str | State[str]:
    """Train and score a method; every other setting comes from params.yaml as it stands in the checkout.

    Args:
        method: twdh, dcmht, scahn, hq, djsrh, ucch, ridge, cca, shared, or auto: one that fits the data.
        bits: length of the delivered hash code.
        dataset: scenes, custom, features, mat_triple, webdataset, parquet, embeddings, karpathy, coco2017,
            mirflickr25k, nuswide, nuswide10, iaprtc12 or wikipedia.
        seed: of centres, transform, networks and order of training.
        overrides: further settings, such as `["twdh.quan_weight=0.1"]`.

    Returns the name of the DVC experiment, or a failed state with the error.
    """
    return watched("train", {"method": method, "bits": bits, "dataset": dataset, "seed": seed}, overrides)
