"""What a link or an image of an article points to, as written. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from indexer.reading.files import resolve

WIKI = "wiki:"
"""Prefix of a target that names a file or a title wherever it lies, not a path."""
_FOOTNOTE = re.compile(r"#fn(?:ref\d*)?:")


class Target(NamedTuple):
    """Where a link leads: a path inside the folder, one that begins with "/", or ``wiki:NAME``.

    The path is "" for an anchor of the article itself.
    """

    path: str
    anchor: str


def target_of(path: str, url: str) -> Target | None:
    """The target of a link in the file at ``path``; None for one that leaves the folder."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:  # not a URL, e.g. //[
        return None
    if not url.strip() or _FOOTNOTE.match(url):
        return None
    if parts.scheme == "wiki":
        return Target(WIKI + unquote(parts.path), unquote(parts.fragment))
    if parts.scheme or parts.netloc:
        return None
    inside = unquote(parts.path)
    if inside and not inside.startswith("/"):
        ends = "/" if inside.endswith("/") else ""
        inside = resolve(path, inside) + ends
    return Target(inside, unquote(parts.fragment))
