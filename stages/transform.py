"""Fit the way from the long hash code to the short one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosshash.artifacts import write_json, write_npz
from crosshash.centers.center_book import CenterBook, read_centers
from crosshash.centers.losslessness import losslessness
from crosshash.centers.training_labels import read_training_labels
from crosshash.centers.transform import Matrix, identity_transform, ridge_transform, write_transform
from crosshash.config.plans.base import read_plan
from crosshash.config.plans.transform import TransformPlan
from stages import data_set, run

FOLDER = Path("artifacts")
COMPARED = 1 << 18
"""Entries up to which the solver that is not used is fitted too, for the comparison alone."""


def main() -> None:
    """Write transform.npz, transform_training.npz and transform_statistics.json; argument: the data set."""
    dataset, plan = data_set(), read_plan("transform", TransformPlan)
    long, short = read_centers(FOLDER / "centers/long.npz"), read_centers(FOLDER / "centers/short.npz")
    training: dict[str, NDArray[np.generic]] = {"used": np.array(False)}
    matrix: Matrix | None = None
    statistics: dict[str, Any] = {"used": False}
    if long is not None and short is not None:
        _, labels = read_training_labels(dataset)
        fitted = fit(plan, long, short, labels)
        solver = plan.solver if plan.solver in fitted else "identity"
        matrix = fitted[solver]
        found = {name: losslessness(one, long, short, labels, plan.seed) for name, one in fitted.items()}
        statistics = {"used": True, "solver": solver, **found}
        if plan.for_training:
            training = {"used": np.array(True), "matrix": matrix}
            training |= {"centers": short.centers, "tie_bits": short.tie_bits}
    write_transform(FOLDER / "transform.npz", matrix)
    write_npz(FOLDER / "transform_training.npz", training)
    write_json(FOLDER / "transform_statistics.json", statistics)


def fit(
    plan: TransformPlan, long: CenterBook, short: CenterBook, labels: NDArray[np.uint8]
) -> dict[str, Matrix]:
    """Fit with both solvers; equal lengths need none, and very long codes get the chosen one alone."""
    if long.bits == short.bits:
        return {"identity": identity_transform(long.bits)}
    fitted: dict[str, Matrix] = {}
    both = 4 * long.bits * short.bits <= COMPARED
    if both or plan.solver == "ridge":
        fitted["ridge"] = ridge_transform(long, short, plan.ridge_lambda, plan.tie_row)
    if both or plan.solver == "sgd":
        from crosshash.training.transform_sgd import sgd_transform  # late: torch takes seconds to load

        sgd = (plan.sgd_lr, plan.sgd_epochs, plan.sgd_batch)
        fitted["sgd"] = sgd_transform(long, short, labels, *sgd, plan.seed)
    return fitted


if __name__ == "__main__":
    run(main)
