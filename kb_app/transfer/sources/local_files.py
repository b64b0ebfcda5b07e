"""Reads the files of an export on this machine; nothing outside its folder."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from kb_app.transfer.model import MAX_FILE, TransferError

# Days as spreadsheets write them.
_DAYS = (
    "%Y/%m/%d",
    "%Y-%m-%d",
    "%Y年%m月%d日",
    "%Y.%m.%d",
    "%d.%m.%Y",
    "%m/%d/%Y",
    "%Y/%m/%d %H:%M",
)
FILE = "file"


def folder_of(path: Path) -> Path:
    """The folder of an export. Raises TransferError where there is none."""
    if not path.is_dir():
        raise TransferError(f"There is no folder {path}. Name the folder of the export.")
    return path.resolve()


def file_url(name: str) -> str:
    """The address of a file of the folder, from which relative links lead on."""
    return f"{FILE}:///{name}"


def content_of(folder: Path, url: str) -> bytes | None:
    """The content of a file of the folder by its address; None for any other."""
    parts = urlsplit(url)
    if parts.scheme not in (FILE, ""):
        return None
    path = folder / unquote(parts.path).lstrip("/")
    try:
        if not path.resolve().is_relative_to(folder) or path.stat().st_size > MAX_FILE:
            return None
        return path.read_bytes() if path.is_file() else None
    except (OSError, ValueError, RuntimeError):
        return None


def moment_of(text: str) -> datetime | None:
    """The time that a text writes, in UTC where it names no zone; None for any other."""
    given = text.strip()
    try:
        found = datetime.fromisoformat(given.replace("Z", "+00:00"))
    except ValueError:
        found = next(filter(None, (_day(given, form) for form in _DAYS)), None)  # type: ignore[assignment]
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found


def _day(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        return None
