"""What an export did, and what the other shape has no place for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class ExportReport:
    """Counts of what was written. ``texts`` counts each language of an article."""

    articles: int = 0
    texts: int = 0
    sections: int = 0
    files: int = 0
    redirects: int = 0
    counted: Counter[str] = field(default_factory=Counter)
    said: list[str] = field(default_factory=list)

    def say(self, note: str) -> None:
        """Add a note once."""
        if note not in self.said:
            self.said.append(note)

    def count(self, what: str) -> None:
        """Count one more article or file that loses something, by what it loses."""
        self.counted[what] += 1

    @property
    def notes(self) -> list[str]:
        """What the shape cannot carry, in words."""
        return [*self.said, *(f"{number} {what}" for what, number in self.counted.items())]
