"""Reads the words of files beside articles: PDF documents, captions of films, plain texts."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

MAX_BYTES = 50 * 1024 * 1024
MAX_PAGES = 300
MAX_CHARS = 200_000
READ_S = 60.0
"""Time for one file."""


def has_words(name: str) -> bool:
    """Whether a file of this name may have words."""
    return Path(name).suffix.lower() in _READERS


def words_of(path: Path) -> str:
    """The words of a file, at most MAX_CHARS; "" if it has none or cannot be read.

    Call it in a child process: the file may be hostile.
    """
    if path.stat().st_size > MAX_BYTES:
        return ""
    text = _READERS[path.suffix.lower()](path.read_bytes())
    lines = (" ".join(line.split()) for line in text.replace("\0", " ").split("\n"))
    return "\n".join(line for line in lines if line)[:MAX_CHARS]


def _pdf(content: bytes) -> str:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    parts, length = [], 0
    try:
        for page in PdfReader(io.BytesIO(content)).pages[:MAX_PAGES]:
            parts.append(page.extract_text())
            length += len(parts[-1])
            if length > MAX_CHARS:
                break
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, OSError):
        pass  # what was read so far
    return "\n".join(parts)


def _captions(content: bytes) -> str:
    import webvtt

    text = content.decode("utf-8-sig", "replace")
    kind = "vtt" if text.startswith("WEBVTT") else "srt"
    try:
        return "\n".join(each.text for each in webvtt.from_buffer(io.StringIO(text), format=kind))
    except webvtt.errors.MalformedFileError:
        return ""


def _plain(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp932", "replace")


_READERS: dict[str, Callable[[bytes], str]] = {
    ".pdf": _pdf,
    ".vtt": _captions,
    ".srt": _captions,
    ".txt": _plain,
    ".csv": _plain,
}
