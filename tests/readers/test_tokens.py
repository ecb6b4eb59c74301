from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosshash.export.readers import _tokens
from crosshash.models.encoders.clip_tokens import text_reader, tokenizer_of
from crosshash.readers.tokens import CLEANINGS, clip_reader
from tests.models.built_encoders import CAPTIONS

PLACES = 12
SHORT = {"context_length": PLACES}
THEIRS = text_reader({"text_cfg": SHORT})
OURS = clip_reader(_tokens(tokenizer_of(SHORT), "tiny"))
PIECES = [
    "it's",
    "THEY'LL",
    "<start_of_text>",
    "!<end_of_text>",
    "&amp;amp;",
    "½",
    "漢字",
    "ไทย",
    "naïve",
    "İ",
    "’t",
]


@pytest.mark.parametrize("caption", [*CAPTIONS, *PIECES, "a" * 200, "  A  red\tcircle \n"])
def test_clip_s_tokens_are_those_of_open_clip(caption: str) -> None:
    assert OURS(caption).tolist() == THEIRS(caption).tolist()


@given(st.lists(st.one_of(st.text(max_size=12), st.sampled_from(PIECES)), max_size=8))
def test_of_any_text(words: list[str]) -> None:
    caption = " ".join(words)
    assert OURS(caption).tolist() == THEIRS(caption).tolist()


@pytest.mark.parametrize("clean", list(CLEANINGS))
@given(st.text(max_size=40))
def test_texts_are_cleaned_as_by_open_clip(clean: str, text: str) -> None:
    from open_clip.tokenizer import get_clean_fn

    assert CLEANINGS[clean](text) == get_clean_fn(clean)(text)
