"""Resolves URLs to the page's language and to an article."""

from __future__ import annotations

from typing import Any

from flask import abort, g

from indexer.article_store import ArticleStore
from indexer.model import ArticleSummary
from kb_app.web.core.context import audiences, now, site_settings


def language_of_address(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Set the page's language from the URL; 404 for a language that the site does not have.

    Used as a Blueprint's url_value_preprocessor.
    """
    if values and "ui" in values:
        if values["ui"] not in site_settings().languages:
            abort(404)
        g.ui = values["ui"]


def may_see(card: ArticleSummary) -> bool:
    """Whether this visitor may see the article now."""
    return card.visible(now(), audiences())


def find_article(articles: ArticleStore, ui: str, slug: str) -> ArticleSummary | None:
    """The article with this slug in the page's language, else in another language.

    Returns only an article that the visitor may see, else None.
    """
    for lang in dict.fromkeys(
        [
            ui,
            *site_settings().languages,
            *sorted({card.lang for card in articles.summaries.values()}),
        ]
    ):
        card = articles.by_slug(lang, slug)
        if card is not None and may_see(card):
            return card
    return None
