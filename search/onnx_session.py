"""Opens graphs to be run. The only file that imports onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class GraphError(Exception):
    """A graph cannot be opened."""


def open_graph(graph: Path, threads: int = 1) -> Any:
    """An onnxruntime session; raises GraphError. Threads may share it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Threads that sleep between two steps of one question take as long as one thread alone; those that go on waiting when it is
    # done take the time of others.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.log_severity_level = 3
    # Else the memory of the longest text ever met is kept.
    options.enable_cpu_mem_arena = False
    try:
        return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors have no common base
        raise GraphError(str(error)) from error
