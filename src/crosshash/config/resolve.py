"""From checked params to one plan per stage, each holding only what that stage uses."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from crosshash.config.networks import check_networks, folders_digest, frozen_networks, names_file
from crosshash.config.params import DATASETS, METHODS, CommonParams
from crosshash.config.plans.base import Plan, Settings
from crosshash.config.plans.centers import CentersPlan
from crosshash.config.plans.convert import ConvertPlan
from crosshash.config.plans.download import DownloadPlan
from crosshash.config.plans.embed import EmbedPlan
from crosshash.config.plans.encode import EncodePlan
from crosshash.config.plans.evaluate import EvaluatePlan
from crosshash.config.plans.index import IndexPlan
from crosshash.config.plans.infer import InferPlan
from crosshash.config.plans.report import ReportPlan
from crosshash.config.plans.train import ModelPlan, TrainPlan
from crosshash.config.plans.transform import TransformPlan
from crosshash.config.published_protocol import Published, follow_protocol
from crosshash.config.user_files import content_digest, listing_digest, refuse_pointer
from crosshash.errors import CrosshashError, listed
from crosshash.workers.cores import cores


def resolve(params: CommonParams) -> dict[str, Plan]:
    """Settle what each stage does.

    Raises:
        CrosshashError: settings that do not fit together, paths that are not there, CUDA that is missing.
    """
    _check_paths(params)
    check_networks(params.model)
    _check_split(params)
    params.train.check_schedule()
    params = follow_protocol(params)
    place = _place(params)
    train_bits = params.method_section.trained_bits(params.bits)
    params.method_section.check_search(params.method, params.index)
    if train_bits < params.bits and not params.method_section.stores_vectors():
        raise CrosshashError(
            f"params.yaml: bits: {params.bits} is more than {params.method}.train_bits {train_bits}; "
            f"set {params.method}.train_bits to at least {params.bits}, or lower bits."
        )
    return {
        "download": _download(params),
        "convert": _convert(params),
        "embed": _embed(params, place["device"]),
        "centers": _centers(params, train_bits),
        "transform": _transform(params),
        "train": _train(params, train_bits, place),
        "infer": InferPlan(caption=params.encode.caption, **params.infer.model_dump(), **place),
        "encode": _encode(params, train_bits),
        "evaluate": _evaluate(params, train_bits, place["threads"]),
        "index": IndexPlan(bits=params.bits, seed=params.seed, **params.index.model_dump()),
        "report": _report(params, train_bits),
    }


def dataset_settings(params: CommonParams) -> Settings:
    """Give the chosen data set's own section as plain values; for a published one also its local copy.

    Where else its files could be fetched from is for the download stage alone: a new mirror converts nothing.
    """
    settings: Settings = params.dataset_section.model_dump()
    return settings | ({"local": params.download.local} if params.dataset_section.published else {})


def _download(params: CommonParams) -> DownloadPlan:
    transfer = params.download.model_dump() if params.dataset_section.published else {}
    local = transfer.get("local")
    return DownloadPlan(
        dataset=params.dataset,
        settings=dataset_settings(params) | transfer,
        local_listing=listing_digest(Path(local)) if local else None,
    )


def _convert(params: CommonParams) -> ConvertPlan:
    split = params.split
    return ConvertPlan(
        dataset=params.dataset,
        settings=dataset_settings(params),
        split_file=split.file,
        split_file_sha256=content_digest(Path(split.file)) if split.file else None,
        query=split.query,
        train=split.train,
        val=split.val,
        split_seed=split.seed,
        missing_class=split.missing_class,
        **params.convert.model_dump(),
    )


def _embed(params: CommonParams, device: Literal["cpu", "cuda"]) -> EmbedPlan:
    image, text = frozen_networks(params, device)
    if not (image or text):
        return EmbedPlan()
    model, weights = params.model, _weight_file(params)
    return EmbedPlan(
        image=model.image if image else None,
        text=model.text if text else None,
        pretrained=model.pretrained,
        pretrained_sha256=content_digest(weights) if weights else None,
        pooling=model.pooling if text else None,
        folders_sha256=folders_digest(model.image if image else "", model.text if text else ""),
        device=device,
    )


def _centers(params: CommonParams, train_bits: int) -> CentersPlan:
    return CentersPlan(
        used=params.method_section.uses_centers,
        batch=1 if params.method_section.frozen else params.train.batch,
        supervised=params.method_section.supervised,
        label_free=[name for name in METHODS if not getattr(params, name).supervised],
        train_bits=train_bits,
        bits=params.bits,
        seed=params.seed,
    )


def _transform(params: CommonParams) -> TransformPlan:
    return TransformPlan(
        used=params.method_section.uses_centers,
        for_training=params.method_section.training_knows_bits(),
        seed=params.seed,
        **params.transform.model_dump(),
    )


def _train(params: CommonParams, train_bits: int, place: dict[str, Any]) -> TrainPlan:
    train = params.train.model_dump()
    if not params.method_section.supervised:
        train["select"] = "last"  # the best epoch would be chosen by labels
    layers = 4 if params.method_section.four_levels else 1
    weights = _weight_file(params)
    if weights:
        refuse_pointer(weights)
    model = params.model.model_dump(exclude={"backbone"})
    model["pretrained_sha256"] = content_digest(weights) if weights else None
    model["folders_sha256"] = folders_digest(params.model.image, params.model.text)
    if model["layers"] == "auto":
        model["layers"] = layers
    train |= _processes(params, place)
    return TrainPlan(
        method=params.method,
        supervised=params.method_section.supervised,
        train_bits=train_bits,
        settings=params.method_section.model_dump(
            exclude={"train_bits", *params.method_section.after_training}
        ),
        model=ModelPlan(**model),
        seed=params.seed,
        **place | train,
    )


def _encode(params: CommonParams, train_bits: int) -> EncodePlan:
    return EncodePlan(
        bits=params.bits,
        train_bits=train_bits,
        significance=getattr(params.method_section, "significance", None),
    )


def _evaluate(params: CommonParams, train_bits: int, threads: int | None) -> EvaluatePlan:
    paper: Published | None = params.method_section.published if params.protocol == "published" else None
    return EvaluatePlan(
        method=params.method,
        dataset=params.dataset,
        bits=params.bits,
        train_bits=train_bits,
        rerank=getattr(params.method_section, "rerank", None),
        protocol=params.protocol,
        headline_k=paper.k if paper else None,
        headline_norm=paper.norm if paper else "min",
        seed=params.seed,
        threads=threads,
        **params.evaluate.model_dump(),
    )


def _report(params: CommonParams, train_bits: int) -> ReportPlan:
    return ReportPlan(
        method=params.method,
        dataset=params.dataset,
        bits=params.bits,
        train_bits=train_bits,
        **params.report.model_dump(),
    )


def _check_paths(params: CommonParams) -> None:
    """Refuse paths that are not there now, before any stage waits for them.

    Those of the other data sets too: the download stage depends on each of them.
    """
    paths = {f"{name}.path": getattr(getattr(params, name), "path", None) for name in DATASETS}
    paths |= {"download.local": params.download.local, "split.file": params.split.file}
    paths["model.pretrained"] = _weight_file(params)
    problems = [
        f"{key}: '{path}' is not there" for key, path in paths.items() if path and not Path(path).exists()
    ]
    if problems:
        raise CrosshashError(
            f"params.yaml: {len(problems)} path(s) that do not exist:\n{listed(problems)}\n"
            "Queued and temporary experiments and Prefect runs have a folder of their own: "
            "give absolute paths to what is outside the project."
        )


def _weight_file(params: CommonParams) -> Path | None:
    """Give the file of weights; None where there are none, or those of a tag."""
    weights = params.model.pretrained
    return Path(weights) if weights and names_file(weights) else None


def _check_split(params: CommonParams) -> None:
    """Refuse two answers to who is query, before anything is downloaded."""
    split = params.split
    if split.file is not None and (split.query is not None or split.train is not None):
        raise CrosshashError(
            "params.yaml: split.file says who is query and who is trained on; with it split.query and "
            "split.train must be null: -S split.query=null -S split.train=null"
        )


def _place(params: CommonParams) -> dict[str, Any]:
    """Settle where the networks run: the device and, on the CPU, the number of threads."""
    there = params.device != "cpu" and _cuda_is_there()
    if params.device == "cuda" and not there:
        raise CrosshashError(
            "params.yaml: device: cuda, but this machine shows no CUDA device. Use auto or cpu."
        )
    if there:
        return {"device": "cuda", "threads": None}
    return {"device": "cpu", "threads": cores() if params.threads == "auto" else params.threads}


def _processes(params: CommonParams, place: dict[str, Any]) -> dict[str, Any]:
    """Settle how many processes train, and share the cores among them; what is solved has one."""
    if params.method_section.frozen:
        return {"devices": 1, "nodes": 1}
    devices = params.train.processes(
        place["device"], _cuda_devices() if place["device"] == "cuda" else cores()
    )
    shared = params.threads == "auto" and place["threads"] is not None
    threads = max(1, place["threads"] // devices) if shared else place["threads"]
    return {"devices": devices, "nodes": params.train.nodes, "threads": threads}


def _cuda_devices() -> int:
    import torch

    return torch.cuda.device_count()


def _cuda_is_there() -> bool:
    """Ask torch, which is imported for this alone: seconds, spared where its build is one for the CPU."""
    if version("torch").endswith("+cpu"):
        return False
    import torch

    return torch.cuda.is_available()
