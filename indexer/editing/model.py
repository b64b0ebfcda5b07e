"""What editing works with: an opened file, its versions, who edits, and a refusal."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from indexer.errors import IndexerError


class EditConflictError(IndexerError):
    """The edit was refused and nothing changed. The message says why and what to do."""


@dataclass(frozen=True)
class Opened:
    """A file as it was read. ``digest`` detects changes made before the save."""

    name: str
    text: str
    digest: str


@dataclass(frozen=True)
class Version:
    """A commit that changed a file; ``at`` is its time in seconds."""

    revision: str
    at: int
    author: str
    subject: str


@dataclass(frozen=True)
class Author:
    """Name and address for the git commit."""

    name: str
    mail: str


def digest_of(text: str) -> str:
    """What tells a text from any other."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
