"""The HTML of an article for a page that loads nothing from other sites."""

from __future__ import annotations

import html
from collections.abc import Callable
from urllib.parse import urlsplit

from markupsafe import Markup

from indexer.reading.html_tags import Tag, rewrite_tags
from indexer.reading.media_types import MEDIA_TAGS
from kb_app.transfer.targets.body import ARTICLE, FILE


def static_body(body: str, page: Callable[[str], str], file: Callable[[str], str]) -> Markup:
    """An article's HTML with links by ``page`` (our ids) and ``file`` (names in the index).

    A link whose address is "" becomes its text. Pictures, films and frames of other sites become
    links.
    """
    return Markup(rewrite_tags(body, _Rewriter(page, file).rewritten))  # noqa: S704, sanitised


class _Rewriter:
    """Rewrites the tags of one article in order."""

    def __init__(self, page: Callable[[str], str], file: Callable[[str], str]) -> None:
        self._page, self._file = page, file
        self._open_tag_removed = False
        self._inside_link = False

    def rewritten(self, tag: Tag) -> str:
        """The tag for the page; "" for both tags of a link that is removed."""
        if tag.name in ("a", "/a"):
            self._inside_link = tag.name == "a"
        if tag.name in MEDIA_TAGS:
            return self._media(tag)
        if tag.name == "iframe":
            return self._foreign(tag, "")
        if tag.name == "/iframe":
            return ""
        if tag.name == "a":
            return self._link(tag)
        if tag.name == "/a" and self._open_tag_removed:
            self._open_tag_removed = False
            return ""
        return tag.text

    def _media(self, tag: Tag) -> str:
        source = tag.attribute("src") or ""
        if source.startswith(FILE):
            there = html.escape(self._file(source.removeprefix(FILE)))
            return tag.replaced("src", f'src="{there}"') if there else tag.attribute("alt") or ""
        if tag.name == "img":
            return self._foreign(tag, tag.attribute("alt") or "")
        return tag.replaced("src", "") if source else tag.text

    def _foreign(self, tag: Tag, words: str) -> str:
        """A link to what another site has; its words alone inside of a link."""
        source = html.unescape(tag.attribute("src") or "")
        parts = urlsplit(source)
        shown = words or html.escape(parts.path.rpartition("/")[2] or parts.hostname or "")
        if parts.scheme not in ("http", "https") or self._inside_link:
            return shown if words else ""
        return f'<a rel="noopener noreferrer" href="{html.escape(source)}">{shown}</a>'

    def _link(self, tag: Tag) -> str:
        target = html.unescape(tag.attribute("href") or "")
        if target.startswith(("http://", "https://")):
            return tag.replaced("href", f'rel="noopener noreferrer" href="{html.escape(target)}"')
        if target.startswith(FILE):
            there = self._file(target.removeprefix(FILE))
        elif target.startswith(ARTICLE):
            name, mark, anchor = target.removeprefix(ARTICLE).partition("#")
            page = self._page(name)
            there = f"{page}{mark}{anchor}" if page else ""
        else:
            return tag.text
        if not there:
            self._open_tag_removed = True
            return ""
        return tag.replaced("href", f'href="{html.escape(there)}"')
