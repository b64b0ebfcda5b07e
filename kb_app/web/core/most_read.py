"""Which articles were read most lately, from the counts by day; looked up every few minutes."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

from cachetools import TTLCache
from flask import current_app
from sqlalchemy.exc import SQLAlchemyError

from kb_app.analytics.reports.reports import Period, Reports
from kb_app.web.core.context import event_store, now, site_settings

DAYS, MOST, KEPT_S = 28, 50, 300
# Fewer views say nothing.
LEAST_VIEWS = 5
_CACHE = "kb_most_read"


def most_read(lang: str) -> list[str]:
    """The ids of the articles read most in the last 28 days by readers of a language."""
    cache = current_app.extensions.setdefault(_CACHE, TTLCache(16, KEPT_S))
    if lang not in cache:
        cache[lang] = _looked_up(lang)
    return cast(list[str], cache[lang])


def _looked_up(lang: str) -> list[str]:
    zone = site_settings().zone
    last = now().astimezone(zone).date()
    period = Period(last - timedelta(days=DAYS - 1), last, zone, language=lang)
    try:
        lines = Reports(event_store().engine).articles(period, MOST)
    except SQLAlchemyError:  # the home page renders despite a database error
        return []
    read = [line for line in lines if line.numbers.get("views", 0) >= LEAST_VIEWS]
    return [line.key for line in sorted(read, key=lambda line: -line.numbers["views"])]
