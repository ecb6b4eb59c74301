from __future__ import annotations

from crosshash.config.near_keys import ELSEWHERE, nearest_key
from crosshash.config.params import known_keys


def test_names_of_other_programs_lead_to_keys_that_there_are() -> None:
    assert set(ELSEWHERE.values()) <= set(known_keys())
    assert not set(ELSEWHERE) & set(known_keys())


def test_the_last_part_of_a_key_counts_as_much_as_all_of_it() -> None:
    known = ["evaluate", "train.epochs", "train.lr_head", "transform.sgd_epochs"]
    assert nearest_key("epochs", known) == "train.epochs"
    assert nearest_key("transform.epochs", known) == "train.epochs"
    assert nearest_key("trian.lr_haed", known) == "train.lr_head"
    assert nearest_key("learned_rate", known) is None
