"""Atomic file writes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def replace_file(path: Path, text: str) -> None:
    """Write a file atomically. An existing file keeps its permissions; a new one has its folder's.

    The folder's, since the articles may be read by others than the account that the site runs as.
    """
    staged = path.with_name(f".{path.name}.tmp")
    staged.write_bytes(text.encode("utf-8"))
    if path.exists():
        shutil.copymode(path, staged)
    else:
        staged.chmod(path.parent.stat().st_mode & 0o666)
    os.replace(staged, path)
