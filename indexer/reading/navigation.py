"""Reads what other tools say of the order and the names of pages and folders.

mkdocs.yml, SUMMARY.md (GitBook), sidebars.js or .json and _category_ files (Docusaurus). Nothing is
run: a file that holds more than data is left alone and named.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import json5

from indexer.model import Problem
from indexer.reading.layout import config_of

MAX_BYTES = 256 * 1024
MOST_DEEP, MOST_CATEGORIES = 12, 2_000
_SUMMARY_LINK = re.compile(r"\A[ \t]*+[*+-][ \t]++\[([^\[\]\n]*+)\]\(<?([^()<>\n]*+)>?\)")
_EXPORT = re.compile(
    r"\b(?:module\.exports|export[ \t]++default|const[ \t]++\w++)[ \t]*+=?[ \t]*+(?=[{\[])"
)
_SIDEBARS = ("sidebars.json", "sidebars.js", "sidebars.ts")


@dataclass
class Navigation:
    """Order and titles by path without suffix; ``folders`` names folders and orders them."""

    order: dict[str, int] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    folders: dict[str, tuple[str, float | None]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, path: str, title: str) -> None:
        """Take a page at the next place."""
        name = without_suffix(path)
        if name and name not in self.order:
            self.order[name] = len(self.order)
            if title:
                self.titles[name] = title


def without_suffix(path: str) -> str:
    """A path without ``.md`` and the like, and without what leads nowhere."""
    clean = posixpath.normpath(path.partition("#")[0].strip().lstrip("/")) if path.strip() else ""
    return re.sub(r"(?i)\.(?:md|mdx|markdown)\Z", "", clean).removeprefix("./")


def read_navigation(root: Path, content: Sequence[str], categories: Sequence[str]) -> Navigation:
    """Read the files at the root of a folder whose articles lie below the folders ``content``.

    ``categories`` are the paths of its _category_ files.
    """
    found = Navigation()
    for title, path in _mkdocs_pages(config_of(root / "mkdocs.yml").get("nav"), 0):
        for prefix in content:
            found.add(f"{prefix}{path}", title)
    for folder in dict.fromkeys(("", *content)):
        for line in _text(root / folder / "SUMMARY.md").split("\n"):
            page = _SUMMARY_LINK.match(line)
            if page:
                found.add(f"{folder}{page[2]}", page[1].strip())
    for name in _SIDEBARS:
        _add_sidebars(found, root / name, content)
    for name in sorted(categories)[:MOST_CATEGORIES]:
        _add_category(found, root / name, name.rpartition("/")[0] or ".")
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")[:MAX_BYTES]
    except OSError:
        return ""


def _mkdocs_pages(nav: Any, depth: int) -> Iterator[tuple[str, str]]:
    """(title, path) of the pages of ``nav``; a page without a title has ""."""
    if depth > MOST_DEEP or not isinstance(nav, list):
        return
    for entry in nav:
        if isinstance(entry, str):
            yield "", entry
        elif isinstance(entry, dict):
            for title, value in entry.items():
                if isinstance(value, str):
                    yield str(title), value
                else:
                    yield from _mkdocs_pages(value, depth + 1)


def _add_sidebars(found: Navigation, path: Path, content: Sequence[str]) -> None:
    text = _text(path)
    if not text:
        return
    start = _EXPORT.search(text)
    try:
        data = json5.loads(_data_of(text[start.end() :] if start else text))
    except (ValueError, RecursionError):
        hint = "Their order is by name; set order: in the front matter."
        message = "holds more than data and is not run; the order of its pages is not known."
        found.problems.append(Problem(path.name, 0, "warning", "navigation", message, hint))
        return
    sidebars = data.values() if isinstance(data, dict) else [data]
    for sidebar in sidebars:
        for title, name in _sidebar_pages(sidebar, 0):
            for prefix in content:
                found.add(f"{prefix}{name}", title)


def _data_of(text: str) -> str:
    """The text up to the bracket that closes the first one."""
    end = max(text.rfind("}"), text.rfind("]"))
    return text[: end + 1] if end >= 0 else text


def _sidebar_pages(items: Any, depth: int) -> Iterator[tuple[str, str]]:
    if depth > MOST_DEEP:
        return
    if isinstance(items, str):
        yield "", items
    elif isinstance(items, list):
        for item in items:
            yield from _sidebar_pages(item, depth + 1)
    elif isinstance(items, Mapping):
        yield from _category_pages(items, depth)


def _category_pages(items: Mapping[str, Any], depth: int) -> Iterator[tuple[str, str]]:
    if items.get("type") == "doc" and isinstance(items.get("id"), str):
        yield str(items.get("label") or ""), items["id"]
    elif "items" in items:
        link = items.get("link")
        if isinstance(link, Mapping) and isinstance(link.get("id"), str):
            yield "", link["id"]
        yield from _sidebar_pages(items["items"], depth + 1)
    elif "type" not in items:  # {"Category": ["page", ...]}
        for value in items.values():
            yield from _sidebar_pages(value, depth + 1)


def _add_category(found: Navigation, path: Path, folder: str) -> None:
    try:
        values = json5.loads(_text(path)) if path.suffix == ".json" else config_of(path)
    except (ValueError, RecursionError):
        values = {}
    if isinstance(values, Mapping):
        position = values.get("position")
        order = float(position) if isinstance(position, int | float) else None
        found.folders[folder] = (str(values.get("label") or ""), order)
