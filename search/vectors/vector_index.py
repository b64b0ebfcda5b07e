"""Nearest vectors by inner product, in one of three ways by size; the best are always compared as they are. The only file that imports faiss.

Up to EXACT_ROWS all rows are compared as they are, by one matrix product. Up to SCANNED_ROWS all are compared in whole numbers
(scan.py), and the best EXACT_BEST of them as they are. Above that nothing but the candidates is read into memory: 8-bit copies stay on
disk, faiss proposes the best of them, and those are compared as they are. faiss's graph index (HNSW) was not needed up to 200,000
rows: docs/relevance.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from search.embedding.onnx_session import GraphError
from search.errors import BundleError
from search.ports import Comparison, Rows, Vector
from search.vectors.int8_scan import Int8Scan

EXACT_ROWS = 2_000
SCANNED_ROWS = 100_000
# How many of the best that whole numbers give are compared as they are: more than a page shows.
EXACT_BEST = 100
# So many scores are one group where only the highest are looked for.
GROUP = 16
# Candidates of faiss's 8-bit index that are compared anew, at least, and for each row that is wanted.
RESCORED, RESCORED_EACH = 400, 2
_SCAN, _COARSE = ".scan", ".8bit"
Strategy = Literal["exact", "whole numbers", "8 bit"]


def strategy_for(rows: int) -> Strategy:
    """How so many rows are compared."""
    if rows <= EXACT_ROWS:
        return "exact"
    return "whole numbers" if rows <= SCANNED_ROWS else "8 bit"


def save_vectors(path: Path, vectors: Vector, strategy: Strategy | None = None) -> list[Path]:
    """Write unit vectors, shape (rows, dimension), into ``path`` (.npy), and beside it what they are compared by; returns the files.

    Raises OSError when that fails.
    """
    strategy = strategy or strategy_for(len(vectors))
    np.save(path, np.ascontiguousarray(vectors, dtype=np.float32))
    if strategy == "whole numbers":
        Int8Scan.save(path.with_suffix(_SCAN), vectors)
    if strategy == "8 bit":
        _write(path.with_suffix(_COARSE), _coarse_of(vectors))
    return vector_files(path)


def vector_files(path: Path) -> list[Path]:
    """The files that ``save_vectors`` wrote for ``path``."""
    return [
        path,
        *(
            beside
            for beside in (path.with_suffix(_SCAN), path.with_suffix(_COARSE))
            if beside.is_file()
        ),
    ]


class FileVectors:
    """Saved vectors, mapped into memory; implements ports.VectorIndex. Row numbers are the caller's."""

    def __init__(self, path: Path, rows: int) -> None:
        """Raises BundleError when a file is damaged or holds another number of vectors than ``rows``."""
        try:
            self._vectors: Vector = np.asarray(np.load(path, mmap_mode="r"))
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
                    f"{path.name} holds {count} vectors where {rows} were written. Run: python -m indexer build"
                )

    @property
    def strategy(self) -> Strategy:
        """How it compares."""
        return (
            "whole numbers"
            if self._scan is not None
            else "exact"
            if self._coarse is None
            else "8 bit"
        )

    @property
    def vectors(self) -> Vector:
        """All vectors, shape (rows, dimension), float32; read only."""
        return self._vectors

    def compare(self, vector: Vector) -> Comparison:
        """Compare one vector with all rows, or with those that the 8-bit copies propose."""
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
    """The scores of all rows; implements ports.Comparison."""

    scores: Vector

    def top_k(self, count: int, allowed: NDArray[np.bool_] | None = None) -> tuple[Rows, Vector]:
        """Rows and scores of the ``count`` nearest among the allowed ones, best first; equal ones in their order."""
        rows = self.top_rows(count, allowed)
        own = self.scores[rows]
        order = np.lexsort((rows, -own))[:count]
        return rows[order], own[order]

    def top_rows(self, count: int, allowed: NDArray[np.bool_] | None = None) -> Rows:
        """The rows alone, in any order, and all that are as near as the last of them."""
        return _highest(self.scores, count, allowed)

    def scores_for(self, rows: Rows) -> Vector:
        """The scores of the given rows."""
        return self.scores[rows]


