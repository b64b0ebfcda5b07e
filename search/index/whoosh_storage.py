"""A whoosh storage that memory-maps segments and lets threads read them concurrently.

Whoosh copies each part it opens into memory, which blocks all requests if the index is large. Its
threads also share one file position, so concurrent phrase queries fail. See ADR 0019.
"""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from whoosh.filedb.filestore import FileStorage
from whoosh.filedb.structfile import BufferFile, StructFile

_SEGMENT = ".seg"
# Bytes read ahead: enough for most pickled posting list headers; longer ones take more reads.
PEEKED = 512


class MappedStorage(FileStorage):  # type: ignore[misc]
    """A folder whose segments are memory-mapped; writes and other files use whoosh's own code."""

    def __init__(self, folder: Path) -> None:
        # Whoosh's own mmap support is off: it copies each part of the segment it opens.
        super().__init__(str(folder), supports_mmap=False)

    def open_file(self, name: str, **options: Any) -> StructFile:
        """Open a file of the folder."""
        if not name.endswith(_SEGMENT):
            return super().open_file(name, **options)
        with Path(self.folder, name).open("rb") as file:
            return MappedFile(
                memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)), name
            )


class MappedFile(BufferFile):  # type: ignore[misc]
    """A slice of a memory-mapped file."""

    def __init__(
        self,
        stretch: memoryview,
        name: str | None = None,
        onclose: Callable[[StructFile], None] | None = None,
    ) -> None:
        StructFile.__init__(self, _Reader(stretch), name, onclose)
        self._buf = stretch

    def subset(self, position: int, length: int, name: str | None = None) -> MappedFile:
        """A part of this slice as a separate file."""
        return MappedFile(self._buf[position : position + length], name or self._name)


class _Reader(threading.local):
    """A file-like reader over memory; each thread has its own position."""

    def __init__(self, stretch: memoryview) -> None:
        self._stretch = stretch
        self._place = 0

    def read(self, size: int = -1) -> bytes:
        start = self._place
        end = (
            len(self._stretch)
            if size is None or size < 0
            else min(len(self._stretch), start + size)
        )
        self._place = max(start, end)
        return bytes(self._stretch[start:end])

    def peek(self, size: int) -> bytes:
        """Up to PEEKED of the next bytes, so that unpickling does not read byte by byte."""
        return bytes(self._stretch[self._place : self._place + min(size, PEEKED)])

    def readline(self) -> bytes:
        line = b""
        while part := self.peek(PEEKED):
            line_end = part.find(b"\n") + 1
            line += self.read(line_end or len(part))
            if line_end:
                break
        return line

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: len(self._stretch)}[whence]
        self._place = base + offset
        return self._place

    def tell(self) -> int:
        return self._place
