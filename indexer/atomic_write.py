"""Atomic file writes."""

from __future__ import annotations

import codecs
import os
import shutil
from pathlib import Path


def replace_file(path: Path, text: str, like: Path | None = None) -> None:
    """Write a file atomically.

    An existing file keeps its permissions, its byte order mark and its line ends (CRLF where all of
    them are); ``like`` is another file to have them from. A new one has its folder's permissions,
    since the articles may be read by others than the account that the site runs as.
    """
    replace_bytes(path, _like(like or path, text))


def replace_bytes(path: Path, data: bytes) -> None:
    """Write a file of any content atomically, with permissions as replace_file gives them."""
    staged = path.with_name(f".{path.name[:60]}.tmp")
    try:
        staged.write_bytes(data)
        if path.exists():
            shutil.copymode(path, staged)
        else:
            staged.chmod(path.parent.stat().st_mode & 0o666)
        os.replace(staged, path)
    except BaseException:  # also a stop in between
        staged.unlink(missing_ok=True)
        raise


def _like(path: Path, text: str) -> bytes:
    """The text with the line ends and the byte order mark of the file that it replaces."""
    before = path.read_bytes() if path.is_file() else b""
    breaks = before.count(b"\n")
    if breaks and before.count(b"\r\n") == breaks:
        text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    mark = codecs.BOM_UTF8 if before.startswith(codecs.BOM_UTF8) else b""
    return mark + text.encode("utf-8")
