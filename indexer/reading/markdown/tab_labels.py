"""Writes the label of each tab on its panel, for print, where all panels stand below each other."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from indexer.reading.html_tags import Tag, rewrite_tags

_LABEL = re.compile(r'<label for="([^"]*+)">((?:[^<]|<(?!/?label))*+)</label>')
_TAG = re.compile(r"<[^<>]*+>")
_NAMED = re.compile(r"(__tabbed_[0-9]+)_[0-9]+")


@dataclass
class _Set:
    """A set of tabs that is open: the depth of its element, and the labels that are left."""

    depth: int
    labels: list[str] = field(default_factory=list)


def label_tabs(markup: str) -> str:
    """Return sanitised HTML whose tab panels have their label in ``data-label``."""
    if "tabbed-set" not in markup:
        return markup
    return rewrite_tags(markup, _Labels(_labels_by_set(markup)).rewritten)


def _labels_by_set(markup: str) -> dict[str, list[str]]:
    """The labels of each set, by the name of its inputs, in their order."""
    found: dict[str, list[str]] = {}
    for match in _LABEL.finditer(markup):
        named = _NAMED.fullmatch(match[1])
        if named:
            # The text is escaped already; quotes would end the attribute.
            text = " ".join(_TAG.sub("", match[2]).split()).replace('"', "&quot;")
            found.setdefault(named[1], []).append(text)
    return found


class _Labels:
    """Follows the elements, since tabs may hold tabs."""

    def __init__(self, labels: dict[str, list[str]]) -> None:
        self._labels, self._depth = labels, 0
        self._open: list[_Set] = []

    def rewritten(self, tag: Tag) -> str:
        if tag.name == "div":
            self._depth += 1
            classes = (tag.attribute("class") or "").split()
            if "tabbed-set" in classes:
                self._open.append(_Set(self._depth))
            elif "tabbed-block" in classes and self._open and self._open[-1].labels:
                label = self._open[-1].labels.pop(0)
                return f'<div{tag.attributes} data-label="{label}">'
        elif tag.name == "/div":
            if self._open and self._open[-1].depth == self._depth:
                self._open.pop()
            self._depth -= 1
        elif tag.name == "input" and self._open and not self._open[-1].labels:
            named = _NAMED.fullmatch(tag.attribute("id") or "")
            if named:
                self._open[-1].labels = list(self._labels.get(named[1], ()))
        return tag.text
