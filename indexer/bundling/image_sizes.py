"""The size of a picture, read from its beginning, so that a page keeps its place free."""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from pathlib import Path

# What an SVG file begins with, up to the end of its first element.
_SVG = re.compile(rb"<svg\b([^>]{0,4000}+)>")
_SIDE = re.compile(rb'\b(width|height)="([0-9]{1,5})(?:\.[0-9]{1,6})?(?:px)?"')
_BOX = re.compile(
    rb'\bviewBox="\s{0,3}+[-0-9.]{1,12}+[\s,]{1,3}+[-0-9.]{1,12}+[\s,]{1,3}+'
    rb'([0-9]{1,5})(?:\.[0-9]{0,6})?[\s,]{1,3}+([0-9]{1,5})(?:\.[0-9]{0,6})?\s{0,3}+"'
)
_BEGINNING = 16 * 1024
Size = tuple[int, int]
"""(width, height) in pixels"""


@lru_cache(maxsize=50_000)
def image_size(name: str, path: Path) -> Size | None:
    """The size of a picture; None where it does not say. ``name`` is made of its content."""
    if name.endswith(".svg"):
        return _size_of_svg(path)
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # A very large picture is only measured here.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                size: Size = picture.size
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError, SyntaxError):
        return None
    return size if min(size) > 0 else None


def _size_of_svg(path: Path) -> Size | None:
    try:
        with path.open("rb") as file:
            found = _SVG.search(file.read(_BEGINNING))
    except OSError:
        return None
    if found is None:
        return None
    sides = {name.decode(): int(value) for name, value in _SIDE.findall(found[1])}
    if sides.get("width") and sides.get("height"):
        return sides["width"], sides["height"]
    box = _BOX.search(found[1])
    size = (int(box[1]), int(box[2])) if box else (0, 0)
    return size if min(size) > 0 else None
