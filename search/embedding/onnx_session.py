"""Opens graphs to be run. The only file that imports onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class GraphError(Exception):
    """A graph cannot be opened."""


def open_graph(graph: Path) -> Any:
    """An onnxruntime session that computes on the calling thread; raises GraphError. Threads may share it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    # Else the memory of the longest text ever met is kept.
    options.enable_cpu_mem_arena = False
    try:
        return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors have no common base
        raise GraphError(str(error)) from error
