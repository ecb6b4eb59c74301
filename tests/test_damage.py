"""One flipped bit, or a cut, in every kind of file: who reads it says so, or nothing is another than before.

The files are those of a small run, read by what the later stages, the library and the service read them with.
"""

from __future__ import annotations

import hashlib
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pytest
import torch

from crosshash.acquire.receipts import Receipt, read_receipt, write_receipt
from crosshash.artifacts import read_json, read_npz
from crosshash.centers.center_book import read_centers
from crosshash.centers.training_labels import read_training_labels
from crosshash.centers.transform import read_transform
from crosshash.collection import grown_index
from crosshash.collection.additions import Addition
from crosshash.collection.collection import add_folder, add_items
from crosshash.config.plans.base import read_plan
from crosshash.config.plans.convert import ConvertPlan
from crosshash.config.plans.index import IndexPlan
from crosshash.datasets import scenes
from crosshash.embeddings.frozen_encoders import load_encoders, read_card, save_encoders
from crosshash.embeddings.vectors import Block, read_embeddings, write_embeddings
from crosshash.errors import CrosshashError
from crosshash.experiments.files import read_metrics, read_scores
from crosshash.experiments.revisions import Folder
from crosshash.formats.matlab.mat import read_mat
from crosshash.index.code_index import CodeIndex
from crosshash.index.structures import build_structure
from crosshash.inference.model_folder import load_model
from crosshash.pairs.info import read_info
from crosshash.pairs.raw_record import Recorded
from crosshash.pairs.source import RawFile
from crosshash.pairs.table import PARTS
from crosshash.report.results import read_results
from crosshash.retrieval.codefiles.codeset import read_code_set
from crosshash.search import Searcher
from crosshash.search.encoder import Encoder
from crosshash.search.folders.made_by import run_index
from crosshash.search.items import read_items_table
from crosshash.search.trained import load_encoder
from crosshash.shards.raw_pictures import spool_pictures
from crosshash.shards.tar_files import read_items
from crosshash.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from crosshash.training.inputs import read_vocabulary
from stages import convert
from tests.datasets.folders import write_folder
from tests.embeddings.cases import encoders
from tests.index.codes import clustered
from tests.pairs.pair_rows import read_pairs

FLIPS = 30
DATA, CODES, INDEX = Path("data/scenes"), Path("artifacts/codes"), Path("artifacts/index")
ITEM = "images/00007.jpg"


def told(value: Any) -> Any:  # noqa: ANN401
    """Something to compare by ==, to the last bit, for whatever a reader gives."""
    if isinstance(value, pyarrow.Table):
        return value.to_pylist()
    if isinstance(value, torch.nn.Module):
        return told(value.state_dict())
    if isinstance(value, pd.DataFrame):
        return value.to_csv()
    if isinstance(value, torch.Tensor):
        return str(value.dtype), tuple(value.shape), value.detach().numpy().tobytes()
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, str(value.tolist())
    if is_dataclass(value):
        return [told(getattr(value, field.name)) for field in fields(value)]
    if isinstance(value, dict):
        return [(key, told(one)) for key, one in value.items()]
    if isinstance(value, list | tuple):
        return [told(one) for one in value]
    return "code" if callable(value) else str(value)


@cache
def model(project: Path) -> Encoder:
    return load_encoder(project)


def index(path: Path) -> object:
    loaded = [CodeIndex.load(path, mapped) for mapped in (False, True)]
    return [(one.packed.copy(), one.rows, one.search(one.packed[::40], 20)) for one in loaded]


def shards(_: Path) -> object:
    return [item for part in PARTS for item in read_items(DATA, part)]


def raw(_: Path) -> object:
    """What convert makes of the raw files, before it is written."""
    plan = read_plan("convert", ConvertPlan)
    place = scenes.folder(Path("raw"), **plan.settings)  # type: ignore[arg-type]
    source = convert.read_source(plan, scenes, place)  # type: ignore[arg-type]
    with TemporaryDirectory() as aside:
        recorded = Recorded.of(Path("data/raw/scenes.json"), place)
        kept, pieces, bad = spool_pictures(source, Path(aside), plan.max_side, plan.check, recorded)
        assert not bad
        return kept.items, [pieces[row].read() for row in range(len(kept.items))]


