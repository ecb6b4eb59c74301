from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from crosshash.shards.item_files import Item
from crosshash.shards.prepared import item_reader, prepared


def item(row: int, captions: tuple[str, ...] = (), text: np.ndarray | None = None) -> Item:
    return Item(row, f"id {row}", np.array([row], np.float32), captions, text, ("label",))


def doubled(vector: np.ndarray) -> np.ndarray:
    return 2 * vector


def letters(text: str) -> np.ndarray:
    return np.array([ord(letter) for letter in text])


def test_every_caption_becomes_an_input_of_its_own() -> None:
    (found,) = prepared([item(7, ("ab", "c"))], item_reader(doubled, letters))
    assert (found.row, found.id, found.labels) == (7, "id 7", ("label",))
    assert found.image.tolist() == [14]
    assert [text.tolist() for text in found.texts] == [[97, 98], [99]]


def test_an_item_without_a_caption_has_no_text() -> None:
    (found,) = prepared([item(0)], item_reader(doubled, letters))
    assert not list(found.texts)


def test_a_text_vector_is_the_one_text_whatever_the_captions_say() -> None:
    (found,) = prepared([item(0, ("ab", "c"), np.array([1.5]))], item_reader(doubled, doubled))
    assert [text.tolist() for text in found.texts] == [[3.0]]


def test_pictures_are_read_in_threads_and_the_order_stays_although_they_take_unequal_times() -> None:
    threads = set()

    def slow_for_the_first(picture: bytes) -> np.ndarray:
        threads.add(threading.get_ident())
        time.sleep(0.02 if picture[0] < 3 else 0)
        return np.array([picture[0]])

    items = [Item(row, f"id {row}", bytes([row]), (), None, ()) for row in range(50)]
    found = list(prepared(items, item_reader(slow_for_the_first, letters)))
    assert [one.row for one in found] == [one.image[0] for one in found] == list(range(50))
    assert len(threads - {threading.get_ident()}) > 1


def test_vectors_are_read_by_the_caller_one_when_it_is_asked_for() -> None:
    asked = []

    def told(vector: np.ndarray) -> np.ndarray:
        asked.append((int(vector[0]), threading.get_ident()))
        return vector

    found = prepared([item(row) for row in range(50)], item_reader(told, letters))
    assert [next(found).row for _ in range(3)] == [0, 1, 2]
    assert asked == [(row, threading.get_ident()) for row in range(3)]
    assert len(list(found)) == 47


def test_of_no_items_there_is_none() -> None:
    assert not list(prepared([], item_reader(doubled, letters)))


def test_an_error_of_one_item_reaches_the_reader() -> None:
    def broken(vector: np.ndarray) -> np.ndarray:
        if vector[0] == 3:
            raise ValueError("item 3 is broken")
        return vector

    found = prepared([item(row) for row in range(6)], item_reader(broken, letters))
    assert [next(found).row for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="item 3 is broken"):
        next(found)
