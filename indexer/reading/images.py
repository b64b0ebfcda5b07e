"""Image files of articles."""

from __future__ import annotations

from pathlib import Path

IMAGE_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".svg": "image/svg+xml",
}


def image_file(folder: Path, target: str) -> Path | None:
    """Return the path of an image inside the folder.

    None if it does not exist, lies outside the folder or has a type that browsers do not show.
    """
    path = folder / target
    try:
        inside = not target.startswith("..") and path.resolve().is_relative_to(folder.resolve())
        return path if inside and path.suffix.lower() in IMAGE_TYPES and path.is_file() else None
    except (OSError, ValueError, RuntimeError):  # not a valid file name
        return None
