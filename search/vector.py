"""Nearest vectors by inner product, exact or nearly so, chosen by size. The only file that imports faiss.

Up to EXACT_ROWS rows are compared as they are, by numpy: one matrix product is three to four times as fast as faiss's own search for
one question. Above that the comparison runs over 8-bit copies, and the best RESCORED of them are
compared anew as they are. The graph index that faiss has besides (HNSW) is faster still, but was not needed up to 200,000 rows:
docs/relevance.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.errors import BundleError
from search.ports import Comparison, Rows, Vector

EXACT_ROWS = 40_000
# Candidates of the 8-bit index that are compared anew, at least, and for each row that is wanted.
RESCORED, RESCORED_EACH = 400, 2
_COARSE = ".8bit"


class FaissVectors:
    """An index over unit vectors; implements ports.VectorIndex. Row numbers are the caller's.

    ``exact_rows``: up to how many rows are compared as they are.
    """

    def __init__(self, vectors: Vector, exact_rows: int = EXACT_ROWS) -> None:
        self._vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        self._coarse = _coarse_of(self._vectors) if len(vectors) > exact_rows else None

    @classmethod
    def open(cls, path: Path, rows: int) -> FaissVectors:
        """Open a saved file, mapped into memory; raises BundleError when it is damaged or holds another number of vectors."""
        opened = cls.__new__(cls)
        try:
            opened._vectors = np.asarray(np.load(path, mmap_mode="r"))
        except (ValueError, EOFError) as error:
            raise BundleError(f"{path.name} is damaged or cut short. Run: python -m indexer build") from error
        coarse = path.with_suffix(_COARSE)
        opened._coarse = _read(coarse) if coarse.is_file() else None
        for count in (len(opened), opened._coarse.ntotal if opened._coarse is not None else rows):
            if count != rows:
                raise BundleError(f"{path.name} holds {count} vectors where {rows} were written. Run: python -m indexer build")
        return opened

    def save(self, path: Path) -> None:
        """Write the vectors into ``path`` (.npy), and their 8-bit copies beside it; raises OSError when that fails."""
        np.save(path, self._vectors)
        if self._coarse is not None:
            import faiss

            try:
                faiss.write_index(self._coarse, str(path.with_suffix(_COARSE)))
            except RuntimeError as error:  # faiss's word for a full disk
                raise OSError(f"{path.name} could not be written; is the disk full?") from error

    @property
    def kind(self) -> str:
        """How it searches: "exact", or "8 bit" with the best compared anew."""
        return "exact" if self._coarse is None else "8 bit"

    @property
    def vectors(self) -> Vector:
        """All vectors, shape (rows, dimension), float32; read only."""
        return self._vectors

    def compare(self, vector: Vector) -> Comparison:
        """Compare one vector with all rows, or with those that the 8-bit copies propose."""
        return _Whole(self._vectors @ vector) if self._coarse is None else _Proposed(self._coarse, self._vectors, vector)

    def __len__(self) -> int:
        return len(self._vectors)


@dataclass(frozen=True)
class _Whole:
    """The scores of all rows; implements ports.Comparison."""

    scores: Vector

    def nearest(self, count: int, allowed: NDArray[np.bool_] | None = None) -> tuple[Rows, Vector]:
        """Rows and scores of the ``count`` nearest among the allowed ones, best first; equal ones in their order."""
        scores = self.scores if allowed is None else self.scores[allowed]
        first = max(0, len(scores) - count)
        chosen = np.argpartition(scores, first)[first:] if first else np.arange(len(scores))
        rows, own = chosen if allowed is None else np.flatnonzero(allowed)[chosen], scores[chosen]
        order = np.lexsort((rows, -own))
        return rows[order], own[order]

    def of(self, rows: Rows) -> Vector:
        """The scores of the given rows."""
        return self.scores[rows]


@dataclass(frozen=True)
class _Proposed:
    """Rows proposed by an 8-bit index and compared as they are; implements ports.Comparison."""

    coarse: Any
    vectors: Vector
    vector: Vector

    def nearest(self, count: int, allowed: NDArray[np.bool_] | None = None) -> tuple[Rows, Vector]:
        """Rows and scores of the ``count`` nearest among the allowed ones, best first."""
        import faiss

        params = None
        if allowed is not None:
            # faiss's Python layer takes an array and keyword arguments that its type stubs do not know.
            library: Any = faiss
            params = library.SearchParameters(sel=library.IDSelectorBitmap(np.packbits(allowed, bitorder="little")))
        wanted = min(len(self.vectors), max(RESCORED, RESCORED_EACH * count))
        _, proposed = self.coarse.search(_steps(self.vector).reshape(1, -1), wanted, params=params)
        rows = proposed[0][proposed[0] >= 0]
        scores = self.of(rows)
        order = np.argsort(-scores, kind="stable")[:count]
        return rows[order], scores[order]

    def of(self, rows: Rows) -> Vector:
        """The scores of the given rows."""
        scores: Vector = self.vectors[rows] @ self.vector
        return scores


def _coarse_of(vectors: Vector) -> Any:
    """8-bit copies of the vectors, to search in."""
    import faiss

    coarse = faiss.IndexScalarQuantizer(vectors.shape[1], faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_INNER_PRODUCT)
    coarse.add(_steps(vectors))
    return coarse


def _read(path: Path) -> Any:
    import faiss

    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP)
    except RuntimeError as error:  # faiss's word for a file that it cannot read
        raise BundleError(f"{path.name} is damaged or cut short. Run: python -m indexer build") from error


def _steps(vectors: Vector) -> Vector:
    """Values as whole steps of -127 to 127, which is what an 8-bit index holds.

    Components of unit vectors in hundreds of dimensions are small; those beyond the range are cut, and rescoring makes up for it.
    """
    width = 127 * np.sqrt(vectors.shape[-1]) / SPREAD
    steps: Vector = np.clip(np.rint(vectors * width), -127, 127).astype(np.float32)
    return steps


# How many standard deviations of a component the 8 bits span, each way.
SPREAD = 6.0
