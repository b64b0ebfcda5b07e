"""What an address names: the language of the page, and an article."""

from __future__ import annotations

from typing import Any

from flask import abort, g

from indexer.article_store import ArticleStore
from indexer.model import ArticleSummary
from kb_app.web.core.context import audiences, now, site_settings


def language_of_address(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    """The language in the address is the page's; another one than the site's is not found. A Blueprint's url_value_preprocessor."""
    if values and "ui" in values:
        if values["ui"] not in site_settings().languages:
            abort(404)
        g.ui = values["ui"]


def may_see(card: ArticleSummary) -> bool:
    """Whether this visitor may see an article now."""
    return card.visible(now(), audiences())


def find_article(library: ArticleStore, ui: str, slug: str) -> ArticleSummary | None:
    """The article of that slug in the page's language, else in another language that may be seen."""
    for lang in dict.fromkeys(
        [
            ui,
            *site_settings().languages,
            *sorted({card.lang for card in library.cards.values()}),
        ]
    ):
        card = library.by_slug(lang, slug)
        if card is not None and may_see(card):
            return card
    return None
