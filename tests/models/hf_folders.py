"""Folders as transformers and sentence-transformers publish them, with small networks of random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import nn

from crosshash.models.encoders.hf_text import import_transformers

transformers = import_transformers()
WORDS = ["a", "dog", "lying", "on", "sofa", "two", "boats", "run", "over", "the", "field"]
MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
CAPTIONS = ("a dog", "two dog run over the field on a sofa", "boats", "")
SMALL = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
TINY = {"vocab_size": 15, "max_position_embeddings": 40, "pad_token_id": 0, **SMALL}


def tokenizer(kind: str = "bert") -> Any:  # noqa: ANN401
    """Words of a list with BERT's marks around each text, or as for GPT: none, and the end is the padding."""
    made = Tokenizer(models.WordLevel({word: place for place, word in enumerate(MARKS + WORDS)}, "[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    if kind == "gpt":
        names = {"unk_token": "[UNK]", "eos_token": "[SEP]", "pad_token": "[SEP]"}
        return transformers.PreTrainedTokenizerFast(tokenizer_object=made, **names)
    made.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 2), ("[SEP]", 3)])
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=40, **names)


def network(name: str = "Bert", head: str = "Model", **changes: Any) -> nn.Module:  # noqa: ANN401
    """A network of transformers, such as BertModel, with fresh weights."""
    torch.manual_seed(3)
    config = getattr(transformers, f"{name}Config")(**{**TINY, **changes})
    made: nn.Module = getattr(transformers, f"{name}{head}")(config)
    return made.eval()


def save(folder: Path, model: Any, kind: str = "bert", **files: object) -> Path:  # noqa: ANN401
    """Write a folder; files: further ones by name, `pooling` for 1_Pooling/config.json."""
    model.save_pretrained(folder)
    tokenizer(kind).save_pretrained(folder)
    places = {
        "pooling": "1_Pooling/config.json",
        "modules": "modules.json",
        "limits": "sentence_bert_config.json",
    }
    for name, content in files.items():
        path = folder / places[name]
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))
    return folder


def modules(*kinds: str) -> list[dict[str, str]]:
    """What modules.json of sentence-transformers says."""
    return [{"type": f"sentence_transformers.models.{kind}"} for kind in kinds]
