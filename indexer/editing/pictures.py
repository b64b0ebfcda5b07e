"""Files that writers put beside articles: checked by content; pictures are made fit for phones."""

from __future__ import annotations

import io
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from indexer.editing.model import EditConflictError

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

MAX_FILE_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 60_000_000
# The longer side of a picture, in pixels; twice the width of an article on a desk.
LONGEST_SIDE = 2_000
_PICTURES = {
    "PNG": ".png",
    "JPEG": ".jpg",
    "GIF": ".gif",
    "WEBP": ".webp",
    "AVIF": ".avif",
}
# What a file of each other kind has at which place.
_OTHERS = {
    ".pdf": (0, b"%PDF-"),
    ".mp4": (4, b"ftyp"),
    ".webm": (0, b"\x1a\x45\xdf\xa3"),
    ".mp3": (0, b""),
}
_SOUNDS = (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")


def prepared(name: str, data: bytes) -> tuple[bytes, str]:
    """(the file as it is to be kept, its ending) of a file that was uploaded under a name.

    A picture loses what tells where and by whom it was taken, and is at most LONGEST_SIDE long.
    Raises EditConflictError for a file of another kind, one that is broken, or too large.
    """
    if len(data) > MAX_FILE_BYTES:
        raise EditConflictError(
            f"{name} is too large: {len(data) / 1024 / 1024:.1f} MB. "
            f"At most {MAX_FILE_BYTES // 1024 // 1024} MB."
        )
    ending = PurePosixPath(name).suffix.lower()
    if ending in _OTHERS:
        at, signature = _OTHERS[ending]
        if not data[at:].startswith(signature or _SOUNDS):
            raise EditConflictError(f"{name} is no {ending[1:].upper()} file, or it is broken.")
        return data, ending
    return _picture(name, data)


def _picture(name: str, data: bytes) -> tuple[bytes, str]:
    from PIL import Image, ImageOps, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    Image.init()
    try:
        image = Image.open(io.BytesIO(data), formats=list(_PICTURES))
        if image.width * image.height > MAX_PIXELS:
            raise Image.DecompressionBombError
        # What phones with two lenses write is a JPEG with a second picture.
        kind = "JPEG" if image.format == "MPO" else str(image.format)
        if getattr(image, "is_animated", False) and kind != "JPEG":
            return _animation(image, kind, data), _PICTURES[kind]
        image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
        upright = ImageOps.exif_transpose(image)
        upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        written = io.BytesIO()
        settings = {"quality": 85} if kind in ("JPEG", "WEBP", "AVIF") else {"optimize": True}
        clean = Image.new(upright.mode, upright.size)
        clean.paste(upright)
        if upright.mode == "P" and upright.palette:
            clean.putpalette(upright.palette)
        if "transparency" in upright.info:
            settings["transparency"] = upright.info["transparency"]
        clean.save(written, kind, **settings)
    except Image.DecompressionBombError as error:
        raise EditConflictError(
            f"{name} has too many pixels. At most {MAX_PIXELS // 1_000_000} million: make it "
            "smaller first."
        ) from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise EditConflictError(
            f"{name} is no picture that can be shown, or it is broken. Take PNG, JPEG, GIF, WebP "
            "or AVIF; other files may be PDF, MP4, WebM or MP3."
        ) from error
    return written.getvalue(), _PICTURES[kind]


def _animation(image: ImageFile, kind: str, data: bytes) -> bytes:
    """An animation as it is, or without what it tells of its maker where it has that."""
    if not any(image.info.get(name) for name in ("exif", "xmp", "XML:com.adobe.xmp")):
        return data
    written = io.BytesIO()
    image.save(written, kind, save_all=True, exif=b"", xmp=b"")
    return written.getvalue()
