"""Opens ONNX graphs for inference. The only module that imports onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class GraphError(Exception):
    """An ONNX graph cannot be opened."""


def open_graph(graph: Path) -> Any:
    """Return a thread-safe onnxruntime session that computes on the calling thread.

    Raises GraphError when the graph cannot be opened.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    # The arena would keep the peak memory of the longest text.
    options.enable_cpu_mem_arena = False
    try:
        return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common base class
        raise GraphError(str(error)) from error
