from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosshash.artifacts import read_json
from crosshash.errors import CrosshashError
from crosshash.pairs.source import SplitSizes
from crosshash.pairs.split import Split, given_split, make_split, write_split
from crosshash.pairs.table import Pair, write_pairs

IDS = [f"{number}.jpg" for number in range(40)]
ALL = [True] * 40

item_sets = st.lists(st.text(min_size=1, max_size=6), min_size=6, max_size=60, unique=True)
shares = st.floats(min_value=0.05, max_value=0.95)


@given(item_sets, st.data(), shares, shares, st.floats(min_value=0, max_value=0.9), st.integers(0, 5))
def test_sets_are_disjoint_and_complete(
    ids: list[str], data: st.DataObject, query: float, train: float, val: float, seed: int
) -> None:
    eligible = data.draw(
        st.lists(st.booleans(), min_size=len(ids), max_size=len(ids)).filter(lambda x: sum(x) >= 4)
    )
    try:
        split = make_split(ids, eligible, SplitSizes(query, train), val, seed)
    except CrosshashError:
        assert round(query * sum(eligible)) == sum(eligible)  # nothing left to train on
        return
    parts = [split.query, split.train, split.val_query, split.rest()]
    assert sorted(item for part in parts for item in part) == sorted(ids)
    assert set(split.retrieval) == set(ids) - set(split.query)
    may = {item for item, chosen in zip(ids, eligible, strict=True) if chosen}
    assert may.issuperset(split.query + split.train + split.val_query)
    assert len(split.query) == max(1, round(query * sum(eligible)))
    assert len(split.train) >= 1


@given(item_sets, st.integers(0, 100))
def test_order_of_the_source_has_no_say(ids: list[str], seed: int) -> None:
    sizes = SplitSizes(2, 3)
    assert make_split(ids, [True] * len(ids), sizes, 0.4, seed) == make_split(
        ids[::-1], [True] * len(ids), sizes, 0.4, seed
    )


def test_counts_and_validation_share() -> None:
    """30 training items, a tenth for validation: 27 + 3; the other 40 - 5 - 30 = 5 are searched only."""
    split = make_split(IDS, ALL, SplitSizes(5, 30), val=0.1, seed=0)
    assert [len(part) for part in (split.query, split.train, split.val_query, split.rest())] == [5, 27, 3, 5]
    assert len(split.retrieval) == 35


def test_shares_are_of_the_eligible_items() -> None:
    """Of 20 eligible items an eighth is 2.5, rounded to even 2; 7/8 is 17.5, rounded to 18: all others."""
    split = make_split(IDS, [True, False] * 20, SplitSizes(0.125, 0.875), val=0, seed=0)
    assert [len(part) for part in (split.query, split.train, split.rest())] == [2, 18, 20]


def test_a_share_of_training_items_takes_what_is_left() -> None:
    split = make_split(IDS, ALL, SplitSizes(20, 0.875), val=0, seed=0)
    assert len(split.train) == 20


def test_a_share_is_at_least_one_item() -> None:
    split = make_split(IDS[:4], ALL[:4], SplitSizes(0.05, 0.875), val=0, seed=0)
    assert len(split.query) == 1


@pytest.mark.parametrize(
    ("train", "val", "expected"),
    [(20, 0.01, 1), (20, 0.0, 0), (19, 0.01, 0), (1, 0.9, 0), (2, 0.9, 1), (20, 0.25, 5)],
)
def test_number_of_validation_queries(train: int, val: float, expected: int) -> None:
    split = make_split(IDS, ALL, SplitSizes(5, train), val=val, seed=0)
    assert len(split.val_query) == expected
    assert len(split.train) == train - expected


def test_the_validation_share_leaves_queries_alone() -> None:
    small, large = (make_split(IDS, ALL, SplitSizes(5, 30), val, seed=0) for val in (0.1, 0.5))
    assert small.query == large.query
    assert small.retrieval == large.retrieval


def test_seed_decides() -> None:
    first, again, other = (make_split(IDS, ALL, SplitSizes(5, 30), 0.1, seed) for seed in (0, 0, 1))
    assert first == again
    assert set(first.query) != set(other.query)


def test_an_added_item_moves_at_most_one_other() -> None:
    """Each id has a place of its own in the order, drawn without looking at the others."""
    for number in range(20):
        before = make_split(IDS, ALL, SplitSizes(10, 20), 0, seed=0)
        after = make_split([*IDS, f"new {number}"], [*ALL, True], SplitSizes(10, 20), 0, seed=0)
        assert len(set(before.query) - set(after.query)) <= 1
        assert len(set(before.train) - set(after.train)) <= 1


