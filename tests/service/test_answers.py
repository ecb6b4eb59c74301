from __future__ import annotations

import pytest

from crosshash.errors import CrosshashError
from crosshash.search import Asked, BadPicture, Searcher
from crosshash.service.answers import answer, picture_address
from crosshash.service.batches import Query


def ids(found: object) -> list[str]:
    assert isinstance(found, list)
    return [hit.id for hit in found]


def test_each_query_of_a_batch_is_answered_as_if_it_were_alone(searcher: Searcher) -> None:
    queries = [
        Query(Asked("a red circle"), "t2i", 5),
        Query(Asked("a blue star"), "t2i", 5),
        Query(Asked("a red circle"), "t2t", 5),
        Query(Asked("a green heart"), "t2i", 3, ("star", "heart")),
        Query(Asked("a blue star"), "t2i", 9),
    ]
    together = answer(searcher, queries)
    assert [len(ids(found)) for found in together] == [5, 5, 5, 3, 9]
    for query, found in zip(queries, together, strict=True):
        assert answer(searcher, [query]) == [found]


def test_what_is_wrong_with_one_query_spares_the_others(searcher: Searcher) -> None:
    picture = searcher.picture("images/00007.jpg")
    assert picture is not None
    good, bad = answer(
        searcher, [Query(Asked(picture=picture), "i2i", 4), Query(Asked(picture=b"no picture"), "i2i", 4)]
    )
    assert len(ids(good)) == 4
    assert isinstance(bad, BadPicture)
    good, bad = answer(searcher, [Query(Asked("red"), "t2i", 4), Query(Asked("red"), "t2i", 4, ("nothing",))])
    assert len(ids(good)) == 4
    assert isinstance(bad, CrosshashError)
    assert "nothing" in str(bad)


@pytest.mark.parametrize(
    ("item", "address"),
    [
        ("a/b.jpg", "picture?id=a%2Fb.jpg"),
        ("..", "picture?id=.."),
        ("a&b=ü#", "picture?id=a%26b%3D%C3%BC%23"),
    ],
)
def test_addresses_of_pictures_hold_any_id(item: str, address: str) -> None:
    assert picture_address(item) == address
    assert picture_address(item, "0123456789abcdef") == f"{address}&index=0123456789ab"
