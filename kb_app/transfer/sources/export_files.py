"""Reads the files of an export: of a folder, or of a ZIP file as it was downloaded."""

from __future__ import annotations

import zipfile
import zlib
from functools import cached_property
from pathlib import Path

from kb_app.transfer.model import TransferError


class ExportFiles:
    """The files of a ZIP file or a folder; nothing outside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = None if path.is_dir() else zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise TransferError(f"{path} is no folder and no ZIP file that can be read.") from error

    @cached_property
    def names(self) -> frozenset[str]:
        """The paths of all files."""
        if self._zip:
            return frozenset(one.filename for one in self._zip.infolist() if not one.is_dir())
        root = self.path.resolve()
        inside = (one for one in root.rglob("*") if one.is_file())
        kept = (one for one in inside if one.resolve().is_relative_to(root))
        return frozenset(one.relative_to(root).as_posix() for one in kept)

    def read(self, name: str, most: int) -> bytes | None:
        """The content of a file; None where there is none, and for one that is too large."""
        if name not in self.names:
            return None
        try:
            if self._zip:
                size = self._zip.getinfo(name).file_size
                return self._zip.read(name) if size <= most else None
            path = self.path / name
            return path.read_bytes() if path.stat().st_size <= most else None
        except (OSError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error):
            return None
