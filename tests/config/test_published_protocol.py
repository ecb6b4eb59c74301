from __future__ import annotations

from pathlib import Path

import pytest

from crosshash.config.params import METHODS, CommonParams, load_params
from crosshash.config.presets import read_preset, write_preset
from crosshash.config.resolve import resolve
from crosshash.errors import CrosshashError

ROOT = Path(__file__).resolve().parents[2]
PRESETS = sorted(path.stem for path in (ROOT / "presets/published").glob("*.yaml"))


@pytest.fixture(autouse=True)
def _where_the_paths_of_params_lead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def params(**changes: object) -> CommonParams:
    """Those of the project with changed values: `split__query=100`."""
    found = load_params(ROOT / "params.yaml")
    for place, value in changes.items():
        section, _, key = place.rpartition("__")
        if section:
            value = getattr(found, section).model_copy(update={key: value})
        found = found.model_copy(update={section or key: value})
    return found


def published(method: str, dataset: str, **changes: object) -> CommonParams:
    return params(protocol="published", method=method, dataset=dataset, **changes)


def test_strict_is_the_default_and_leaves_everything_as_it_is() -> None:
    plans = resolve(params())
    evaluate, train, convert = (plans[name].model_dump() for name in ("evaluate", "train", "convert"))
    assert (evaluate["protocol"], evaluate["headline_k"], evaluate["headline_norm"]) == (
        "strict",
        None,
        "min",
    )
    assert (evaluate["undefined"], train["select"], convert["val"]) == ("skip", "best", 0.05)


@pytest.mark.parametrize(
    ("method", "dataset", "headline", "undefined", "sizes"),
    [
        ("twdh", "mirflickr25k", (5000, "first"), "skip", (5_000, 10_000)),
        ("dcmht", "coco2017", (None, "min"), "skip", (5_000, 10_000)),
        ("scahn", "nuswide", (None, "min"), "zero", (2_100, 10_500)),
        ("hq", "mirflickr25k", (50, "hits"), "skip_without_hit", (2_000, 10_000)),
        ("djsrh", "nuswide10", (50, "hits"), "zero", (2_000, 5_000)),
        ("djsrh", "wikipedia", (50, "hits"), "zero", (None, None)),
    ],
)
def test_published_is_the_convention_of_each_paper(
    method: str, dataset: str, headline: tuple[object, str], undefined: str, sizes: tuple[object, object]
) -> None:
    """docs/protocol.md has the same table. Wikipedia's lists of ids are the data set's own: null."""
    plans = resolve(published(method, dataset, evaluate__undefined="error"))
    evaluate, train, convert = (plans[name].model_dump() for name in ("evaluate", "train", "convert"))
    assert evaluate["protocol"] == "published"
    assert (evaluate["headline_k"], evaluate["headline_norm"]) == headline
    assert evaluate["undefined"] == undefined
    assert (convert["query"], convert["train"]) == sizes
    assert (convert["val"], train["select"]) == (0.0, "last")


def test_a_data_set_that_the_paper_does_not_use_is_refused() -> None:
    message = "twdh's paper has no split of scenes, only of coco2017, mirflickr25k, nuswide"
    with pytest.raises(CrosshashError, match=message):
        resolve(published("twdh", "scenes"))
    with pytest.raises(CrosshashError, match=message):
        resolve(published("twdh", "scenes", split__query=100))
    plans = resolve(published("twdh", "scenes", split__query=100, split__train=500))
    assert plans["convert"].model_dump()["query"] == 100
    assert plans["train"].model_dump()["select"] == "last"


def test_a_method_of_no_paper_of_the_field_has_no_split_at_all() -> None:
    with pytest.raises(
        CrosshashError, match=r"cca's paper has no split of nuswide, nor of another data set\."
    ):
        resolve(published("cca", "nuswide"))
    plans = resolve(published("cca", "nuswide", split__query=100, split__train=500))
    assert plans["evaluate"].model_dump()["headline_k"] is None


def test_another_split_than_the_paper_s_is_refused() -> None:
    with pytest.raises(CrosshashError, match=r"query: 2000, but twdh has 5000\n.*train: 1, but .* 10000"):
        resolve(published("twdh", "nuswide", split__query=2000, split__train=1))
    with pytest.raises(CrosshashError, match=r"split\.query: 693, but djsrh has the lists of the data set"):
        resolve(published("djsrh", "wikipedia", split__query=693))
    assert resolve(published("twdh", "nuswide", split__query=5000))["convert"].model_dump()["train"] == 10_000


def test_a_list_of_ids_may_be_the_paper_s_own() -> None:
    plan = resolve(published("twdh", "scenes", split__file="params.yaml"))["convert"].model_dump()
    assert (plan["split_file"], plan["query"], plan["val"]) == ("params.yaml", None, 0.0)


@pytest.mark.parametrize("method", METHODS)
def test_papers_ask_for_no_more_than_their_data_sets_hold(method: str) -> None:
    """A retrieval set without the queries must hold the training items; and data sets are named as here."""
    pairs = {"coco2017": 122_218, "mirflickr25k": 20_015, "nuswide": 186_577, "nuswide10": 186_577}
    pairs |= {"iaprtc12": 20_000, "wikipedia": 2_866}
    found = params(method=method).method_section.published
    assert set(found.splits) <= set(pairs)
    for name, sizes in found.splits.items():
        assert sizes is None or sum(sizes) < pairs[name]


@pytest.mark.parametrize("name", PRESETS)
def test_published_presets_fit_the_published_protocol(name: str, tmp_path: Path) -> None:
    """They set sizes and epoch themselves: the same ones."""
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    write_preset(tmp_path, read_preset(ROOT, f"published/{name}"))
    found = load_params(tmp_path / "params.yaml")
    strict = resolve(found.model_copy(update={"protocol": "strict"}))
    plans = resolve(found.model_copy(update={"protocol": "published"}))
    assert plans["convert"] == strict["convert"]
    assert plans["train"] == strict["train"]