@dataclass(frozen=True)
class Int8Scores(ExactScores):
    """The scores of all rows in whole numbers; the best EXACT_BEST of those asked for become exact. Belongs to one question."""

    vectors: Vector
    vector: Vector

    def top_rows(self, count: int, allowed: NDArray[np.bool_] | None = None) -> Rows:
        """The rows alone, in any order, and all that are as near as the last of them."""
        rows = _highest(self.scores, max(count, EXACT_BEST), allowed)
        best = rows[_highest(self.scores[rows], EXACT_BEST, None)]
        self.scores[best] = self.vectors[best] @ self.vector
        return rows if count >= EXACT_BEST else rows[_highest(self.scores[rows], count, None)]


@dataclass(frozen=True)
class RescoredCandidates:
    """Rows proposed by an 8-bit index and compared as they are; implements ports.Comparison."""

    coarse: Any
    vectors: Vector
    vector: Vector

    def top_k(self, count: int, allowed: NDArray[np.bool_] | None = None) -> tuple[Rows, Vector]:
        """Rows and scores of the ``count`` nearest among the allowed ones, best first."""
        import faiss

        params = None
        if allowed is not None:
            # faiss's Python layer takes an array and keyword arguments that its type stubs do not know.
            library: Any = faiss
            params = library.SearchParameters(
                sel=library.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
            )
        wanted = min(len(self.vectors), max(RESCORED, RESCORED_EACH * count))
        _, proposed = self.coarse.search(_steps(self.vector).reshape(1, -1), wanted, params=params)
        rows = proposed[0][proposed[0] >= 0]
        scores = self.scores_for(rows)
        order = np.argsort(-scores, kind="stable")[:count]
        return rows[order], scores[order]

    def top_rows(self, count: int, allowed: NDArray[np.bool_] | None = None) -> Rows:
        """The rows alone."""
        return self.top_k(count, allowed)[0]

    def scores_for(self, rows: Rows) -> Vector:
        """The scores of the given rows."""
        scores: Vector = self.vectors[rows] @ self.vector
        return scores


def _highest(scores: Vector, count: int, allowed: NDArray[np.bool_] | None) -> Rows:
    """Where the ``count`` highest of the allowed scores are, in their order, and all that equal the last of them."""
    own = scores if allowed is None else scores[allowed]
    if len(own) <= count:
        chosen: Rows = np.arange(len(own))
    else:
        worth = np.flatnonzero(own >= _bound(own, count))
        kept = own[worth]
        chosen = worth[kept >= np.partition(kept, len(kept) - count)[len(kept) - count]]
    return chosen if allowed is None else np.flatnonzero(allowed)[chosen]


def _bound(scores: Vector, count: int) -> float:
    """What at least ``count`` of the scores reach, and few more: found among the highest of each of some groups, in a fraction of the time."""
    groups = len(scores) // GROUP
    if groups <= count:
        return -np.inf
    highest = scores[: groups * GROUP].reshape(GROUP, groups).max(axis=0)
    return float(np.partition(highest, groups - count)[groups - count])


def _coarse_of(vectors: Vector) -> Any:
    """8-bit copies of the vectors, to search in."""
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
    except RuntimeError as error:  # faiss's word for a full disk
        raise OSError(f"{path.name} could not be written; is the disk full?") from error


def _read(path: Path) -> Any:
    import faiss

    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP)
    except RuntimeError as error:  # faiss's word for a file that it cannot read
        raise BundleError(
            f"{path.name} is damaged or cut short. Run: python -m indexer build"
        ) from error


def _steps(vectors: Vector) -> Vector:
    """Values as whole steps of -127 to 127, which is what an 8-bit index holds.

    Components of unit vectors in hundreds of dimensions are small; those beyond the range are cut, and rescoring makes up for it.
    """
    width = 127 * np.sqrt(vectors.shape[-1]) / SPREAD
    steps: Vector = np.clip(np.rint(vectors * width), -127, 127).astype(np.float32)
    return steps


# How many standard deviations of a component the 8 bits span, each way.
SPREAD = 6.0
