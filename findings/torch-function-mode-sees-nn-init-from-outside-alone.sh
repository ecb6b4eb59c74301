#!/usr/bin/env bash
# torch 2.13.0: a TorchFunctionMode that skips the drawing of random numbers must name both nn.init's functions and the tensor's.
# Seen: under a mode that hands Tensor.normal_ and Tensor.uniform_ back undone, nn.init.normal_(weight) and nn.init.uniform_ fill the
# weight all the same: the mode is asked about the function of nn.init itself, with the tensor by keyword, and what that calls inside is
# not asked about. nn.init.trunc_normal_ is the other way round: the mode never hears of it, but of the tensor's normal_ inside.
# Guessed: everything is in the end a method of Tensor, so that it is enough to catch those.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "numpy>=2"
cd "$work" && env/bin/python - <<'P'
import torch
from torch import nn
from torch.overrides import TorchFunctionMode


class Undrawn(TorchFunctionMode):
    def __init__(self, undone):
        super().__init__()
        self.undone, self.asked = undone, []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.asked.append((function, args, kwargs or {}))
        if function in self.undone:
            return args[0] if args else kwargs["tensor"]
        return function(*args, **(kwargs or {}))


def tried(undone, fill):
    """Is a weight of zeros filled, and what was asked about?"""
    weight = torch.zeros(64, 64)
    with torch.no_grad(), Undrawn(undone) as mode:
        fill(weight)
    return bool(weight.any()), mode.asked


methods = {torch.Tensor.normal_, torch.Tensor.uniform_}
for fill, inside in ((nn.init.normal_, torch.Tensor.normal_), (nn.init.uniform_, torch.Tensor.uniform_)):
    filled, asked = tried(methods, fill)
    own = [(args, sorted(kwargs)) for function, args, kwargs in asked if function is fill]
    print(f"nn.init.{fill.__name__}: filled {filled}, asked about itself {len(own)} times, about the tensor's own "
          f"{sum(function == inside for function, _, _ in asked)} times; arguments {own}")
    assert filled and len(own) == 1 and not any(function == inside for function, _, _ in asked), asked
    assert own[0][0] == () and "tensor" in own[0][1], own
    assert tried(methods | {fill}, fill)[0] is False
filled, asked = tried(methods, nn.init.trunc_normal_)
functions = [function for function, _, _ in asked]
print(f"nn.init.trunc_normal_: filled {filled}, asked about itself {functions.count(nn.init.trunc_normal_)} times")
assert not filled and nn.init.trunc_normal_ not in functions and torch.Tensor.normal_ in functions, functions
P
