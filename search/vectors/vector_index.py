"""Nearest-neighbour search by inner product. The only module that imports faiss.

The strategy depends on the number of rows (ADR 0018); the best rows always get exact scores:
up to EXACT_ROWS, one float32 matrix product; up to SCANNED_ROWS, an 8-bit scan of all rows
(int8_scan.py) that rescores the best EXACT_BEST exactly; above, a memory-mapped 8-bit faiss index
whose candidates are rescored exactly. docs/relevance.md says why no HNSW graph index is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from search.array_files import load_array
from search.embedding.onnx_session import GraphError
from search.errors import BundleError
from search.ports import Comparison, Rows, Vector
from search.vectors.int8_scan import Int8Scan

EXACT_ROWS = 2_000
SCANNED_ROWS = 100_000
# Best rows of the 8-bit scan to rescore exactly: more than a page shows.
EXACT_BEST = 100
# Scores per group in the search for the highest ones.
GROUP = 16
# faiss candidates to rescore exactly: the minimum, and the number per requested row.
RESCORED, RESCORED_EACH = 400, 2
_SCAN, _COARSE = ".scan", ".8bit"
Strategy = Literal["exact", "int8 scan", "faiss int8"]


def strategy_for(rows: int) -> Strategy:
    """Return the comparison strategy for a number of rows."""
    if rows <= EXACT_ROWS:
        return "exact"
    return "int8 scan" if rows <= SCANNED_ROWS else "faiss int8"


def save_vectors(path: Path, vectors: Vector, strategy: Strategy | None = None) -> list[Path]:
    """Write unit vectors, shape (rows, dimension), to ``path`` (.npy), with their index files.

    Returns all written files. Raises OSError on failure.
    """
    strategy = strategy or strategy_for(len(vectors))
    np.save(path, np.ascontiguousarray(vectors, dtype=np.float32))
    if strategy == "int8 scan":
        Int8Scan.save(path.with_suffix(_SCAN), vectors)
    if strategy == "faiss int8":
        _write(path.with_suffix(_COARSE), _coarse_of(vectors))
    return vector_files(path)


def vector_files(path: Path) -> list[Path]:
    """Return the files that ``save_vectors`` wrote for ``path``."""
    return [
        path,
        *(
            index_file
            for index_file in (path.with_suffix(_SCAN), path.with_suffix(_COARSE))
            if index_file.is_file()
        ),
    ]


class FileVectors:
    """Memory-mapped saved vectors; implements ports.VectorIndex. The caller defines row numbers."""

    def __init__(self, path: Path, rows: int) -> None:
        """Open the files of ``path``.

        Raises BundleError when a file is damaged or does not hold ``rows`` vectors.
        """
        try:
            self._vectors: Vector = load_array(path, mapped=True)
            self._scan = (
                Int8Scan(path.with_suffix(_SCAN)) if path.with_suffix(_SCAN).is_file() else None
            )
            self._coarse = (
                _read(path.with_suffix(_COARSE)) if path.with_suffix(_COARSE).is_file() else None
            )
        except (ValueError, EOFError, GraphError) as error:
            raise BundleError(
                f"{path.name} is damaged or cut short. Run: python -m indexer build"
            ) from error
        for count in (
            len(self._vectors),
            rows if self._scan is None else len(self._scan),
            rows if self._coarse is None else self._coarse.ntotal,
        ):
            if count != rows:
                raise BundleError(
                    f"{path.name} holds {count} vectors instead of {rows}. "
                    "Run: python -m indexer build"
                )

    @property
    def strategy(self) -> Strategy:
        """The comparison strategy of the opened files."""
        return (
            "int8 scan"
            if self._scan is not None
            else "exact"
            if self._coarse is None
            else "faiss int8"
        )

    @property
    def vectors(self) -> Vector:
        """All vectors, shape (rows, dimension), float32, read-only."""
        return self._vectors

    def compare(self, vector: Vector) -> Comparison:
        """Compare one vector with all rows, or with the candidates of the 8-bit index."""
        if self._scan is not None:
            return Int8Scores(self._scan.scores(vector), self._vectors, vector)
        return (
            ExactScores(self._vectors @ vector)
            if self._coarse is None
            else RescoredCandidates(self._coarse, self._vectors, vector)
        )

    def __len__(self) -> int:
        return len(self._vectors)


@dataclass(frozen=True)
class ExactScores:
    """Exact scores of all rows; implements ports.Comparison."""

    scores: Vector

    def top_k(self, count: int, allowed: NDArray[np.bool_] | None = None) -> tuple[Rows, Vector]:
        """Return rows and scores of the ``count`` nearest allowed rows, best first.

        Ties are in row order.
        """
        rows = self.top_rows(count, allowed)
        row_scores = self.scores[rows]
        order = np.lexsort((rows, -row_scores))[:count]
        return rows[order], row_scores[order]

    def top_rows(self, count: int, allowed: NDArray[np.bool_] | None = None) -> Rows:
        """Return the ``count`` nearest rows in any order, with all ties of the last one."""
        return _highest(self.scores, count, allowed)

    def scores_for(self, rows: Rows) -> Vector:
        """Return the scores of the given rows."""
        return self.scores[rows]


@dataclass(frozen=True)
class Int8Scores(ExactScores):
    """8-bit scores of all rows; ``top_rows`` makes the best EXACT_BEST of them exact.

    Mutable, so one instance serves one query.
    """

    vectors: Vector
    vector: Vector

    def top_rows(self, count: int, allowed: NDArray[np.bool_] | None = None) -> Rows:
        """Return the ``count`` nearest rows in any order, with all ties of the last one."""
        rows = _highest(self.scores, max(count, EXACT_BEST), allowed)
        best = rows[_highest(self.scores[rows], EXACT_BEST, None)]
        self.scores[best] = self.vectors[best] @ self.vector
        return rows if count >= EXACT_BEST else rows[_highest(self.scores[rows], count, None)]


@dataclass(frozen=True)
class RescoredCandidates:
    """Candidates of the 8-bit faiss index, rescored exactly; implements ports.Comparison."""

    coarse: Any
    vectors: Vector
    vector: Vector

    def top_k(self, count: int, allowed: NDArray[np.bool_] | None = None) -> tuple[Rows, Vector]:
        """Return rows and scores of the ``count`` nearest allowed rows, best first."""
        import faiss

        params = None
        if allowed is not None:
            # faiss accepts an array and keyword arguments that its type stubs lack.
            library: Any = faiss
            params = library.SearchParameters(
                sel=library.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
            )
        depth = min(len(self.vectors), max(RESCORED, RESCORED_EACH * count))
        _, candidates = self.coarse.search(_steps(self.vector).reshape(1, -1), depth, params=params)
        rows = candidates[0][candidates[0] >= 0]
        scores = self.scores_for(rows)
        order = np.argsort(-scores, kind="stable")[:count]
        return rows[order], scores[order]

    def top_rows(self, count: int, allowed: NDArray[np.bool_] | None = None) -> Rows:
        """Return the ``count`` nearest rows, best first."""
        return self.top_k(count, allowed)[0]

    def scores_for(self, rows: Rows) -> Vector:
        """Return the scores of the given rows."""
        scores: Vector = self.vectors[rows] @ self.vector
        return scores


def _highest(scores: Vector, count: int, allowed: NDArray[np.bool_] | None) -> Rows:
    """Return the rows of the ``count`` highest allowed scores and all ties, in row order."""
    allowed_scores = scores if allowed is None else scores[allowed]
    if len(allowed_scores) <= count:
        chosen: Rows = np.arange(len(allowed_scores))
    else:
        candidates = np.flatnonzero(allowed_scores >= _bound(allowed_scores, count))
        kept = allowed_scores[candidates]
        chosen = candidates[kept >= np.partition(kept, len(kept) - count)[len(kept) - count]]
    return chosen if allowed is None else np.flatnonzero(allowed)[chosen]


def _bound(scores: Vector, count: int) -> float:
    """Return a lower bound that at least ``count`` scores reach, and few more.

    It partitions group maxima only, which is faster than partitioning all scores.
    """
    groups = len(scores) // GROUP
    if groups <= count:
        return -np.inf
    maxima = scores[: groups * GROUP].reshape(GROUP, groups).max(axis=0)
    return float(np.partition(maxima, groups - count)[groups - count])


def _coarse_of(vectors: Vector) -> Any:
    """Return an 8-bit faiss index of the vectors."""
    import faiss

    coarse = faiss.IndexScalarQuantizer(
        vectors.shape[1], faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_INNER_PRODUCT
    )
    coarse.add(_steps(vectors))
    return coarse


def _write(path: Path, coarse: Any) -> None:
    import faiss

    try:
        faiss.write_index(coarse, str(path))
    except RuntimeError as error:  # faiss raises this for a full disk
        raise OSError(f"{path.name} could not be written; check the free disk space.") from error


def _read(path: Path) -> Any:
    import faiss

    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP)
    except RuntimeError as error:  # faiss raises this for an unreadable file
        raise BundleError(
            f"{path.name} is damaged or cut short. Run: python -m indexer build"
        ) from error


def _steps(vectors: Vector) -> Vector:
    """Quantise unit vectors to integers from -127 to 127, as floats, for the 8-bit index.

    Components of high-dimensional unit vectors are small. Values beyond SPREAD standard deviations
    are clipped; exact rescoring compensates for that.
    """
    width = 127 * np.sqrt(vectors.shape[-1]) / SPREAD
    steps: Vector = np.clip(np.rint(vectors * width), -127, 127).astype(np.float32)
    return steps


# Standard deviations of a component that the 8-bit range covers in each direction.
SPREAD = 6.0
