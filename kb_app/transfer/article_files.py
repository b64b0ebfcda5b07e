"""The files of the articles folder as an import finds them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from indexer.editing.front_text import load
from indexer.editing.model import EditConflictError
from indexer.reading.front_matter import slugify, split_front_matter
from indexer.reading.learned_file import writing_yaml

LONGEST_NAME = 60
_ID_LINE = re.compile(r"(?m)^id:[ \t]*[\"']?([\w.-]{1,200})[\"']?[ \t]*$")


def safe_name(text: str) -> str:
    """A name of a file or folder that is read: not hidden, and no part of others."""
    return slugify(text)[:LONGEST_NAME].strip("-_.") if text.strip() else ""


def files_by_id(folder: Path) -> dict[str, str]:
    """The files of the folder by the id that they name."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in (".md", ".mdx") and path.is_file():
            with path.open(encoding="utf-8", errors="replace") as file:
                named = _ID_LINE.search(file.read(4_000))
            if named:
                found.setdefault(named[1], path.relative_to(folder).as_posix())
    return found


def front_matter_of(path: Path) -> Mapping[str, Any]:
    """The front matter of a file; empty where it cannot be read."""
    try:
        front, _, _ = split_front_matter(path.read_text(encoding="utf-8-sig"))
        found = load(writing_yaml(), path.name, front)
    except (OSError, UnicodeError, EditConflictError):
        return {}
    return found if isinstance(found, dict) else {}


def digest_of(whole: str) -> str:
    """The digest of a text as its file has it."""
    return hashlib.sha256(whole.encode("utf-8")).hexdigest()


def file_digest(path: Path) -> str | None:
    """The digest of a file; None where there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
