"""What everybody may read, each article at the one address that others are told."""

from __future__ import annotations

from indexer.model import ArticleSummary
from kb_app.web.core.context import PUBLIC, now, site_settings, snapshot
from kb_app.web.core.template_helpers import absolute_url, article_url


def public_cards() -> list[ArticleSummary]:
    """The cards of what everybody may read now, by id."""
    return sorted(snapshot().articles.visible(now(), PUBLIC), key=lambda card: card.id)


def page_url(card: ArticleSummary) -> str:
    """The whole address of an article's own page."""
    return absolute_url(article_url(card, site_settings().spoken(card.lang)))
