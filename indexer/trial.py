"""Tries an article's own ``tests:`` against an engine: is it found, at which rank, and what stands above it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from search.engine import Engine
from search.model import Filters, Query

DEPTH = 50


@dataclass(frozen=True)
class Trial:
    """One test query. ``rank`` counts from 1, 0 where the article is not among the first DEPTH; ``above`` are titles."""

    article_id: str
    query: str
    rank: int
    above: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the article came first."""
        return self.rank == 1


def try_article(engine: Engine, article_id: str, lang: str, tests: Iterable[str], now: datetime, audiences: frozenset[str]) -> list[Trial]:
    """Run each test as a visitor of the article's language would."""
    return [_try(engine, article_id, lang, test, now, audiences) for test in tests]


def _try(engine: Engine, article_id: str, lang: str, test: str, now: datetime, audiences: frozenset[str]) -> Trial:
    query = Query(test, lang=lang, limit=DEPTH, filters=Filters(lang=lang), now=now, audiences=audiences)
    hits = engine.search(query).hits
    rank = next((place for place, hit in enumerate(hits, 1) if hit.article_id == article_id), 0)
    above = hits[: rank - 1] if rank else hits
    return Trial(article_id, test, rank, tuple(hit.document.title for hit in above[:3]))
