"""Packs of articles as a reader sees them: the articles in one language, one below the other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from markupsafe import Markup

from indexer.model import ArticleSummary
from indexer.reading.packs_file import PACKS, Pack, read_packs
from kb_app.localized import localized
from kb_app.web.core.article_body import render_body
from kb_app.web.core.context import PUBLIC, now, site_settings, snapshot
from kb_app.web.core.own_ids import with_own_ids
from kb_app.web.core.template_helpers import article_url


@dataclass(frozen=True)
class PackPage:
    """A pack in one language. ``cards`` are those of its articles that customers may read."""

    key: str
    title: str
    text: str
    cards: tuple[ArticleSummary, ...]


def known_packs() -> dict[str, Pack]:
    """The packs of packs.yml that can be used, by key."""
    folder = site_settings().articles
    try:
        stamp = (folder / PACKS).stat()
    except OSError:
        return {}
    return _read(folder, stamp.st_mtime_ns, stamp.st_size, stamp.st_ino)


@lru_cache(maxsize=4)
def _read(folder: Path, *_stamp: int) -> dict[str, Pack]:
    """The packs, read once for each version of the file."""
    return read_packs(folder)[0]


def pack_page(pack: Pack, ui: str) -> PackPage:
    """A pack with each article in the page's language, else as it is."""
    articles, at = snapshot().articles, now()
    cards: dict[str, ArticleSummary] = {}
    for name in pack.articles:
        card = articles.summaries.get(name)
        if card is None:
            continue
        versions = [card, *articles.translations(card)]
        seen = [one for one in versions if one.visible(at, PUBLIC)]
        best = next((one for one in seen if one.lang == ui), next(iter(seen), None))
        if best is not None:
            cards.setdefault(best.id, best)
    return PackPage(pack.key, localized(pack.title, ui), _text(pack, ui), tuple(cards.values()))


def _text(pack: Pack, ui: str) -> str:
    return localized(pack.text, ui) if pack.text else ""


def pack_bodies(page: PackPage, ui: str) -> list[tuple[ArticleSummary, Markup]]:
    """The articles with their HTML; links between them stay on the page."""
    articles = snapshot().articles
    places = {article_url(card, ui): f"article-{n}" for n, card in enumerate(page.cards, 1)}
    bodies: list[tuple[ArticleSummary, Markup]] = []

    def is_public(card: ArticleSummary) -> bool:
        return card.visible(now(), PUBLIC)

    for number, card in enumerate(page.cards, 1):
        full = articles.article(card.id)
        if full is not None:
            body = render_body(full.html, articles, is_public, ui)
            bodies.append((card, with_own_ids(body, f"article-{number}", places)))
    return bodies
