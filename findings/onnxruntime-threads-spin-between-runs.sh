#!/usr/bin/env bash
# onnxruntime 1.32.0: after a run that took two threads the second one waits for the next run at full speed. A small network that is
# asked every 3 ms, as a search service asks it, takes several times the processor time of its own work, of a core that the rest of the
# service would need: there, 400 queries a second took 1.73 cores and 152 ms at the 99th percentile, and 1.04 cores and 13 ms with
# "session.intra_op.allow_spinning" = "0".
# Seen, two cores, processor time of 500 runs 3 ms apart: 1.30 s, and 0.18 s without spinning.
# Guessed: that threads without work sleep.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
cat > "$folder/seen.py" <<'P'
import time

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

weights = np.ones((512, 512), np.float32)
graph = helper.make_graph(
    [helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [64, 512])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [64, 512])],
    [numpy_helper.from_array(weights, "w")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10).SerializeToString()
asked = {"x": np.ones((64, 512), np.float32)}


def cpu_seconds(spinning: str) -> float:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.add_session_config_entry("session.intra_op.allow_spinning", spinning)
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    session.run(None, asked)
    start = time.process_time()
    for _ in range(500):
        session.run(None, asked)
        time.sleep(0.003)
    return time.process_time() - start


spins, sleeps = cpu_seconds("1"), cpu_seconds("0")
print("onnxruntime", onnxruntime.__version__, f"500 runs 3 ms apart: spinning {spins:.2f} s, not {sleeps:.2f} s")
assert spins > 2 * sleeps
P
"$folder/venv/bin/python" "$folder/seen.py"
