"""Ids and addresses for what another help centre has not seen yet; the same ones each time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime

_NOT_WORD = re.compile(r"\W+")
_NOT_ASCII = re.compile(r"[^a-z0-9]+")


class Numbers:
    """Numbers by kind and key; none is given twice, nor one that is taken."""

    def __init__(self, first: int, room: int, taken: Iterable[int] = ()) -> None:
        self._first, self._room = first, room
        self._taken = set(taken)
        self._known: dict[str, int] = {}

    def of(self, kind: str, key: str) -> int:
        """The number of a thing."""
        name = f"{kind}:{key}"
        if name not in self._known:
            number = self._first + int(digest(kind, key)[:15], 16) % self._room
            while number in self._taken:
                number += 1
            self._taken.add(number)
            self._known[name] = number
        return self._known[name]


def digest(kind: str, key: str, length: int = 64) -> str:
    """Hexadecimal digits that belong to a thing."""
    return hashlib.sha256(f"{kind}:{key}".encode("utf-8", "replace")).hexdigest()[:length]


def uuid_of(kind: str, key: str) -> str:
    """A UUID (of the shape of version 4) that belongs to a thing."""
    hexed = digest(kind, key, 32)
    return f"{hexed[:8]}-{hexed[8:12]}-4{hexed[13:16]}-a{hexed[17:20]}-{hexed[20:]}"


def word_slug(title: str) -> str:
    """The words of a title, of any script, as addresses have them."""
    return _NOT_WORD.sub("-", title).strip("-")[:80]


def ascii_slug(title: str) -> str:
    """The Latin words of a title as addresses have them; "" without any."""
    return _NOT_ASCII.sub("-", title.lower()).strip("-")[:60]


def stamp(moment: datetime) -> str:
    """A time as APIs write it: 2026-11-30T09:00:00Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
