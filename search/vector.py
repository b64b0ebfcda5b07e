"""Nearest vectors by inner product, exact. The only file that imports faiss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.errors import BundleError
from search.ports import Vector


class FaissVectors:
    """A flat FAISS index over unit vectors; implements ports.VectorIndex. Row numbers are the caller's."""

    def __init__(self, vectors: Vector) -> None:
        import faiss

        self._vectors = vectors
        self._index: Any = faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(np.ascontiguousarray(vectors, dtype=np.float32))

    @classmethod
    def open(cls, path: Path, rows: int) -> FaissVectors:
        """Open a saved file; raises BundleError when it holds another number of vectors."""
        import faiss

        index: Any = faiss.read_index(str(path), faiss.IO_FLAG_MMAP)
        if index.ntotal != rows:
            raise BundleError(f"{path.name} holds {index.ntotal} vectors where {rows} were written. Run: python -m indexer build")
        opened = cls.__new__(cls)
        opened._index = index
        opened._vectors = faiss.rev_swig_ptr(index.get_xb(), rows * index.d).reshape(rows, index.d) if rows else np.zeros((0, index.d), np.float32)
        return opened

    def save(self, path: Path) -> None:
        """Write the index to one file; raises OSError when that fails."""
        import faiss

        try:
            faiss.write_index(self._index, str(path))
        except RuntimeError as error:  # faiss's word for a full disk
            raise OSError(f"{path.name} could not be written; is the disk full?") from error

    @property
    def vectors(self) -> Vector:
        """All vectors, shape (rows, dimension), float32; read only."""
        return self._vectors

    def search(self, vector: Vector, count: int, allowed: NDArray[np.bool_] | None = None) -> tuple[NDArray[np.int64], Vector]:
        """Rows and scores of the ``count`` nearest among the allowed ones, best first."""
        import faiss

        params = None
        if allowed is not None:
            # faiss's Python layer takes an array and keyword arguments that its type stubs do not know.
            library: Any = faiss
            params = library.SearchParameters(sel=library.IDSelectorBitmap(np.packbits(allowed, bitorder="little")))
        scores, rows = self._index.search(vector.reshape(1, -1), max(1, min(count, len(self))), params=params)
        found = rows[0] >= 0
        return rows[0][found], scores[0][found]

    def scores(self, vector: Vector, rows: NDArray[np.int64]) -> Vector:
        """Inner products with the given rows."""
        picked: Vector = self._vectors[rows] @ vector
        return picked

    def __len__(self) -> int:
        return int(self._index.ntotal)
