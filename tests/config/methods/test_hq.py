from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from crosshash.config.params import load_params
from crosshash.config.plans.evaluate import EvaluatePlan
from crosshash.config.plans.train import TrainPlan
from crosshash.config.resolve import resolve
from crosshash.errors import CrosshashError

PARAMS = Path(__file__).resolve().parents[3] / "params.yaml"


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PARAMS.parent)  # params.yaml names folders of examples


def plans(folder: Path, method: str = "hq", bits: int = 32, **own: float) -> tuple[TrainPlan, EvaluatePlan]:
    raw = yaml.safe_load(PARAMS.read_text())
    raw |= {"method": method, "bits": bits, "device": "cpu"}
    raw["hq"] |= own
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(raw))
    made = resolve(load_params(path))
    train, evaluate = made["train"], made["evaluate"]
    assert isinstance(train, TrainPlan)
    assert isinstance(evaluate, EvaluatePlan)
    return train, evaluate


def test_the_number_of_candidates_belongs_to_evaluate_and_trains_nothing(tmp_path: Path) -> None:
    first, second = plans(tmp_path, rerank=100), plans(tmp_path, rerank=200)
    assert first[0] == second[0]
    assert (first[1].rerank, second[1].rerank) == (100, 200)


def test_other_methods_have_no_candidates(tmp_path: Path) -> None:
    assert plans(tmp_path, method="twdh")[1].rerank is None


@pytest.mark.parametrize(
    ("bits", "dictionaries", "choice"),
    [(32, 5, "choose 4 or 8"), (18, 4, "choose 3 or 6"), (8, 16, r"choose 8\."), (7, 2, "choose 1 or 7")],
)
def test_dictionaries_that_do_not_divide_are_refused(
    tmp_path: Path, bits: int, dictionaries: int, choice: str
) -> None:
    message = rf"hq\.dictionaries: {dictionaries} does not divide bits: {bits}; {choice}"
    with pytest.raises(CrosshashError, match=message):
        plans(tmp_path, bits=bits, dictionaries=dictionaries)
    plans(tmp_path, method="twdh", bits=bits, dictionaries=dictionaries)


@pytest.mark.parametrize("dictionaries", [1, 2, 4, 32])
def test_every_divisor_will_do(tmp_path: Path, dictionaries: int) -> None:
    assert plans(tmp_path, dictionaries=dictionaries)[0].settings["dictionaries"] == dictionaries


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"rerank": 0}, r"hq\.rerank: must be greater than or equal to 1 \(found 0\)"),
        ({"words": 2049}, r"hq\.words: must be at most 2048 with 4 dictionaries \(found 2049\)"),
        ({"words": 1}, r"hq\.words: must be greater than or equal to 2"),
        ({"alpha": 0}, r"hq\.alpha: must be greater than 0"),
        ({"dropout": 1.0}, r"hq\.dropout: must be less than 1"),
        ({"hash_weight": -1}, r"hq\.hash_weight: must be greater than or equal to 0"),
    ],
)
def test_values_out_of_range_are_named(tmp_path: Path, own: dict[str, float], message: str) -> None:
    with pytest.raises(CrosshashError, match=message):
        plans(tmp_path, **{"dictionaries": 4, **own})
