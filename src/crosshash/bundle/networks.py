"""The networks of a bundle, run by onnxruntime; each is loaded when it is asked first."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosshash.codes.real_codes import to_half
from crosshash.errors import CrosshashError
from crosshash.readers.tokens import END
from crosshash.retrieval.codefiles.codeset import Modality
from crosshash.workers.cores import cores

INPUT = "raw"
BATCH = 32
"""Items that pass through a network at once; another number changes no bit, and takes more memory."""


@dataclass(frozen=True)
class Networks:
    """`image.onnx` and `text.onnx` of a folder."""

    folder: Path
    loaded: dict[Modality, Any] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def run(self, modality: Modality, ready: list[np.ndarray], cut: bool) -> NDArray[np.float16]:
        """Give soft codes float16[N, train_bits]; cut: tokens to the longest text of a batch.

        Raises:
            CrosshashError: the network cannot be loaded, or gives values that are no numbers.
        """
        session, parts = self.session(modality), []
        for start in range(0, len(ready), BATCH):
            batch = np.stack(ready[start : start + BATCH])
            if cut:
                batch = batch[:, : int((batch != END).sum(1).max())]
            (code,) = session.run(None, {INPUT: batch})
            parts.append(to_half(code))
        return np.concatenate(parts)

    def session(self, modality: Modality) -> Any:  # noqa: ANN401 - onnxruntime has no types
        """Load a network, once.

        Raises:
            CrosshashError: onnxruntime is too old for its operators, or the file is none.
        """
        import onnxruntime

        with self.lock:
            if modality not in self.loaded:
                options = onnxruntime.SessionOptions()
                options.intra_op_num_threads = cores()
                # Else its threads wait for the next query at full speed, and take the service's core.
                options.add_session_config_entry("session.intra_op.allow_spinning", "0")
                options.log_severity_level = 3
                self.loaded[modality] = _session(self.folder / f"{modality}.onnx", options)
            return self.loaded[modality]


def _session(path: Path, options: Any) -> Any:  # noqa: ANN401
    import onnxruntime

    try:
        return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # a kind of error for each way in which a graph can be wrong
        reason = " ".join(str(error).split())
        raise CrosshashError(
            f"{path}: cannot be run by onnxruntime {onnxruntime.__version__} ({reason}). "
            "Install a newer onnxruntime, or make the bundle anew: `crosshash export bundle` in its project."
        ) from None