@pytest.mark.parametrize("eligible", [0, 1])
def test_shares_of_nothing_ask_for_one_query_and_one_training_item(eligible: int) -> None:
    sizes = SplitSizes(0.125, 0.875)
    with pytest.raises(
        CrosshashError, match=rf"^{eligible} of 5 items .* asks for 1 query and 1 training item\."
    ):
        make_split(IDS[:5], [True] * eligible + [False] * (5 - eligible), sizes, 0.05, 0)


def test_too_few_items_names_numbers_and_keys() -> None:
    with pytest.raises(CrosshashError) as error:
        make_split(IDS, [True] * 30 + [False] * 10, SplitSizes(500, 3500), 0.05, 0)
    message = str(error.value)
    assert "30 of 40 items can be queries or training items" in message
    assert "500 queries and 3500 training items" in message
    assert "split.query or split.train" in message


def test_no_eligible_item() -> None:
    with pytest.raises(CrosshashError, match="0 of 40 items can be queries"):
        make_split(IDS, [False] * 40, SplitSizes(0.125, 0.875), 0.05, 0)


@pytest.mark.parametrize("value", [1.0, 2.5, 500.0])
def test_a_size_with_a_point_is_a_share(value: float) -> None:
    with pytest.raises(CrosshashError, match=r"split\.query: .* neither a share below 1 nor a count"):
        make_split(IDS, ALL, SplitSizes(value, 10), 0.05, 0)


def test_a_given_split_keeps_its_order_and_draws_validation_queries() -> None:
    """A tenth of 30 training items: 3. They depend on the ids alone, not on their order in the list."""
    query, train = IDS[:5], IDS[9:39]
    split = given_split(IDS, query, train, None, val=0.1, seed=0)
    assert split.query == tuple(query)
    assert len(split.val_query) == 3
    assert split.train == tuple(item for item in train if item not in split.val_query)
    assert sorted(split.rest()) == sorted([*IDS[5:9], IDS[39]])
    turned = given_split(IDS, query, train[::-1], None, val=0.1, seed=0)
    assert turned.val_query == split.val_query
    assert turned.train == split.train[::-1]
    other = given_split(IDS, query, train, None, val=0.1, seed=1)
    assert set(other.val_query) != set(split.val_query)


@pytest.mark.parametrize("val_query", [(), ("39.jpg",)])
def test_given_validation_queries_are_all_there_are(val_query: tuple[str, ...]) -> None:
    split = given_split(IDS, IDS[:5], IDS[5:30], val_query, val=0.5, seed=0)
    assert (split.train, split.val_query) == (tuple(IDS[5:30]), val_query)


def test_a_drawn_split_given_again_is_the_same() -> None:
    split = make_split(IDS, ALL, SplitSizes(5, 30), 0.1, 0)
    assert given_split(IDS, split.query, split.train, split.val_query, 0.1, 0) == split
    trained = [*split.train, *split.val_query]
    assert set(given_split(IDS, split.query, trained, None, 0.1, 0).val_query) == set(split.val_query)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"train": ("a", "c")}, "two of query, train and val_query"),
        ({"val_query": ("c",)}, "two of query, train and val_query"),
        ({"retrieval": ("a", "b", "c", "d")}, "a query stands in the retrieval set"),
        ({"retrieval": ("b", "d")}, "missing from the retrieval set"),
        ({"retrieval": ("b", "c", "d", "d")}, "twice in the retrieval set"),
    ],
)
def test_unclean_splits_are_refused(change: dict[str, tuple[str, ...]], finding: str) -> None:
    clean = Split(query=("a",), train=("b", "c"), val_query=("d",), retrieval=("b", "c", "d"))
    with pytest.raises(CrosshashError, match=finding):
        replace(clean, **change)


def test_the_file_holds_the_ids_and_the_digest_of_the_pair_table(tmp_path: Path) -> None:
    split = make_split(IDS, ALL, SplitSizes(5, 30), 0.1, 0)
    write_pairs(tmp_path, [Pair(item, item, (), (), "rest") for item in IDS])
    write_split(tmp_path, split)
    assert read_json(tmp_path / "split.json") == {
        "query": list(split.query),
        "train": list(split.train),
        "val_query": list(split.val_query),
        "pairs_sha256": hashlib.sha256((tmp_path / "pairs.parquet").read_bytes()).hexdigest(),
    }
