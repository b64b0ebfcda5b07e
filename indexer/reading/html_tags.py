"""Finds and rewrites the tags of sanitised HTML in linear time."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from indexer.reading.media_types import MEDIA_TAGS

# Quoted values may hold any character. A match always reaches the end of the tag or of the text,
# so no character is read twice, and a tag inside an attribute's value is not taken for a tag.
_TAG = re.compile(r'<(/?[a-z][a-z0-9]*)((?:[^">]++|"[^"]*+(?:"|\Z))*+)(?:>|\Z)')

_ATTRIBUTE = re.compile(r'(?<![a-z0-9-])([a-z][a-z0-9-]*+)="([^"]*+)"')


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag. ``name`` begins with "/" for an end tag; ``attributes`` is their text as written."""

    name: str
    attributes: str
    text: str

    def attribute(self, name: str) -> str | None:
        """Return the value of an attribute, still escaped; None if the tag has none."""
        found = self._find(name)
        return found[2] if found else None

    def replaced(self, name: str, attribute: str) -> str:
        """Return the tag with another text for one attribute, such as ``href="#top"``."""
        found = self._find(name)
        if found is None:
            return self.text
        before, after = self.attributes[: found.start()], self.attributes[found.end() :]
        return f"<{self.name}{before}{attribute}{after}>"

    def _find(self, name: str) -> re.Match[str] | None:
        # One after the other: a value may hold what looks like another attribute.
        each = _ATTRIBUTE.finditer(self.attributes)
        return next((match for match in each if match[1] == name), None)


def tags(markup: str) -> Iterator[Tag]:
    """All tags of sanitised HTML, in order."""
    return (Tag(match[1], match[2], match[0]) for match in _TAG.finditer(markup))


def rewrite_tags(markup: str, rewrite: Callable[[Tag], str]) -> str:
    """Return sanitised HTML with each tag replaced by the result of ``rewrite``."""
    return _TAG.sub(lambda match: rewrite(Tag(match[1], match[2], match[0])), markup)


class BodyRewriter(ABC):
    """Rewrites the tags of one article in order; a subclass says what each kind becomes."""

    def __init__(self) -> None:
        self.inside_link = False
        # A subclass sets these where it removes a start tag: then the end tag goes too.
        self.link_removed = self.frame_removed = False

    def rewritten(self, tag: Tag) -> str:
        """The tag for the reader; "" for both tags of a link that is removed."""
        if tag.name in ("a", "/a"):
            self.inside_link = tag.name == "a"
        if tag.name in MEDIA_TAGS:
            return self.media(tag)
        if tag.name == "iframe":
            return self.frame(tag)
        if tag.name == "/iframe":
            return "" if self.frame_removed else tag.text
        if tag.name == "a":
            return self.link(tag)
        if tag.name == "/a" and self.link_removed:
            self.link_removed = False
            return ""
        return tag.text

    @abstractmethod
    def media(self, tag: Tag) -> str:
        """A picture or film."""

    @abstractmethod
    def frame(self, tag: Tag) -> str:
        """A frame of another site."""

    @abstractmethod
    def link(self, tag: Tag) -> str:
        """The start tag of a link."""


def rewrite_text(
    markup: str, rewrite: Callable[[str], str], but_in: frozenset[str] = frozenset()
) -> str:
    """Return sanitised HTML with the text between its tags replaced, which stays escaped.

    Text inside elements whose names are in ``but_in`` is left as it is.
    """
    pieces: list[str] = []
    at = depth = 0
    for match in _TAG.finditer(markup):
        text = markup[at : match.start()]
        pieces += (text if depth else rewrite(text), match[0])
        name = match[1].lower()
        if name.lstrip("/") in but_in:
            depth = max(0, depth - 1) if name.startswith("/") else depth + 1
        at = match.end()
    return "".join((*pieces, markup[at:] if depth else rewrite(markup[at:])))
