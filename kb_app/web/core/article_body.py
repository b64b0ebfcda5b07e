"""The HTML of an article as a reader sees it: links and images become URLs."""

from __future__ import annotations

import html
from collections.abc import Callable

from flask import url_for
from markupsafe import Markup

from indexer.article_store import ArticleStore
from indexer.model import ArticleSummary
from indexer.reading.html_tags import Tag, rewrite_tags
from kb_app.web.core.template_helpers import article_url

_ARTICLE, _IMAGE = "kb:", "kb-image:"


def render_body(
    body: str, articles: ArticleStore, may_see: Callable[[ArticleSummary], bool], lang: str
) -> Markup:
    """An article's HTML with its links and images resolved to URLs.

    Links to articles that the reader may not see become plain text.
    """
    return Markup(rewrite_tags(body, _Links(articles, may_see, lang).rewritten))


class _Links:
    """Rewrites the tags of one article in order."""

    def __init__(
        self, articles: ArticleStore, may_see: Callable[[ArticleSummary], bool], lang: str
    ) -> None:
        self._articles, self._may_see, self._lang = articles, may_see, lang
        self._open_tag_removed = False

    def rewritten(self, tag: Tag) -> str:
        """The tag for the reader; "" for both tags of a link that is removed."""
        if tag.name == "img":
            return self._image(tag)
        if tag.name == "a":
            return self._link(tag)
        if tag.name == "/a" and self._open_tag_removed:
            self._open_tag_removed = False
            return ""
        return tag.text

    @staticmethod
    def _image(tag: Tag) -> str:
        source = tag.attribute("src") or ""
        if not source.startswith(_IMAGE):
            return tag.text
        url = url_for("assets.media", name=source.removeprefix(_IMAGE))
        return tag.replaced("src", f'src="{url}"')

    def _link(self, tag: Tag) -> str:
        target = tag.attribute("href") or ""
        if target.startswith(("http://", "https://")):
            return tag.replaced("href", f'rel="noopener noreferrer" href="{target}"')
        if not target.startswith(_ARTICLE):
            return tag.text
        name, _, anchor = target.removeprefix(_ARTICLE).partition("#")
        card = self._articles.summaries.get(name)
        if card is None or not self._may_see(card):
            self._open_tag_removed = True
            return ""
        url = html.escape(article_url(card, self._lang, html.unescape(anchor)))
        return tag.replaced("href", f'href="{url}"')
