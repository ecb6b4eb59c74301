"""Published CLIP weights under other names than open_clip's of today, brought to those."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from crosshash.artifacts import read_json
from crosshash.errors import CrosshashError
from crosshash.models.encoders.clip_settings import open_clip
from crosshash.models.weights.tensors import Tensors

OF_TRANSFORMERS = "text_model."
"""How names of transformers' CLIPModel begin."""
OTHER_HEAD = "vision_model.head."
"""What its SigLIP models have besides, whose layers are others."""
WHOLE = {
    "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_projection.weight": "text_projection",
    "vision_model.embeddings.class_embedding": "visual.class_embedding",
    "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
    "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
    "visual_projection.weight": "visual.proj",
    "logit_scale": "logit_scale",
}
TRANSPOSED = ("text_projection", "visual.proj")
PARTS = (
    ("text_model.encoder.layers.", "transformer.resblocks."),
    ("text_model.final_layer_norm.", "ln_final."),
    ("vision_model.encoder.layers.", "visual.transformer.resblocks."),
    ("vision_model.pre_layrnorm.", "visual.ln_pre."),  # so it is spelt
    ("vision_model.post_layernorm.", "visual.ln_post."),
    (".layer_norm1.", ".ln_1."),
    (".layer_norm2.", ".ln_2."),
    (".mlp.fc1.", ".mlp.c_fc."),
    (".mlp.fc2.", ".mlp.c_proj."),
    (".self_attn.", ".attn."),
)
QUERY = re.compile(r"(.*\.attn\.)q_proj\.(weight|bias)")


def in_open_clip_names(state: Tensors, own_text: bool, path: Path) -> Tensors:
    """Rename tensors; own_text: the model keeps its text network apart, under `text.`.

    Raises:
        CrosshashError: a file of transformers' SigLIP.
    """
    if any(key.startswith(OF_TRANSFORMERS) for key in state):
        if any(key.startswith(OTHER_HEAD) for key in state):
            raise CrosshashError(
                f"{path}: holds a SigLIP under the names of transformers, which are not known here. Take the "
                "tag (webli), or open_clip's own file of the same weights (open_clip_model.safetensors)."
            )
        state = _from_transformers(state)
    if own_text and "positional_embedding" in state:  # from before text networks were kept apart
        state = open_clip.model.convert_to_custom_text_state_dict(state)
    return state


def transformers_quick_gelu(path: Path, state: Tensors) -> bool | None:
    """Tell by config.json beside a file of transformers' CLIP whether it wants QuickGELU; None elsewhere."""
    beside = path.parent / "config.json"
    if not beside.is_file() or not any(key.startswith(OF_TRANSFORMERS) for key in state):
        return None
    told = read_json(beside).get("text_config") or {}
    return str(told.get("hidden_act", "quick_gelu")) == "quick_gelu"  # the default is not written down


def _from_transformers(state: Tensors) -> Tensors:
    renamed: Tensors = {}
    for key, value in state.items():
        if key.endswith("position_ids"):
            continue
        name = WHOLE.get(key, key)
        for old, new in PARTS:
            name = name.replace(old, new)
        renamed[name] = value.T.contiguous() if name in TRANSPOSED else value
    for name in list(renamed):
        if found := QUERY.fullmatch(name):
            three = [renamed.pop(f"{found[1]}{one}_proj.{found[2]}") for one in "qkv"]
            renamed[f"{found[1]}in_proj_{found[2]}"] = torch.cat(three)
    return renamed
