"""Vectors of the units of passages: each paragraph, list item, table row and term of its own.

They are read for one article at a time, and never scanned; 8 bits with one scale a row suffice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.array_files import load_array
from search.ports import Rows, Vector

_STARTS, _INTEGERS, _SCALES = "unit-starts.npy", "units.npy", "unit-scales.npy"
LARGEST = 127


@dataclass(frozen=True)
class UnitVectors:
    """The units of passage i are rows ``starts[i]`` to ``starts[i + 1]``, end exclusive.

    ``integers`` has shape (units, dimension), int8; a row times its scale is the vector. A passage
    of a single unit has no row: its own vector is that of the unit.
    """

    starts: Rows
    integers: NDArray[np.int8]
    scales: Vector

    @classmethod
    def of(cls, vectors: Vector, sizes: Sequence[int]) -> UnitVectors:
        """Quantise vectors, shape (units, dimension); ``sizes`` has the units of each passage."""
        starts = np.concatenate([[0], np.cumsum(np.asarray(sizes, np.int64))]).astype(np.int64)
        reach = np.abs(vectors).max(axis=1, initial=0.0)
        scales = np.maximum(reach / LARGEST, 1e-12).astype(np.float32)
        return cls(starts, np.rint(vectors / scales[:, np.newaxis]).astype(np.int8), scales)

    @classmethod
    def open(cls, folder: Path, mapped: bool = True) -> UnitVectors:
        """Open saved vectors; raises OSError or ValueError if they are damaged."""
        return cls(
            load_array(folder / _STARTS),
            load_array(folder / _INTEGERS, mapped),
            load_array(folder / _SCALES, mapped),
        )

    def save(self, folder: Path) -> list[Path]:
        """Write into a folder; returns the files written."""
        files: dict[str, NDArray[Any]] = {
            _STARTS: self.starts,
            _INTEGERS: self.integers,
            _SCALES: self.scales,
        }
        for name, values in files.items():
            np.save(folder / name, values)
        return [folder / name for name in files]

    @cached_property
    def sizes(self) -> Rows:
        """The number of vectors of each passage, shape (passages,)."""
        sizes: Rows = np.diff(self.starts)
        return sizes

    def vectors(self, passage: int) -> Vector:
        """The vectors of a passage's units, shape (units, dimension); (0, dimension) for one."""
        rows = slice(int(self.starts[passage]), int(self.starts[passage + 1]))
        found: Vector = self.integers[rows] * self.scales[rows, np.newaxis]
        return found

    def taken(self, passages: Rows) -> UnitVectors:
        """The units of some passages, in that order."""
        sizes = self.sizes[passages]
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        rows = np.arange(starts[-1]) + np.repeat(self.starts[passages] - starts[:-1], sizes)
        return UnitVectors(starts, self.integers[rows], self.scales[rows])

    def joined(self, other: UnitVectors) -> UnitVectors:
        """These passages and then those of another one."""
        dimension = max(self.integers.shape[1], other.integers.shape[1])
        return UnitVectors(
            np.concatenate([self.starts, self.starts[-1] + other.starts[1:]]),
            np.concatenate(
                [each.integers.reshape(len(each.scales), dimension) for each in (self, other)]
            ),
            np.concatenate([self.scales, other.scales]),
        )
