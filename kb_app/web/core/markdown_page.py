"""An article as Markdown, for programs that read: public articles only, with whole addresses."""

from __future__ import annotations

from threading import Lock

from cachetools import LRUCache
from flask import url_for

from indexer.model import ArticleSummary
from indexer.reading.html_tags import rewrite_tags, tags
from kb_app.transfer.html_to_markdown import to_markdown
from kb_app.transfer.targets.body import ARTICLE, Dialect, foreign_html, plain_tabs
from kb_app.web.core.context import PUBLIC, now, site_settings, snapshot
from kb_app.web.core.public_articles import page_url
from kb_app.web.core.template_helpers import absolute_url

ARTICLES_KEPT = 2_000
_kept: LRUCache[tuple[str, str, str, frozenset[str]], str] = LRUCache(ARTICLES_KEPT)
_lock = Lock()


def article_markdown(card: ArticleSummary) -> str:
    """The title, where and when it was written, and the text; "" where it is gone."""
    article = snapshot().articles.article(card.id)
    if article is None:
        return ""
    key = (snapshot().version, card.id, site_settings().address, _linked(article.html))
    with _lock:
        body = _kept.get(key)
    if body is None:
        body = _text(article.html, page_url(card))
        with _lock:
            _kept[key] = body
    facts = [page_url(card)]
    if card.updated:
        facts.append(card.updated.isoformat())
    title = " ".join(card.title.split())
    return f"# {title}\n\n{' · '.join(facts)}\n\n{body}\n"


def _linked(body: str) -> frozenset[str]:
    """The articles that a text links to and that everybody may read now."""
    summaries, at = snapshot().articles.summaries, now()
    named = (tag.attribute("href") or "" for tag in tags(body) if tag.name == "a")
    ids = {name[len(ARTICLE) :].partition("#")[0] for name in named if name.startswith(ARTICLE)}
    return frozenset(one for one in ids if one in summaries and summaries[one].visible(at, PUBLIC))


def _text(body: str, page: str) -> str:
    """The text with whole addresses, also of its own headings, which Markdown cannot name."""
    nameless = rewrite_tags(
        body, lambda tag: tag.replaced("id", "") if tag.attributes else tag.text
    )

    def whole(_element: str, address: str) -> str:
        return f"{page}{address}" if address.startswith("#") else address

    return to_markdown(foreign_html(nameless, _DIALECT), whole).markdown


def _link(name: str, anchor: str) -> str:
    card = snapshot().articles.summaries.get(name)
    if card is None or not card.visible(now(), PUBLIC):
        return ""
    return f"{page_url(card)}{f'#{anchor}' if anchor else ''}"


def _file(name: str) -> str:
    return absolute_url(url_for("assets.media", name=name))


def _callout(_kind: str, inner: str) -> str:
    return f"<blockquote>{inner}</blockquote>"


_DIALECT = Dialect(_link, _file, _callout, plain_tabs)
