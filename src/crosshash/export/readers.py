"""What the readers of a trained model do, as plain values."""

from __future__ import annotations

from typing import Any

from crosshash.errors import CrosshashError
from crosshash.models.encoders.clip_settings import DEFAULT, PREPROCESS, open_clip
from crosshash.models.encoders.clip_tokens import tokenizer_of
from crosshash.models.tower_specs import TowerSpec
from crosshash.readers.described import Described
from crosshash.readers.tokens import CLEANINGS
from crosshash.retrieval.codefiles.codeset import Modality


def described_reader(spec: TowerSpec, modality: Modality) -> Described:
    """Describe the reader of a network, frozen or trained; see `crosshash.readers.described`.

    Raises:
        CrosshashError: its tokenizer cannot be written as data.
    """
    spec = spec.over or spec
    config = spec.config or {}
    if spec.kind == "mlp":
        return {"kind": "vectors", "dim": spec.dim}
    if spec.kind == "bow":
        return {"kind": "words", "vocabulary": list(spec.vocabulary)}
    if spec.kind == "image":
        return _pictures(config["image_size"], spec, "bicubic", config.get("share", 1.0))
    if spec.kind == "hf":
        kept = {key: config[key] for key in ("tokenizer", "pad", "context_length")}
        return {"kind": "tokens", **kept}
    if modality == "image":
        interpolation = config.get(PREPROCESS, DEFAULT)["interpolation"]
        return _pictures(config["vision_cfg"]["image_size"], spec, interpolation, 1.0)
    return _tokens(tokenizer_of(config["text_cfg"]), spec.name)


def _pictures(size: int, spec: TowerSpec, interpolation: str, share: float) -> Described:
    return {
        "kind": "pictures",
        "size": size,
        "resize": spec.resize,
        "interpolation": interpolation,
        "share": share,
    }


def _tokens(tokenizer: Any, name: str) -> Described:  # noqa: ANN401 - open_clip has no types
    clean = next((key for key in CLEANINGS if _named(tokenizer.clean_fn) == key), None)
    simple = isinstance(tokenizer, open_clip.SimpleTokenizer)
    odd = tokenizer.reduction_fn if simple else tokenizer.tokenizer_mode or tokenizer.strip_sep_token
    if clean is None or odd or not (simple or tokenizer.tokenizer.is_fast):
        raise CrosshashError(
            f"the tokenizer of '{name}' works in a way that cannot be written as data. Use another text "
            "network for a bundle."
        )
    told = {"clean": clean, "context_length": int(tokenizer.context_length)}
    if simple:
        return {
            "kind": "clip_tokens",
            "tokenizer": _pairs(tokenizer),
            "specials": _specials(tokenizer),
            **told,
        }
    inner, pad = tokenizer.tokenizer, int(tokenizer.tokenizer.pad_token_id)
    return {"kind": "tokens", "tokenizer": inner.backend_tokenizer.to_str(), "pad": pad, "fill": pad, **told}


def _named(clean: Any) -> str:  # noqa: ANN401
    return str(clean.__name__).removeprefix("_clean_")


def _specials(tokenizer: Any) -> list[str]:  # noqa: ANN401
    return [tokenizer.decoder[one] for one in tokenizer.all_special_ids]


def _pairs(tokenizer: Any) -> str:  # noqa: ANN401
    """Give CLIP's pairs of bytes as JSON of the library tokenizers, which joins them faster than Python."""
    from tokenizers import AddedToken, Tokenizer
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel

    model = BPE(dict(tokenizer.encoder), list(tokenizer.bpe_ranks), end_of_word_suffix="</w>")
    made = Tokenizer(model)
    made.pre_tokenizer = ByteLevel(add_prefix_space=False, use_regex=False)
    made.add_special_tokens([AddedToken(one, normalized=False) for one in _specials(tokenizer)])
    text: str = made.to_str()
    return text
