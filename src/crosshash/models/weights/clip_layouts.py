"""Published CLIP and SigLIP weights under other names than open_clip's of today, brought to those."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from crosshash.artifacts import read_json
from crosshash.models.weights.tensors import Tensors

Names = tuple[tuple[str, str], ...]

OF_TRANSFORMERS = "text_model."
"""How names of transformers' CLIPModel and SiglipModel begin."""
PROBE = "vision_model.head.probe"
"""What SigLIP pools its picture with, and CLIP has not."""
OPEN_CLIP_BLOCK: Names = (
    (".layer_norm1.", ".ln_1."),
    (".layer_norm2.", ".ln_2."),
    (".mlp.fc1.", ".mlp.c_fc."),
    (".mlp.fc2.", ".mlp.c_proj."),
    (".self_attn.", ".attn."),
)
TIMM_BLOCK: Names = (
    (".layer_norm", ".norm"),
    (".self_attn.out_proj.", ".attn.proj."),
    (".self_attn.", ".attn."),
)
TEXT: Names = (
    ("text_model.embeddings.token_embedding.", "token_embedding."),
    ("text_model.embeddings.position_embedding.weight", "positional_embedding"),
    ("text_model.encoder.layers.", "transformer.resblocks."),
    ("text_model.final_layer_norm.", "ln_final."),
    ("text_projection.weight", "text_projection"),
    ("text_model.head.", "text_projection."),
    *OPEN_CLIP_BLOCK,
)
CLIP_PICTURE: Names = (
    ("vision_model.embeddings.class_embedding", "visual.class_embedding"),
    ("vision_model.embeddings.patch_embedding.", "visual.conv1."),
    ("vision_model.embeddings.position_embedding.weight", "visual.positional_embedding"),
    ("vision_model.encoder.layers.", "visual.transformer.resblocks."),
    ("vision_model.pre_layrnorm.", "visual.ln_pre."),  # so it is spelt
    ("vision_model.post_layernorm.", "visual.ln_post."),
    ("visual_projection.weight", "visual.proj"),
    *OPEN_CLIP_BLOCK,
)
SIGLIP_PICTURE: Names = (
    ("vision_model.embeddings.patch_embedding.", "visual.trunk.patch_embed.proj."),
    ("vision_model.embeddings.position_embedding.weight", "visual.trunk.pos_embed"),
    ("vision_model.encoder.layers.", "visual.trunk.blocks."),
    ("vision_model.post_layernorm.", "visual.trunk.norm."),
    ("vision_model.head.probe", "visual.trunk.attn_pool.latent"),
    ("vision_model.head.attention.out_proj.", "visual.trunk.attn_pool.proj."),
    ("vision_model.head.attention.", "visual.trunk.attn_pool."),
    ("vision_model.head.layernorm.", "visual.trunk.attn_pool.norm."),
    ("vision_model.head.mlp.", "visual.trunk.attn_pool.mlp."),
    *TIMM_BLOCK,
)
TEXT_NETWORK = ("text_projection", "positional_embedding", "token_embedding", "transformer", "ln_final")
TRANSPOSED = ("text_projection", "visual.proj")
WITHIN_ONE = ("visual.trunk.pos_embed",)
"""Tensors to which timm gives an axis of one more."""
QUERY = re.compile(r"(.*\.attn\.)q_proj\.(weight|bias)")
POOL = re.compile(r"(visual\.trunk\.attn_pool\.)in_proj_(weight|bias)")


def in_open_clip_names(state: Tensors, own_text: bool) -> Tensors:
    """Rename tensors; own_text: the model keeps its text network apart, under `text.`."""
    if any(key.startswith(OF_TRANSFORMERS) for key in state):
        state = _from_transformers(state)
    if own_text and "positional_embedding" in state:  # from before text networks were kept apart
        return {f"text.{key}" if key.startswith(TEXT_NETWORK) else key: value for key, value in state.items()}
    return state


def transformers_quick_gelu(path: Path, state: Tensors) -> bool | None:
    """Tell by config.json beside a file of transformers' CLIP whether it wants QuickGELU; None elsewhere."""
    beside = path.parent / "config.json"
    if not beside.is_file() or not any(key.startswith(OF_TRANSFORMERS) for key in state):
        return None
    usual = "gelu_pytorch_tanh" if PROBE in state else "quick_gelu"  # the usual one is not written down
    told = read_json(beside).get("text_config") or {}
    return str(told.get("hidden_act", usual)) == "quick_gelu"


def _from_transformers(state: Tensors) -> Tensors:
    picture = SIGLIP_PICTURE if PROBE in state else CLIP_PICTURE
    renamed: Tensors = {}
    for key, value in state.items():
        if key.endswith("position_ids"):
            continue
        name = key
        for old, new in picture if key.startswith("vis") else TEXT:
            name = name.replace(old, new)
        value = value.T.contiguous() if name in TRANSPOSED else value
        renamed[name] = value[None] if name in WITHIN_ONE else value
    return _joined(renamed)


def _joined(state: Tensors) -> Tensors:
    """Bring queries, keys and values of attention together as open_clip and timm keep them."""
    for name in list(state):
        if found := QUERY.fullmatch(name):
            three = [state.pop(f"{found[1]}{one}_proj.{found[2]}") for one in "qkv"]
            one_name = "qkv." if name.startswith("visual.trunk.") else "in_proj_"
            state[f"{found[1]}{one_name}{found[2]}"] = torch.cat(three)
        elif found := POOL.fullmatch(name):
            value = state.pop(name)
            width = len(value) // 3
            state[f"{found[1]}q.{found[2]}"] = value[:width]
            state[f"{found[1]}kv.{found[2]}"] = value[width:]
    return state
