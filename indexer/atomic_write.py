"""Atomic file writes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def replace_file(path: Path, text: str) -> None:
    """Write a file atomically. An existing file keeps its permissions."""
    staged = path.with_name(f".{path.name}.tmp")
    staged.write_bytes(text.encode("utf-8"))
    if path.exists():
        shutil.copymode(path, staged)
    os.replace(staged, path)
