#!/usr/bin/env bash
# torch.onnx.export(dynamo=False) exports nn.MultiheadAttention in eval mode with 1 or 3 heads and refuses 2 or 4: an even number
# takes the fast path for inference, whose operator aten::_native_multi_head_attention has no translation. Nothing of the module, its
# width or the opset differs. torch.backends.mha.set_fastpath_enabled(False) exports all of them, with the same outputs.
# Seen (torch 2.13.0): 1 and 3 exported, 2 and 4 UnsupportedOperatorError; without the fast path all exported.
# Guessed: that a layer can be exported or cannot, whatever its number of heads.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 onnx==1.23.2 numpy==2.4.6
cat > "$folder/seen.py" <<'P'
import io
import warnings

import torch
from torch import nn
from torch.onnx.errors import UnsupportedOperatorError

warnings.simplefilter("ignore")


class Attention(nn.Module):
    def __init__(self, heads: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(12, heads, batch_first=True)

    def forward(self, items: torch.Tensor) -> torch.Tensor:
        return self.attention(items, items, items, need_weights=False)[0]


def exported(heads: int) -> bool:
    module, items = Attention(heads).eval(), torch.randn(2, 5, 12)
    try:
        with torch.no_grad():
            torch.onnx.export(module, (items,), io.BytesIO(), dynamo=False, opset_version=17)
    except UnsupportedOperatorError as error:
        assert "_native_multi_head_attention" in str(error)
        return False
    return True


for fast, expected in ((True, {1: True, 2: False, 3: True, 4: False}), (False, dict.fromkeys((1, 2, 3, 4), True))):
    torch.backends.mha.set_fastpath_enabled(fast)
    seen = {heads: exported(heads) for heads in (1, 2, 3, 4)}
    print("torch", torch.__version__.partition("+")[0], "fast path" if fast else "no fast path", seen)
    assert seen == expected
P
"$folder/venv/bin/python" "$folder/seen.py" 2> /dev/null | grep "^torch "  # the refusals write whole graphs
