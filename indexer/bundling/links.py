"""Replaces links between articles by ids, and image paths by names in the bundle."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from indexer.model import Article, memoized_on_article
from indexer.reading.files import resolve
from indexer.reading.html_tags import Tag, rewrite_tags
from indexer.reading.images import image_file

_BROKEN = 'class="broken-link"'


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

    def rewrite(tag: Tag) -> str:
        if tag.name == "a" and (url := tag.attribute("href")) is not None:
            attribute = _article_link(article.path, url, ids)
            return tag.replaced("href", attribute) if attribute else tag.text
        if tag.name == "img" and (url := tag.attribute("src")) is not None:
            path = unquote(html.unescape(url).split("#")[0].split("?")[0])
            name = names.get(resolve(article.path, path))
            return (
                tag.replaced("src", f'src="kb-image:{name}" loading="lazy"') if name else tag.text
            )
        return tag.text

    cover = names.get(resolve(article.path, article.cover), "") if article.cover else ""
    cached, text = _last_linked(article), rewrite_tags(article.html, rewrite)
    if not cached or (cached[-1].html, cached[-1].cover) != (text, cover):
        # Keep the object of the last build if nothing changed: results are cached on it.
        cached[:] = [replace(article, html=text, cover=cover)]
    return cached[-1]


def _article_link(path: str, url: str, ids: Mapping[str, str]) -> str:
    """The attribute that replaces a link to a file; "" for other links."""
    try:
        parts = urlsplit(html.unescape(url))
    except ValueError:
        return _BROKEN
    if parts.scheme or parts.netloc or not parts.path or parts.path.startswith("/"):
        return ""
    target = ids.get(resolve(path, unquote(parts.path)))
    anchor = f"#{parts.fragment}" if parts.fragment else ""
    return f'href="kb:{target}{html.escape(anchor)}"' if target else _BROKEN


@memoized_on_article
def _last_linked(article: Article) -> list[Article]:
    """Storage for the linked article of the last build."""
    return []
