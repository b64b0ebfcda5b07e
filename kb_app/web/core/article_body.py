"""The HTML of an article as a reader sees it: links and images become URLs."""

from __future__ import annotations

import html
from collections.abc import Callable
from urllib.parse import urlsplit

from flask import url_for
from markupsafe import Markup

from indexer.article_store import ArticleStore
from indexer.model import ArticleSummary
from indexer.reading.html_tags import BodyRewriter, Tag, rewrite_tags
from kb_app.web.core.context import site_settings
from kb_app.web.core.template_helpers import article_url

_ARTICLE, _IMAGE = "kb:", "kb-image:"
_FRAME = (
    'loading="lazy" referrerpolicy="strict-origin-when-cross-origin" '
    'sandbox="allow-scripts allow-same-origin allow-presentation allow-popups"'
)


def render_body(
    body: str,
    articles: ArticleStore,
    may_see: Callable[[ArticleSummary], bool],
    lang: str,
    picture: Callable[[str], str] | None = None,
) -> Markup:
    """An article's HTML with its links and images resolved to URLs.

    Links to articles that the reader may not see become plain text. ``picture`` gives the address
    of an image that is not in the bundle, or "".
    """
    return Markup(rewrite_tags(body, _Links(articles, may_see, lang, picture).rewritten))


def _host(source: str) -> str:
    """The host of a file of another site; "" for other addresses than https."""
    return (urlsplit(source).hostname or "") if source.startswith("https://") else ""


class _Links(BodyRewriter):
    """For the pages of the site."""

    def __init__(
        self,
        articles: ArticleStore,
        may_see: Callable[[ArticleSummary], bool],
        lang: str,
        picture: Callable[[str], str] | None = None,
    ) -> None:
        super().__init__()
        self._articles, self._may_see, self._lang = articles, may_see, lang
        self._picture = picture or (lambda _source: "")

    def media(self, tag: Tag) -> str:
        """A picture or film."""
        return self._file(tag, "src")

    def _file(self, tag: Tag, name: str) -> str:
        """A file of the folder by its address; of other sites only those of allowed hosts."""
        source = tag.attribute(name) or ""
        if source.startswith(_IMAGE):
            url = url_for("assets.media", name=source.removeprefix(_IMAGE))
            return tag.replaced(name, f'{name}="{url}"')
        if own := self._picture(html.unescape(source)):
            return tag.replaced(name, f'{name}="{html.escape(own)}"')
        if _host(html.unescape(source)) in site_settings().embed_hosts:
            return tag.replaced(name, f'{name}="{source}" referrerpolicy="no-referrer"')
        return self._image_as_link(tag, source) if tag.name == "img" else tag.replaced(name, "")

    def _image_as_link(self, tag: Tag, source: str) -> str:
        """An image that the page does not load: a link to it, or its description alone."""
        path = urlsplit(html.unescape(source)).path
        words = tag.attribute("alt") or html.escape(path.rpartition("/")[2])
        if self.inside_link or not _host(html.unescape(source)):
            return words
        return f'<a rel="noopener noreferrer" href="{source}">{words}</a>'

    def frame(self, tag: Tag) -> str:
        """A frame of an allowed host; for others a link."""
        source = html.unescape(tag.attribute("src") or "")
        host = _host(source)
        self.frame_removed = host not in site_settings().embed_hosts
        if not self.frame_removed:
            return tag.replaced("src", f'src="{html.escape(source)}" {_FRAME}')
        if not host:
            return ""
        return f'<a rel="noopener noreferrer" href="{html.escape(source)}">{html.escape(host)}</a>'

    def link(self, tag: Tag) -> str:
        """A link to an article, a file or another site."""
        target = tag.attribute("href") or ""
        if target.startswith(("http://", "https://")):
            return tag.replaced("href", f'rel="noopener noreferrer" href="{target}"')
        if target.startswith(_IMAGE):
            return self._file(tag, "href")
        if not target.startswith(_ARTICLE):
            return tag.text
        name, _, anchor = target.removeprefix(_ARTICLE).partition("#")
        card = self._articles.summaries.get(name)
        if card is None or not self._may_see(card):
            self.link_removed = True
            return ""
        url = html.escape(article_url(card, self._lang, html.unescape(anchor)))
        return tag.replaced("href", f'href="{url}"')
