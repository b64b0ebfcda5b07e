"""Rewrites the relative links of Markdown texts whose articles move."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from urllib.parse import quote, unquote

from indexer.reading.files import resolve
from indexer.reading.layout import SUFFIXES

# ](target), [name]: target and href="target"; the target, and its anchor.
_LINK = re.compile(
    r"(\]\(<?|^ {0,3}\[[^\]\n]{1,200}\]:[ \t]+<?|\b(?:href|src)=[\"'])"
    r"([^\s)>#?\"']+)(#[^\s)>\"']*)?",
    re.MULTILINE,
)
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_ELSEWHERE = re.compile(r"\A(?:[a-z][a-z0-9+.-]*:|/|#|\{)", re.IGNORECASE)


def moved_links(
    text: str, path: str, new_path: str, moved: Mapping[str, str], anchors: bool = True
) -> str:
    """The text of the file ``path`` as it is to stand in ``new_path``.

    ``moved`` maps paths of files to their new ones; a link to one of them leads to the new one,
    with or without the file's ending, and without its anchor unless ``anchors`` is set. Code is
    left alone.
    """
    loose = {_without_ending(old): new for old, new in moved.items()}

    def rewrite(match: re.Match[str]) -> str:
        written = match.group(2)
        if _ELSEWHERE.match(written):
            return match.group()
        target = resolve(path, unquote(written))
        new = moved.get(target) or loose.get(target)
        if new is None and path == new_path:
            return match.group()
        short = new is not None and target not in moved
        leads = _without_ending(new) if new and short else new or target
        relative = os.path.relpath(leads, PurePosixPath(new_path).parent.as_posix())
        kept = (match.group(3) or "") if anchors or new is None else ""
        shown = relative if match.group(1).endswith("<") else quote(relative)
        return match.group(1) + shown + kept

    return _outside_code(text, lambda part: _LINK.sub(rewrite, part))


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    """Apply a change to the lines that are not inside a fenced code block."""
    parts: list[tuple[bool, list[str]]] = [(False, [])]
    fence = ""
    for line in text.splitlines(keepends=True):
        found = _FENCE.match(line)
        if found and not fence:
            fence = found.group(1)
            parts.append((True, []))
        parts[-1][1].append(line)
        ends = found and fence and len(parts[-1][1]) > 1 and found.group(1).startswith(fence)
        if ends and not line.strip(" `~\r\n"):
            fence = ""
            parts.append((False, []))
    return "".join(
        "".join(lines) if is_code else change("".join(lines)) for is_code, lines in parts
    )


def _without_ending(path: str) -> str:
    for ending in SUFFIXES:
        if path.lower().endswith(ending):
            return path[: -len(ending)]
    return path
