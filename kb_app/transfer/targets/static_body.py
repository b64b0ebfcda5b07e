"""The HTML of an article for a page that loads nothing from other sites."""

from __future__ import annotations

import html
from collections.abc import Callable
from urllib.parse import urlsplit

from markupsafe import Markup

from indexer.reading.html_tags import BodyRewriter, Tag, rewrite_tags
from kb_app.transfer.targets.body import ARTICLE, FILE


def static_body(body: str, page: Callable[[str], str], file: Callable[[str], str]) -> Markup:
    """An article's HTML with links by ``page`` (our ids) and ``file`` (names in the index).

    A link whose address is "" becomes its text. Pictures, films and frames of other sites become
    links.
    """
    return Markup(rewrite_tags(body, _Rewriter(page, file).rewritten))  # noqa: S704, sanitised


class _Rewriter(BodyRewriter):
    """For pages beside their files."""

    def __init__(self, page: Callable[[str], str], file: Callable[[str], str]) -> None:
        super().__init__()
        self._page, self._file = page, file
        self.frame_removed = True

    def media(self, tag: Tag) -> str:
        """A picture or film of the folder; of other sites a link."""
        source = tag.attribute("src") or ""
        if source.startswith(FILE):
            there = html.escape(self._file(source.removeprefix(FILE)))
            return tag.replaced("src", f'src="{there}"') if there else tag.attribute("alt") or ""
        if tag.name == "img":
            return self._foreign(tag, tag.attribute("alt") or "")
        return tag.replaced("src", "") if source else tag.text

    def frame(self, tag: Tag) -> str:
        """A link to what the frame shows."""
        return self._foreign(tag, "")

    def _foreign(self, tag: Tag, words: str) -> str:
        """A link to what another site has; its words alone inside of a link."""
        source = html.unescape(tag.attribute("src") or "")
        parts = urlsplit(source)
        shown = words or html.escape(parts.path.rpartition("/")[2] or parts.hostname or "")
        if parts.scheme not in ("http", "https") or self.inside_link:
            return shown if words else ""
        return f'<a rel="noopener noreferrer" href="{html.escape(source)}">{shown}</a>'

    def link(self, tag: Tag) -> str:
        """A link to a page, a file or another site."""
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
            self.link_removed = True
            return ""
        return tag.replaced("href", f'href="{html.escape(there)}"')
