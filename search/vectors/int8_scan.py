"""Brute-force comparison of one vector with all rows in 8-bit integers (ADR 0018).

The rows are the matrix of an ONNX graph with a single integer matrix product, the operator that the
bundled model also uses (onnx_export.py). onnxruntime packs the matrix when it opens the graph.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from search.embedding.onnx_graph import PRODUCT_IN, write_product
from search.embedding.onnx_session import open_graph
from search.ports import Vector


class Int8Scan:
    """A saved 8-bit comparison matrix. Thread-safe."""

    def __init__(self, path: Path) -> None:
        """Open a file written by ``save``; raises onnx_session.GraphError when it is damaged."""
        self._session = open_graph(path)
        self._rows = int(self._session.get_outputs()[0].shape[1])

    @staticmethod
    def save(path: Path, rows: Vector) -> None:
        """Write the matrix of ``rows``, shape (rows, dimension); raises OSError on failure."""
        write_product(path, rows)

    def scores(self, vector: Vector) -> Vector:
        """Return the inner product with every row, shape (rows,), float32.

        The error is at most about 0.01 for unit vectors.
        """
        batch: Any = np.ascontiguousarray(vector, dtype=np.float32)[np.newaxis]
        scores: Vector = self._session.run(None, {PRODUCT_IN: batch})[0][0]
        return scores

    def __len__(self) -> int:
        return self._rows
