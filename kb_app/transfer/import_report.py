"""What an import did, and what it could not bring along."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Note:
    """What of an article could not be brought along."""

    where: str
    what: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f": {self.detail}" if self.detail else "")


@dataclass
class Report:
    """What an import did. ``notes`` say what could not be brought along, by article."""

    written: int = 0
    unchanged: int = 0
    kept: int = 0
    files: int = 0
    paths: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def note(self, where: str, what: str, detail: str = "") -> None:
        """Say what of an article has no place here."""
        self.notes.append(Note(where, what, detail))

    @property
    def kinds(self) -> Counter[str]:
        """The notes by their kind, without what they name."""
        return Counter(note.what for note in self.notes)
