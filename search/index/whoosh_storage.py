"""Whoosh's segments read where they lie, by many threads at once.

Whoosh copies what it opens into memory, which held every request up for as long as 300 ms where the index is large; and its
threads share one place in a file, so that two visitors who asked in quotes at once got an error instead of an answer.
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
# What a pickled head of a posting list may take; longer ones are read in further steps.
PEEKED = 512


class MappedStorage(FileStorage):  # type: ignore[misc]
    """A folder whose segments are mapped into memory; what Whoosh writes goes through as ever."""

    def __init__(self, folder: Path) -> None:
        # Whoosh's own mapping is left out, since it copies each part of the segment that it opens.
        super().__init__(str(folder), supports_mmap=False)

    def open_file(self, name: str, **options: Any) -> StructFile:
        """A file of the folder."""
        if not name.endswith(_SEGMENT):
            return super().open_file(name, **options)
        with Path(self.folder, name).open("rb") as file:
            return MappedFile(
                memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)), name
            )


class MappedFile(BufferFile):  # type: ignore[misc]
    """A stretch of a mapped file."""

    def __init__(
        self,
        stretch: memoryview,
        name: str | None = None,
        onclose: Callable[[StructFile], None] | None = None,
    ) -> None:
        StructFile.__init__(self, _Reader(stretch), name, onclose)
        self._buf = stretch

    def subset(self, position: int, length: int, name: str | None = None) -> MappedFile:
        """A part of it as a file of its own."""
        return MappedFile(self._buf[position : position + length], name or self._name)


class _Reader(threading.local):
    """Reads memory like a file; each thread has a place of its own."""

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
        """What comes next, some of it: unpickling then does not ask for every byte."""
        return bytes(self._stretch[self._place : self._place + min(size, PEEKED)])

    def readline(self) -> bytes:
        line = b""
        while part := self.peek(PEEKED):
            whole = part.find(b"\n") + 1
            line += self.read(whole or len(part))
            if whole:
                break
        return line

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: len(self._stretch)}[whence]
        self._place = base + offset
        return self._place

    def tell(self) -> int:
        return self._place
