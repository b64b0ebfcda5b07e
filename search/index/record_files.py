"""Memory-mapped files of records and of strings, with random access to single items."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, overload

import numpy as np
import orjson
from numpy.typing import NDArray

from search.array_files import load_array
from search.ports import Rows

Bytes = NDArray[np.uint8]


class RecordFile:
    """A memory-mapped file of JSON records, with random access by row."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offsets = load_array(path.with_suffix(".offsets.npy"))
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
        """The bytes of a record as written."""
        record: bytes = self._data[self._offsets[row] : self._offsets[row + 1]].tobytes()
        return record

    def every_raw(self) -> list[bytes]:
        """The bytes of all records in one read; much faster than ``raw`` for each row."""
        content = self._path.read_bytes()
        return [content[start:end] for start, end in pairwise(self._offsets.tolist())]

    @staticmethod
    def write(path: Path, records: Iterable[bytes]) -> None:
        """Write records, each a line of JSON, and a file of their offsets."""
        lines = list(records)
        # One write call: writing record by record makes many system calls.
        path.write_bytes(b"".join(lines))
        np.save(
            path.with_suffix(".offsets.npy"),
            _offsets(np.fromiter(map(len, lines), np.int64, len(lines))),
        )


class StringFile(Sequence[str]):
    """Strings in a memory-mapped file. Sorted strings support ``bisect``."""

    def __init__(self, data: Bytes, offsets: Rows) -> None:
        self._data, self._offsets = data, offsets

    @classmethod
    def open(cls, path: Path, mapped: bool = True) -> StringFile:
        """Open a saved file: memory-map it if ``mapped``, otherwise read it.

        Raises OSError or ValueError if the file is damaged.
        """
        offsets = load_array(path.with_suffix(".offsets.npy"), mapped)
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
        """Create from strings in memory."""
        if isinstance(strings, cls):
            return strings
        encoded = [text.encode("utf-8", "surrogatepass") for text in strings]
        return cls(
            np.frombuffer(b"".join(encoded), dtype=np.uint8),
            np.cumsum([0, *map(len, encoded)], dtype=np.int64),
        )

    def save(self, path: Path) -> None:
        """Write the concatenated strings and a file of their offsets."""
        path.write_bytes(self._data.tobytes())
        np.save(path.with_suffix(".offsets.npy"), self._offsets)

    def kept(self, kept: NDArray[np.bool_]) -> StringFile:
        """Return only the strings selected by a mask, shape (strings,)."""
        sizes = np.diff(self._offsets)
        return StringFile(self._data[np.repeat(kept, sizes)], _offsets(sizes[kept]))

    def inserted(self, places: Rows, strings: Sequence[str]) -> StringFile:
        """Insert strings, each before the string that is now at its index in ``places``."""
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
