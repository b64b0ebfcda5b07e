"""What a customer's file is, by its content; its name is mended where it says something else. Pure.

Pictures, PDF documents and texts have their types; everything else is a download, never rendered.
"""

from __future__ import annotations

from pathlib import PurePosixPath

DOWNLOAD = "application/octet-stream"
# Type by signature: (where it stands, the bytes, type, endings that may stay).
_SIGNATURES = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png", (".png",)),
    (0, b"\xff\xd8\xff", "image/jpeg", (".jpg", ".jpeg")),
    (0, b"GIF87a", "image/gif", (".gif",)),
    (0, b"GIF89a", "image/gif", (".gif",)),
    (8, b"WEBP", "image/webp", (".webp",)),
    (4, b"ftyphei", "image/heic", (".heic", ".heif")),
    (4, b"ftypmif1", "image/heic", (".heic", ".heif")),
    (0, b"%PDF-", "application/pdf", (".pdf",)),
)
_PROGRAMS = (b"MZ", b"\x7fELF", b"\xfe\xed\xfa", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"#!")
# What would run, or be shown as a page, where somebody opens it.
_REFUSED = frozenset(
    (
        *(".exe", ".bat", ".cmd", ".com", ".scr", ".js", ".vbs", ".ps1", ".msi", ".jar", ".app"),
        *(".dmg", ".lnk", ".html", ".htm", ".xhtml", ".svg", ".hta", ".iso", ".reg", ".sh", ".pif"),
        *(".cpl", ".wsf", ".chm", ".mht", ".mhtml", ".url", ".docm", ".xlsm", ".pptm"),
    )
)
_TEXTS = {
    ".txt": "text/plain",
    ".log": "text/plain",
    ".csv": "text/csv",
    **dict.fromkeys(
        (".json", ".xml", ".md", ".yml", ".yaml", ".ics", ".vcf", ".eml", ".har", ".ini", ".rtf"),
        DOWNLOAD,
    ),
}
_DOWNLOADS = frozenset(
    (
        *(".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".odt", ".ods", ".odp", ".pages"),
        *(".numbers", ".key", ".zip", ".7z", ".rar", ".gz", ".tgz", ".tar", ".msg", ".mp4", ".mov"),
        *(".m4v", ".webm", ".avi", ".mkv", ".mp3", ".m4a", ".wav", ".ogg", ".tif", ".tiff", ".bmp"),
        *(".avif", ".3gp", ".evtx", ".dmp"),
    )
)


def kind_of(name: str, head: bytes) -> tuple[str, str] | None:
    """(type, name with the right ending) of a file by its first bytes; None if it is refused.

    Raises ValueError if the name says text and the content is none.
    """
    ending = PurePosixPath(name).suffix.lower()
    if ending in _REFUSED or head.startswith(_PROGRAMS):
        return None
    for at, signature, kind, endings in _SIGNATURES:
        if head[at : at + len(signature)] == signature:
            return kind, name if ending in endings else _renamed(name, ending, endings[0])
    if ending in _TEXTS:
        if not is_text(head):
            raise ValueError(name)
        return _TEXTS[ending], name
    if ending in _DOWNLOADS:
        return DOWNLOAD, name
    return ("text/plain", f"{name}.txt") if is_text(head) and len(ending) < 2 else None


def _renamed(name: str, before: str, ending: str) -> str:
    known = before in _TEXTS or before in _DOWNLOADS or before in (".jfif", ".jpe")
    pictures = {one for *_, endings in _SIGNATURES for one in endings}
    stem = name[: -len(before)] if before and (known or before in pictures) else name
    return f"{stem}{ending}"


def is_text(head: bytes) -> bool:
    """Whether bytes are text in some encoding: UTF-16 with its mark, or without NUL."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    controls = sum(byte < 9 or 13 < byte < 27 for byte in head)
    return b"\x00" not in head and controls * 50 <= len(head)