def collection(_: Path) -> object:
    searcher = Searcher.over(model(Path().absolute()), Path())
    hits = searcher.find(searcher.encode_texts(["a red star"]), "t2t", 500)
    return hits, searcher.files.items.whole().table, searcher.index.statistics, searcher.picture("0.jpg")


def frozen(path: Path) -> object:
    return load_encoders(path.parent, Path("own/digest").read_text())


def receipt(path: Path) -> object:
    return read_receipt(path.parent, "a.zip")


def checkpoint(path: Path) -> object:
    return load_checkpoint(path.parent, [])


def results(_: Path) -> object:
    return read_results(Path(), "scenes", 16)


READERS: list[tuple[str, Callable[[Path], object]]] = [
    ("plan/index.yaml", lambda path: read_plan("index", IndexPlan)),
    ("plan/convert.yaml", results),
    ("raw/*/*/images/00007.jpg", raw),
    ("raw/*/*/pairs.csv", raw),
    ("data/raw/scenes.json", raw),
    ("data/scenes/info.json", lambda path: read_info(DATA)),
    ("data/scenes/split.json", read_json),
    ("data/scenes/vocabulary.json", lambda path: read_vocabulary(DATA)),
    ("data/scenes/pairs.parquet", lambda path: read_pairs(DATA)),
    ("data/scenes/train_labels.npz", lambda path: read_training_labels("scenes")),
    ("data/scenes/caption.mat", read_mat),
    ("data/scenes/shards/index.json", shards),
    ("data/scenes/shards/train-000000.tar", shards),
    ("artifacts/centers/long.npz", read_centers),
    ("artifacts/centers/statistics.json", results),
    ("artifacts/transform.npz", read_transform),
    ("artifacts/transform_training.npz", read_npz),
    ("artifacts/transform_statistics.json", results),
    ("artifacts/model/model.json", lambda path: load_model(path.parent)),
    ("artifacts/model/model.safetensors", lambda path: load_model(path.parent)),
    ("own/encoders/encoders.json", frozen),
    ("own/encoders/text.safetensors", frozen),
    ("own/embeddings/embeddings.json", lambda path: read_embeddings(path.parent)),
    ("own/embeddings/image.npy", lambda path: read_embeddings(path.parent)),
    ("own/embeddings/items.npz", lambda path: read_embeddings(path.parent)),
    ("artifacts/codes/query.npz", read_code_set),
    ("artifacts/codes/targets.npz", read_npz),
    ("artifacts/codes/encoder.json", read_json),
    ("artifacts/codes/codes.mat", read_mat),
    ("metrics.json", lambda path: read_metrics("own", Folder(Path()))),
    ("artifacts/per_query.parquet", lambda path: read_scores("own", Folder(Path()))),
    ("artifacts/scores.csv", results),
    ("plots/pr.csv", results),
    ("dvclive/plots/metrics/loss.tsv", results),
    ("artifacts/index/image.faiss", index),
    ("artifacts/index/items.parquet", read_items_table),
    ("artifacts/index/statistics.json", results),
    ("own/ivf.faiss", index),
    ("own/hnsw.faiss", index),
    ("own/multihash.faiss", index),
    ("own/a.zip.json", receipt),
    ("own/state.safetensors", checkpoint),
    ("collection/index/text.faiss", collection),
    ("collection/index/items.parquet", collection),
    ("collection/index/statistics.json", collection),
    ("collection/index/segments/*.parquet", collection),
    ("collection/pictures/*/*.jpg", collection),
]


