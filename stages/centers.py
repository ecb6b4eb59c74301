"""Make the hash centres of the long (trained) and the short (delivered) code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crosshash.artifacts import write_json
from crosshash.centers.center_book import CenterBook, write_centers
from crosshash.centers.construction import check_room, make_centers
from crosshash.centers.statistics import describe
from crosshash.centers.training_labels import check_any_label, check_training_items, read_training_labels
from crosshash.config.plans.base import read_plan
from crosshash.config.plans.centers import CentersPlan
from stages import data_set, run

FOLDER = Path("artifacts/centers")


def main() -> None:
    """Write artifacts/centers/long.npz, short.npz and statistics.json; argument: the data set."""
    dataset, plan = data_set(), read_plan("centers", CentersPlan)
    check_training_items(dataset, plan.batch)
    if plan.supervised:
        check_any_label(dataset, plan.label_free)
    statistics: dict[str, Any] = {"used": plan.used}
    books: dict[str, CenterBook | None] = {"long": None, "short": None}
    for name, (book, construction) in make(plan, dataset).items() if plan.used else ():
        books[name] = book
        statistics[name] = found = describe(book.centers, construction)
        distance = f"minimum distance {found['min_distance']}, at most {found['best_known']} possible"
        print(f"{name}: {found['classes']} classes in {found['bits']} bits, {distance}: {construction}")
    for name, centers in books.items():
        write_centers(FOLDER / f"{name}.npz", centers)
    write_json(FOLDER / "statistics.json", statistics)


def make(plan: CentersPlan, dataset: str) -> dict[str, tuple[CenterBook, str]]:
    """Make both books, each with its construction; one and the same where the lengths are equal."""
    classes, labels = read_training_labels(dataset)
    check_room(len(classes), plan.bits)
    long = make_centers(classes, plan.train_bits, plan.seed, "long", labels)
    if plan.bits == plan.train_bits:
        return {"long": long, "short": long}
    return {"long": long, "short": make_centers(classes, plan.bits, plan.seed, "short", labels)}


if __name__ == "__main__":
    run(main)
