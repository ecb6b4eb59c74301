"""`protocol: published`: split, epoch and score as in the paper of the chosen method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from crosshash.errors import CrosshashError, listed

if TYPE_CHECKING:
    from crosshash.config.params import CommonParams

Sizes = tuple[int, int]


@dataclass(frozen=True)
class Published:
    """How a method was scored in print; docs/protocol.md has the sources.

    k, norm: its average precision (None: over all ranks); undefined: what became of queries without a
    relevant item; splits: numbers of queries and training items by data set, None for the data set's own.
    """

    k: int | None
    norm: Literal["min", "hits", "all", "first"]
    undefined: Literal["skip", "skip_without_hit", "zero"]
    splits: Mapping[str, Sizes | None]


def follow_protocol(params: CommonParams) -> CommonParams:
    """Settle what the protocol decides: under `published` split sizes, no validation queries, the last epoch.

    Raises:
        CrosshashError: the paper does not tell of this data set, or the split asked for is not the paper's.
    """
    if params.protocol == "strict":
        return params
    paper: Published = params.method_section.published
    sizes = _sizes(params, paper)
    split = {"val": 0.0} | ({} if sizes is None else {"query": sizes[0], "train": sizes[1]})
    return params.model_copy(
        update={
            "split": params.split.model_copy(update=split),
            "train": params.train.model_copy(update={"select": "last"}),
            "evaluate": params.evaluate.model_copy(update={"undefined": paper.undefined}),
        }
    )


def _sizes(params: CommonParams, paper: Published) -> Sizes | None:
    """Numbers of queries and training items; None leaves what the settings say."""
    asked = (params.split.query, params.split.train)
    if params.split.file is not None:
        return None  # the list of ids may be the paper's own
    if params.dataset not in paper.splits:
        if None in asked:
            others = ", ".join(sorted(paper.splits))
            known = f"only of {others}" if others else "nor of another data set"
            raise CrosshashError(
                f"params.yaml: protocol: published: {params.method}'s paper has no split of "
                f"{params.dataset}, {known}. Set protocol: strict, or both split.query and split.train."
            )
        return None
    sizes = paper.splits[params.dataset]
    problems = [
        f"split.{key}: {given}, but {params.method} has {wanted or 'the lists of the data set (null)'}"
        for key, given, wanted in zip(("query", "train"), asked, sizes or (None, None), strict=True)
        if given is not None and given != wanted
    ]
    if problems:
        raise CrosshashError(
            f"params.yaml: protocol: published does not fit the split of the paper:\n{listed(problems)}\n"
            "Set protocol: strict, or these keys to null."
        )
    return sizes
