"""Replaces links between articles by ids, and paths of files by their names in the bundle."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from indexer.bundling.image_sizes import image_size
from indexer.model import Article, Link, memoized_on_article
from indexer.reading.html_tags import Tag, rewrite_tags
from indexer.reading.link_targets import WIKI, target_of
from indexer.reading.media_types import IMAGE_TYPES, MEDIA_TAGS, SHOWN_TYPES
from indexer.targets import Targets

_BROKEN = 'class="broken-link"'
_kept_names: dict[tuple[str, int, int, int], str] = {}
MOST_KEPT = 50_000


def link(
    articles: Sequence[Article], folder: Path, targets: Targets
) -> tuple[list[Article], dict[str, Path]]:
    """Return the articles with links and files replaced, and the files by bundle name."""
    names: dict[str, str] = {}
    files: dict[str, Path] = {}
    for article in articles:
        for each in article.links:
            path = _file_of(article, each, targets)
            if path is not None and path not in names:
                names[path] = bundle_name(folder / path)
                files[names[path]] = folder / path
    linker = _Linker(targets, names, files)
    return [linker.linked(article) for article in articles], files


def _file_of(article: Article, each: Link, targets: Targets) -> str | None:
    """The file of the folder that a link or image means, where it means no article."""
    if not each.target or (not each.image and targets.article(article, each) is not None):
        return None
    path = targets.file(article, each)
    is_image = path is not None and PurePosixPath(path).suffix.lower() in IMAGE_TYPES
    return path if path is not None and (is_image or not each.image) else None


def bundle_name(path: Path) -> str:
    """A name made of the content; remembered as long as the file does not change."""
    state = path.stat()
    key = (str(path), state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    if key not in _kept_names:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:20]
        if len(_kept_names) > MOST_KEPT:
            _kept_names.clear()
        _kept_names[key] = f"{digest}{path.suffix.lower()}"
    return _kept_names[key]


class _Linker:
    """Rewrites the tags of articles."""

    def __init__(
        self, targets: Targets, names: Mapping[str, str], files: Mapping[str, Path]
    ) -> None:
        self._targets = targets
        self._names, self._files = names, files
        self._is_first = True

    def linked(self, article: Article) -> Article:
        """The article for the bundle; the same object as in the last build if nothing changed."""
        if not article.links:
            return article
        self._is_first = not article.cover
        text = rewrite_tags(article.html, lambda tag: self._rewritten(article, tag))
        cover = ""
        if article.cover and (target := target_of(article.path, article.cover)):
            cover = self._name(article, Link(target.path, "", 0, image=True))
        cached = _last_linked(article)
        if not cached or (cached[-1].html, cached[-1].cover) != (text, cover):
            # Keep the object of the last build if nothing changed: results are cached on it.
            cached[:] = [replace(article, html=text, cover=cover)]
        return cached[-1]

    def _rewritten(self, article: Article, tag: Tag) -> str:
        if tag.name == "a" and (url := tag.attribute("href")) is not None:
            attribute = self._href(article, html.unescape(url))
            return tag.replaced("href", attribute) if attribute else tag.text
        if tag.name in MEDIA_TAGS and (url := tag.attribute("src")) is not None:
            return self._with_file(article, tag, html.unescape(url))
        return tag.text

    def _with_file(self, article: Article, tag: Tag, url: str) -> str:
        target = target_of(article.path, url)
        name = self._name(article, Link(target.path, "", 0, tag.name == "img")) if target else ""
        if not name:
            # A name that leads nowhere would be asked for at an address that is none.
            return tag.replaced("src", 'src=""') if url.startswith(WIKI) else tag.text
        more = self._of_picture(tag, name) if tag.name == "img" else ""
        return tag.replaced("src", f'src="kb-image:{name}"{more}')

    def _of_picture(self, tag: Tag, name: str) -> str:
        """Its size, and whether it waits until it is near: the first one is seen at once."""
        lazy = "" if self._is_first else ' loading="lazy"'
        self._is_first = False
        is_sized = tag.attribute("width") or tag.attribute("height")
        size = None if is_sized else image_size(name, self._files[name])
        shown = f' width="{size[0]}" height="{size[1]}"' if size else ""
        return f"{shown}{lazy}"

    def _name(self, article: Article, each: Link) -> str:
        path = _file_of(article, each, self._targets)
        return self._names.get(path, "") if path else ""

    def _href(self, article: Article, url: str) -> str:
        """The attribute that replaces a link into the folder; "" for other links."""
        target = target_of(article.path, url)
        if target is None:
            return ""
        each = Link(target.path, target.anchor, 0)
        found = self._targets.article(article, each)
        if found is not None:
            anchor = self._targets.anchor(found, target.anchor)
            shown = f"#{html.escape(anchor or target.anchor)}" if target.anchor else ""
            return (
                f'href="{shown}"' if found is article and shown else f'href="kb:{found.id}{shown}"'
            )
        name = self._name(article, each)
        if name:
            shown = html.escape(PurePosixPath(target.path.removeprefix(WIKI)).name)
            inline = PurePosixPath(name).suffix in SHOWN_TYPES
            return f'href="kb-image:{name}"' + ("" if inline else f' download="{shown}"')
        return _BROKEN


@memoized_on_article
def _last_linked(article: Article) -> list[Article]:
    """Storage for the linked article of the last build."""
    return []
