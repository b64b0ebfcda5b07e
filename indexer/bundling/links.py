"""Links between articles turned to ids, and their images to names in the bundle."""

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
    """Articles with their links turned to ids and their images to names in the bundle, and those images' files."""
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
    before, text = _last_linked(article), _SRC.sub(src, _HREF.sub(href, article.html))
    if not before or (before[-1].html, before[-1].cover) != (text, cover):
        # The same object as at the last build where nothing became of its links: what was made of it is kept with it.
        before[:] = [replace(article, html=text, cover=cover)]
    return before[-1]


@memoized_on_article
def _last_linked(article: Article) -> list[Article]:
    """Room for the article with its links turned, as the last build had it."""
    return []
