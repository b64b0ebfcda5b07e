"""Replaces links between articles by ids, and image paths by names in the bundle."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from indexer.model import Article, memoized_on_article
from indexer.reading.files import resolve
from indexer.reading.images import image_file

_HREF = re.compile(r'(<a\s[^>]*?)href="([^"]*)"')
_SRC = re.compile(r'(<img\s[^>]*?)src="([^"]*)"')


def link(articles: Sequence[Article], folder: Path) -> tuple[list[Article], dict[str, Path]]:
    """Return the articles with links and images replaced, and the image files by bundle name."""
    ids = {article.path: article.id for article in articles}
    names: dict[str, str] = {}
    images: dict[str, Path] = {}
    for target in {link.target for article in articles for link in article.links if link.image}:
        path = image_file(folder, target)
        if path is not None:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:20]
            names[target] = f"{digest}{path.suffix.lower()}"
            images[names[target]] = path
    return [_linked(article, ids, names) for article in articles], images


def _linked(article: Article, ids: Mapping[str, str], names: Mapping[str, str]) -> Article:
    if not article.links:
        return article

    def href(match: re.Match[str]) -> str:
        try:
            parts = urlsplit(html.unescape(match.group(2)))
        except ValueError:
            return f'{match.group(1)}class="broken-link"'
        if parts.scheme or parts.netloc or not parts.path or parts.path.startswith("/"):
            return match.group()
        target = ids.get(resolve(article.path, unquote(parts.path)))
        anchor = f"#{parts.fragment}" if parts.fragment else ""
        return (
            f'{match.group(1)}href="kb:{target}{html.escape(anchor)}"'
            if target
            else f'{match.group(1)}class="broken-link"'
        )

    def src(match: re.Match[str]) -> str:
        target = resolve(
            article.path, unquote(html.unescape(match.group(2)).split("#")[0].split("?")[0])
        )
        return (
            f'{match.group(1)}src="kb-image:{names[target]}" loading="lazy"'
            if target in names
            else match.group()
        )

    cover = names.get(resolve(article.path, article.cover), "") if article.cover else ""
    cached, text = _last_linked(article), _SRC.sub(src, _HREF.sub(href, article.html))
    if not cached or (cached[-1].html, cached[-1].cover) != (text, cover):
        # Keep the object of the last build if nothing changed: results are cached on it.
        cached[:] = [replace(article, html=text, cover=cover)]
    return cached[-1]


@memoized_on_article
def _last_linked(article: Article) -> list[Article]:
    """Storage for the linked article of the last build."""
    return []
