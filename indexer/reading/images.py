"""Images of articles."""

from __future__ import annotations

from pathlib import Path

IMAGE_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp",
               ".avif": "image/avif", ".svg": "image/svg+xml"}  # fmt: skip


def image_file(folder: Path, target: str) -> Path | None:
    """The file of an image, if there is one of a type that browsers show inside the folder."""
    path = folder / target
    try:
        inside = not target.startswith("..") and path.resolve().is_relative_to(folder.resolve())
        return path if inside and path.suffix.lower() in IMAGE_TYPES and path.is_file() else None
    except (OSError, ValueError, RuntimeError):  # a name that no file can have
        return None