@contextmanager
def every_kind(trained: Path, folder: Path) -> Iterator[None]:
    """Work in a copy of a trained project with a collection, and files of kinds that it lacks in `own`."""
    shutil.copytree(trained, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("CROSSHASH_RAW", "raw")
        add_folder(Path(), write_folder(folder / "new", [("0.jpg", "a new one", "star")]))
        patch.setattr(grown_index, "SMALL", 0)
        add_items(Path(), [Addition("a star", None, ("a star",), ())])
        codes = clustered(0, 600)
        for kind in ("ivf", "hnsw", "multihash"):
            built = CodeIndex.build(codes, np.arange(600))
            built.structure = build_structure(kind, built.packed, built.rows, seed=0)  # type: ignore[arg-type]
            built.save(folder / "own" / f"{kind}.faiss")
        (folder / "a.txt").touch()
        write_receipt(folder / "own", "a.zip", Receipt("here", 7, "ab", (RawFile("a.txt", 7, "cd"),)))
        state = {"weight": torch.arange(500.0), "bias": torch.ones(3)}
        best = {"weight": torch.zeros(9)}
        blocks = [Block("train", np.arange(3), {"image": np.ones((3, 200), np.float16)})]
        write_embeddings(folder / "own/embeddings", np.arange(4), blocks)
        save_encoders(folder / "own/encoders", encoders())  # type: ignore[arg-type]
        (folder / "own/digest").write_text(read_card(folder / "own/encoders").digest)
        save_checkpoint(folder / "own", state, best, [], Progress(2, ({"loss": 0.3},), 2, 0.5))
        yield


@pytest.fixture(scope="module")
def project(trained_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("damage") / "project"
    with every_kind(trained_project, folder):
        yield folder


def damages(data: bytes, seed: str) -> Iterator[bytes]:
    """Thirty flips at places that the seed decides, then cuts, and nothing but zeros."""
    dice = random.Random(seed)
    for _ in range(FLIPS):
        place, bit = dice.randrange(len(data)), 1 << dice.randrange(8)
        yield data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]
    yield from (b"", data[: len(data) // 2], data[:-1], bytes(len(data)))


@pytest.mark.parametrize(("name", "read"), READERS, ids=[name for name, _ in READERS])
def test_damage_is_named_or_changes_nothing(project: Path, name: str, read: Callable[[Path], object]) -> None:
    path = sorted(Path().glob(name))[0]
    whole = path.read_bytes()
    refusals: list[str] = []
    wanted = told(read(path))
    for data in damages(whole, name):
        path.unlink()
        path.write_bytes(data)
        try:
            assert told(read(path)) == wanted, "another answer, and not a word"
        except CrosshashError as error:
            refusals.append(str(error))
        finally:
            path.unlink()
            path.write_bytes(whole)
    assert len(refusals) >= FLIPS - 5
    assert [text for text in refusals if path.name not in text and f"{path.parent}: " not in text] == []
    assert told(read(path)) == wanted


def test_damage_of_a_shard_while_its_pictures_are_shown(project: Path) -> None:
    """Each try shows that picture or names the shard; the others of the shard are shown all the time."""
    searcher = Searcher.over(model(project), project, run_index(project))
    (path,) = [one for one in DATA.glob("shards/*.tar") if ITEM.encode() in one.read_bytes()]
    whole, wanted = path.read_bytes(), searcher.picture(ITEM)
    assert wanted is not None
    others = [item for item in searcher.index.items.table["id"].to_pylist() if item != ITEM]
    shown = {item: hashlib.sha256(searcher.picture(item) or b"").digest() for item in others}
    start = whole.index(wanted)
    dice, refusals = random.Random(0), []
    for _ in range(FLIPS):
        place = start - 512 + dice.randrange(512 + len(wanted) + 1024)
        path.unlink()
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << dice.randrange(8)]) + whole[place + 1 :])
        assert {item: hashlib.sha256(searcher.picture(item) or b"").digest() for item in others} == shown
        try:
            assert searcher.picture(ITEM) == wanted
        except CrosshashError as error:
            refusals.append(str(error))
        finally:
            path.unlink()
            path.write_bytes(whole)
    assert len(refusals) >= FLIPS - 5
    assert {text.partition(": ")[2][:27] for text in refusals} == {"differs from its checksum i"}
