"""Fixes problems that have one safe fix: missing ids and links to moved articles."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote

from indexer.atomic_write import replace_file
from indexer.checking.cross_checks import Places, moved_to, places_by_name
from indexer.ids import new_id
from indexer.model import Article, Problem
from indexer.reading.files import resolve
from indexer.reading.front_matter import parse

_LINK = re.compile(r"(\]\(<?)([^)\s>#]+)")


def fix(folder: Path, articles: Sequence[Article], problems: Sequence[Problem]) -> list[str]:
    """Fix the fixable problems in place; return one line of text per fix."""
    by_path = {article.path: article for article in articles}
    places = places_by_name(by_path)
    fixes: list[str] = []
    for problem in problems:
        if problem.fixable and problem.code == "no-id":
            fixes.append(_add_id(folder / problem.path, problem.path))
    for path in dict.fromkeys(
        problem.path for problem in problems if problem.fixable and problem.code == "link"
    ):
        fixes += _mend_links(folder / path, by_path[path], places)
    return fixes


def _add_id(path: Path, shown: str) -> str:
    """Add an id to the front matter.

    The file is left alone unless the result parses to an article with this id.
    """
    text = path.read_bytes().decode("utf-8-sig")
    name = new_id()
    fence = re.match(r"---[ \t]*\r?\n", text)
    changed = (
        f"{fence.group()}id: {name}\n{text[fence.end() :]}"
        if fence
        else f"---\nid: {name}\n---\n{text}"
    )
    parsed = parse(shown, changed.replace("\r\n", "\n"))
    if path.is_symlink() or isinstance(parsed, list) or parsed.article.id != name:
        return (
            f"{shown}: an id cannot be added safely. Add this line to the front matter: id: {name}"
        )
    replace_file(path, changed)
    return f"{shown}: added id: {name}"


def _mend_links(path: Path, article: Article, places: Places) -> list[str]:
    """Rewrite the links to files that moved, and no others."""
    moved = {
        link.target: moved_to(link, places)
        for link in article.links
        if not link.image and link.target
    }
    text = path.read_bytes().decode("utf-8-sig")
    fixes: list[str] = []

    def rewrite(match: re.Match[str]) -> str:
        target = (
            moved.get(resolve(article.path, unquote(match.group(2))))
            if "://" not in match.group(2)
            else None
        )
        if target is None:
            return match.group()
        fixes.append(f"{article.path}: {match.group(2)} is now {target}")
        path = os.path.relpath(target, PurePosixPath(article.path).parent.as_posix())
        return match.group(1) + (path if match.group(1).endswith("<") else quote(path))

    changed = _LINK.sub(rewrite, text)
    if fixes and not path.is_symlink():
        replace_file(path, changed)
    return fixes
