#!/usr/bin/env bash
# torch.use_deterministic_algorithms(True) imports torch's compiler (_inductor and _dynamo, with sympy) to set one
# of its options: about as long again as `import torch`, in programs that compile nothing.
# set_deterministic_debug_mode("warn") sets the same switch without it.
# Seen (torch 2.13.0): neither module before, both after, 1 s of processor time on two cores; none by the debug mode.
# Guessed: a flag that is set, at no cost.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cat > "$folder/seen.py" <<'P'
import sys, time
import torch

def loaded():
    return "torch._inductor" in sys.modules, "torch._dynamo" in sys.modules

print("torch", torch.__version__.partition("+")[0], "after import:", *loaded())
assert loaded() == (False, False)
start = time.process_time()
torch.set_deterministic_debug_mode("warn")
assert torch.are_deterministic_algorithms_enabled() and torch.is_deterministic_algorithms_warn_only_enabled()
print("set_deterministic_debug_mode('warn'):", *loaded(), f"{time.process_time() - start:.2f} s")
assert loaded() == (False, False)
torch.set_deterministic_debug_mode("default")
start = time.process_time()
torch.use_deterministic_algorithms(True, warn_only=True)
print("use_deterministic_algorithms(True):", *loaded(), f"{time.process_time() - start:.2f} s")
assert loaded() == (True, True)
P
"$folder/venv/bin/python" "$folder/seen.py"
