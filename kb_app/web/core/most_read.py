"""How often articles were read lately, from the counts by day; looked up every few minutes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import cast

from cachetools import TTLCache
from flask import current_app
from sqlalchemy.exc import SQLAlchemyError

from kb_app.analytics.reports.reports import Period, Reports
from kb_app.web.core.context import event_store, now, site_settings

DAYS, KEPT_S, MOST = 28, 300, 1_000_000
_CACHE = "kb_views"


def views() -> Mapping[str, int]:
    """How often each article was opened in the last 28 days, by id."""
    cache = current_app.extensions.setdefault(_CACHE, TTLCache(1, KEPT_S))
    if _CACHE not in cache:
        cache[_CACHE] = _looked_up()
    return cast(Mapping[str, int], cache[_CACHE])


def _looked_up() -> dict[str, int]:
    zone = site_settings().zone
    last = now().astimezone(zone).date()
    period = Period(last - timedelta(days=DAYS - 1), last, zone)
    try:
        lines = Reports(event_store().engine).articles(period, MOST)
    except SQLAlchemyError:  # the home page renders despite a database error
        return {}
    return {line.key: int(line.numbers.get("views", 0)) for line in lines}
