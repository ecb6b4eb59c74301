from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosshash.pairs.vocabulary import folded, is_unspaced, known_words, most_frequent_words, words_of

PLAIN = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
"""Words of texts without marks, and of scripts with blanks: what the words of such texts always were."""

LATIN_GREEK_CYRILLIC = "".join(
    letter
    for letter in map(chr, range(0x500))
    if unicodedata.is_normalized("NFC", letter)
    and unicodedata.category(letter) not in ("Cn", "Cf", "Mn", "Me")
    and letter not in "İʼ"  # the one is `i` and a mark in lower case, the other an apostrophe
)


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_words_of_ascii_are_letters_and_digits(caption: str) -> None:
    assert words_of(caption) == PLAIN.findall(caption.lower())


@given(st.text(alphabet=LATIN_GREEK_CYRILLIC))
def test_words_of_composed_letters_are_letters_and_digits(caption: str) -> None:
    assert words_of(caption) == PLAIN.findall(caption.lower())


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        ("एक हिन्दी किताब", ["एक", "हिन्दी", "किताब"]),
        ("বাংলা ভাষা", ["বাংলা", "ভাষা"]),
        ("தமிழ் மொழி!", ["தமிழ்", "மொழி"]),
        ("كَلْبٌ أَحْمَر", ["كَلْبٌ", "أَحْمَر"]),
        ("שָׁלוֹם עולם", ["שָׁלוֹם", "עולם"]),
        ("İstanbul", ["i̇stanbul"]),
        ("don’t, don't; donʼt", ["don't"] * 3),
        ("می‌خواهم میخواهم", ["میخواهم"] * 2),  # with and without a joiner
        ("Auto\u00adbahn", ["autobahn"]),
    ],
)
def test_marks_belong_to_their_word(caption: str, words: list[str]) -> None:
    assert words_of(caption) == words


@given(st.text(alphabet="aeiouyc \u0301\u0308\u0327\u00e9\u00e7\u1ec7'’-1", max_size=20))
def test_composed_and_decomposed_texts_have_the_same_words(caption: str) -> None:
    decomposed = unicodedata.normalize("NFD", caption)
    assert words_of(decomposed) == words_of(unicodedata.normalize("NFC", caption))


def test_a_decomposed_text_keeps_its_accents() -> None:
    assert words_of(unicodedata.normalize("NFD", "un élève d’été")) == ["un", "élève", "d'été"]


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        ("一只红色的猫 and a dog", ["一", "只", "红", "色", "的", "猫", "and", "a", "dog"]),
        ("赤いTシャツ2枚。ラーメン", ["赤", "い", "tシャツ2", "枚", "ラーメン"]),
        ("น้ำแข็ง", ["น้ำ", "แ", "ข็", "ง"]),
        ("ខ្មែរ", ["ខ្មែ", "រ"]),
    ],
)
def test_scripts_without_blanks_are_read_by_characters(caption: str, words: list[str]) -> None:
    assert words_of(caption) == words
    assert is_unspaced(caption)


@pytest.mark.parametrize("caption", ["a red circle", "un élève", "हिन्दी", "고양이", "", "。、"])
def test_scripts_with_blanks(caption: str) -> None:
    assert not is_unspaced(caption)


def test_published_words_are_known_as_a_whole_in_every_spelling() -> None:
    vocabulary = {folded("Café-Crème"), "chien"}
    caption = unicodedata.normalize("NFD", "un CHIEN, café-crème")
    assert list(known_words(caption, vocabulary)) == ["chien", "café-crème"]


def test_most_frequent_words_come_first_and_ties_by_alphabet() -> None:
    captions = ["b a", unicodedata.normalize("NFD", "été"), "Été a", "b"]
    assert most_frequent_words(captions, 3) == ["a", "b", "été"]
    assert most_frequent_words(captions, 2) == ["a", "b"]
