"""Turn the raw files into the data set's folder: pair table, split, .mat triple, shards."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import numpy as np

from crosshash.acquire.space import check_space, on_one_disk
from crosshash.artifacts import atomic_path, state_folder
from crosshash.config.plans.base import FOLDER, read_plan
from crosshash.config.plans.convert import ConvertPlan
from crosshash.config.plans.download import DownloadPlan
from crosshash.config.user_files import check_content
from crosshash.errors import CrosshashError, listed
from crosshash.formats.image_names import PICTURES
from crosshash.formats.picture_column import PictureColumn
from crosshash.formats.pieces import Pieces
from crosshash.formats.stored_rows import StoredRows
from crosshash.formats.vector_rows import VectorRows
from crosshash.pairs.check import check_items
from crosshash.pairs.info import DatasetInfo
from crosshash.pairs.raw_record import Recorded, check_contents, check_raw, read_raw
from crosshash.pairs.source import Dataset, RawItems, SplitSizes, raw_folder
from crosshash.pairs.split import Split
from crosshash.shards.convert import choose_split, image_names, untrained_classes, write_tables
from crosshash.shards.raw_pictures import (
    crew_size,
    has_pictures,
    prepare_pictures,
    shard_items,
    spool_pictures,
)
from crosshash.shards.tar_files import write_shards
from crosshash.workers.engine import Share, read_share
from crosshash.workers.processes import workers
from crosshash.workers.unfinished import remove, shared, work_folder
from stages import run

log = logging.getLogger(__name__)


def main(_: str = "", share: Share | None = None) -> None:
    """Write data/<dataset>, the whole folder or nothing; with a share, prepare that part of the pictures."""
    plan = read_plan("convert", ConvertPlan)
    check_content(plan.split_file, plan.split_file_sha256)
    module = cast(Dataset, importlib.import_module(f"crosshash.datasets.{plan.dataset}"))
    raw = module.folder(raw_folder(), **plan.settings)
    source = read_source(plan, module, raw)
    check_room(plan, source, raw)
    recorded = Recorded.of(_record(plan), raw)
    state = work_folder([FOLDER / "convert.yaml", _record(plan)])
    with shared(state, "conversion", share):
        if share is None:
            log_counts(write_dataset(plan, source, module.SIZES, raw, state, recorded))
            remove(state)
        elif has_pictures(source):
            prepare_pictures(source, state, plan.max_side, plan.check, recorded, share)


def read_source(plan: ConvertPlan, module: Dataset, raw: Path) -> RawItems:
    """Read the items from the recorded raw files, which lie in `raw`."""
    # What has vanished is fetched as the download stage did, whose plan no result of this stage depends on.
    fetch = lambda: module.fetch(raw_folder(), **read_plan("download", DownloadPlan).settings)  # noqa: E731
    check_raw(_record(plan), raw, fetch)
    check_contents(_record(plan), raw, PICTURES)  # these are compared when they are read
    source = module.read(raw_folder(), **plan.settings)
    check_items(plan.dataset, source)
    for warning in source.warnings:
        log.warning("warning: %s", warning)
    return source


def _record(plan: ConvertPlan) -> Path:
    return Path("data/raw") / f"{plan.dataset}.json"


def check_room(plan: ConvertPlan, source: RawItems, raw: Path) -> None:
    """See that the disk has room for the pictures: set aside, and in the shards.

    A picture takes what its file takes, or less than a byte per pixel where it is shrunk.

    Raises:
        CrosshashError: it has not.
    """
    if isinstance(source.images, Pieces):
        taken = source.images.size.tolist()
    elif isinstance(source.images, tuple):
        sizes = {file.name: file.size for file in read_raw(_record(plan))}
        taken = [sizes.get(name, 0) for name in image_names(source, raw)]
    elif isinstance(source.images, PictureColumn):
        files = sum(path.stat().st_size for path in source.images.files)
        taken = [files // max(len(source.images), 1)] * len(source.images)
    else:
        return
    pictures = sum(min(size, plan.max_side**2) for size in taken)
    target, aside = Path("data") / plan.dataset, state_folder()
    advice = "put the project on another disk, or CROSSHASH_STATE"
    if on_one_disk(target, aside):
        purpose = "for the pictures, which stand there twice until all are in the shards"
        check_space(target, 2 * pictures, purpose, advice)
        return
    check_space(target, pictures, "for the pictures in the shards", advice)
    check_space(aside, pictures, "for the pictures, which wait there until all are prepared", advice)


def write_dataset(
    plan: ConvertPlan,
    source: RawItems,
    protocol: SplitSizes,
    raw: Path,
    state: Path,
    recorded: Recorded | None = None,
) -> DatasetInfo:
    """Prepare the pictures, then write tables and shards.

    raw: the folder of the raw files. state: where pictures are set aside. recorded: what they must be.
    """
    split = settled_split(plan, source, protocol)  # before any picture is opened: counts fail at once
    images: Pieces | VectorRows | StoredRows | np.ndarray | None
    if source.images is None or isinstance(source.images, np.ndarray | VectorRows | StoredRows):
        images = source.images  # nothing to prepare
    else:
        before = source
        source, images, bad = spool_pictures(before, state, plan.max_side, plan.check, recorded)
        if bad:
            refuse_or_skip(bad, plan.bad_images)
            left_out = {item.id for item in before.items} - {item.id for item in source.items}
            split = settled_split(plan, source, protocol, left_out)
    with atomic_path(Path("data") / plan.dataset) as folder, workers(crew_size(source)) as crew:
        folder.mkdir()
        with ThreadPoolExecutor(1) as beside:  # while worker processes write the shards
            tables = beside.submit(write_tables, folder, plan.dataset, source, split, plan.vocabulary, raw)
            write_shards(folder, shard_items(source, split, images), plan.shard_mb, crew)
        return tables.result()


def settled_split(
    plan: ConvertPlan, source: RawItems, protocol: SplitSizes, left_out: Collection[str] = ()
) -> Split:
    """Settle the split; a class without an item to train on is refused, or only told."""
    split = choose_split(
        source, protocol, plan.query, plan.train, plan.val, plan.split_seed, plan.split_file, left_out
    )
    classes = untrained_classes(source, split)
    if classes:
        finding = f"{len(classes)} class(es) without a training item:\n{listed(classes)}"
        if plan.missing_class == "error":
            raise CrosshashError(
                f"{finding}\nAdd items of these classes, raise split.train, try another split.seed, or set "
                "split.missing_class to warn, in params.yaml."
            )
        log.warning("warning: %s", finding)
    return split


def refuse_or_skip(bad: list[str], policy: str) -> None:
    """Stop because of bad pictures, all of them listed, or say that they are left out."""
    finding = f"{len(bad)} picture(s) cannot be used:\n{listed(bad, shown=len(bad))}"
    if policy == "fail":
        raise CrosshashError(
            f"{finding}\nMend or remove them, or leave their items out with `-S convert.bad_images=skip`."
        )
    log.warning("warning: %s\nTheir items are left out.", finding)


def log_counts(info: DatasetInfo) -> None:
    """Say what the data set holds."""
    parts = ", ".join(f"{part} {info.counts[part]}" for part in ("query", "train", "val", "rest"))
    total = sum(info.counts[part] for part in ("query", "train", "val", "rest"))
    log.info("%d pairs, %d classes: %s", total, len(info.classes), parts)
    unlabelled, captionless = info.counts["unlabelled"], info.counts["captionless"]
    if unlabelled == total:
        log.info("no item has a label: scores go by each query's own partner; methods must learn without")
        unlabelled = 0
    if captionless == total:
        log.info("no item has a text: networks have to relate pictures and texts already (method: shared)")
        captionless = 0
    if unlabelled or captionless:
        without = [
            f"{count} without {what}" for count, what in ((unlabelled, "label"), (captionless, "text"))
        ]
        log.info("%s: these are only searched", ", ".join(one for one in without if one[0] != "0"))
    if info.chance is not None:
        log.info(
            "a labelled item has %.2f labels on average; two of them share a class with chance %.3f",
            info.mean_labels,
            info.chance,
        )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    run(lambda: main(*read_share(sys.argv[1:] or [""])))  # the plan names the data set
