from __future__ import annotations

import unicodedata

import pytest

from crosshash.formats.spelling import as_seen, composed

CAFE = "caf\N{LATIN SMALL LETTER E WITH ACUTE}"


def test_letters_are_composed() -> None:
    assert composed(unicodedata.normalize("NFD", CAFE)) == composed(CAFE) == CAFE


@pytest.mark.parametrize(
    "label",
    [
        "red wine",
        " red\N{NO-BREAK SPACE}wine",
        "red  wine\N{ZERO WIDTH SPACE}",
        "\N{ZERO WIDTH NO-BREAK SPACE}red\N{NARROW NO-BREAK SPACE}wine",
        "re\N{SOFT HYPHEN}d wine\N{LEFT-TO-RIGHT MARK}",
    ],
)
def test_labels_that_look_the_same_are_one(label: str) -> None:
    assert as_seen(label) == "red wine"


def test_what_looks_different_stays_different() -> None:
    labels = [
        "Dog",
        "dog",
        "d\u00f3g",
        "\u2764",
        "\u2764\ufe0f",
        "\u0645\u06cc\u200c\u062e",
        "\u0645\u06cc\u062e",
    ]
    assert [as_seen(label) for label in labels] == labels
