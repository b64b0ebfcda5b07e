"""Files of records and of strings, read one at a time and not held in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, overload

import numpy as np
import orjson
from numpy.typing import NDArray

from search.ports import Rows

Bytes = NDArray[np.uint8]


class RecordFile:
    """JSON records read one at a time from a file that is not held in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offsets = np.load(path.with_suffix(".offsets.npy"))
        self._data = (
            np.asarray(np.memmap(path, dtype=np.uint8, mode="r"))
            if len(self._offsets) > 1
            else np.zeros(0, np.uint8)
        )

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, row: int) -> Any:
        return orjson.loads(self.raw(row))

    def raw(self, row: int) -> bytes:
        """A record as it was written."""
        written: bytes = self._data[self._offsets[row] : self._offsets[row + 1]].tobytes()
        return written

    def every_raw(self) -> list[bytes]:
        """All records as they were written: a tenth of the time of one after another."""
        written = self._path.read_bytes()
        return [written[start:end] for start, end in pairwise(self._offsets.tolist())]

    @staticmethod
    def write(path: Path, records: Iterable[bytes]) -> None:
        """Write records, each a line of JSON, and where each begins."""
        lines = list(records)
        # At once: ten thousand records line by line are a thousand calls of the operating system.
        path.write_bytes(b"".join(lines))
        np.save(
            path.with_suffix(".offsets.npy"),
            _offsets(np.fromiter(map(len, lines), np.int64, len(lines))),
        )


class StringFile(Sequence[str]):
    """Strings read one at a time from a file that is mapped into memory. Sorted ones may be bisected."""

    def __init__(self, data: Bytes, offsets: Rows) -> None:
        self._data, self._offsets = data, offsets

    @classmethod
    def open(cls, path: Path, mapped: bool = True) -> StringFile:
        """Open a written file, or read it as a whole where it is not to be ``mapped``; raises OSError or ValueError when it is damaged."""
        offsets = np.asarray(
            np.load(path.with_suffix(".offsets.npy"), mmap_mode="r" if mapped else None)
        )
        data = (
            np.asarray(np.memmap(path, dtype=np.uint8, mode="r"))
            if mapped and offsets[-1]
            else np.fromfile(path, dtype=np.uint8)
        )
        if len(data) != offsets[-1]:
            raise ValueError(f"{path.name} is cut short")
        return cls(data, offsets)

    @classmethod
    def of(cls, strings: Sequence[str]) -> StringFile:
        """Strings that are in no file yet."""
        if isinstance(strings, cls):
            return strings
        encoded = [text.encode("utf-8", "surrogatepass") for text in strings]
        return cls(
            np.frombuffer(b"".join(encoded), dtype=np.uint8),
            np.cumsum([0, *map(len, encoded)], dtype=np.int64),
        )

    def save(self, path: Path) -> None:
        """Write the strings one after another, and where each begins."""
        path.write_bytes(self._data.tobytes())
        np.save(path.with_suffix(".offsets.npy"), self._offsets)

    def kept(self, kept: NDArray[np.bool_]) -> StringFile:
        """Only those that are marked, shape (strings,)."""
        sizes = np.diff(self._offsets)
        return StringFile(self._data[np.repeat(kept, sizes)], _offsets(sizes[kept]))

    def inserted(self, places: Rows, strings: Sequence[str]) -> StringFile:
        """With further strings, each before the one that stands at its place now."""
        new, sizes = StringFile.of(strings), np.diff(self._offsets)
        new_sizes = np.diff(new._offsets)
        data = np.insert(self._data, np.repeat(self._offsets[places], new_sizes), new._data)
        return StringFile(data, _offsets(np.insert(sizes, places, new_sizes)))

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        return (
            self._data[self._offsets[index] : self._offsets[index + 1]]
            .tobytes()
            .decode("utf-8", "surrogatepass")
        )


def _offsets(sizes: Rows) -> Rows:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
