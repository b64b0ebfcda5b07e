"""Figures and unanswered questions by the API, for tokens with the scope reports."""

from __future__ import annotations

from datetime import date, timedelta

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from kb_app.analytics.reports.reports import Period, Reports
from kb_app.web.api.document import operation
from kb_app.web.api.models import FigureParameters, Figures, Gaps
from kb_app.web.api.requests import handle_problems, needs_token, parameters
from kb_app.web.core.context import analytics_service, event_store, now, site_settings
from kb_app.web.core.inputs import FIRST_YEAR, LAST_YEAR
from kb_app.web.core.tracking import now_ms

blueprint = Blueprint("api_figures", __name__, url_prefix="/api/v1")
handle_problems(blueprint)
USUAL_DAYS, MOST_DAYS, MOST_GAPS = 28, 3 * 366, 200
FIRST, LAST = date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31)
_SHOWN = ("name", "formula", "part", "whole", "value", "low", "high", "unit")


@blueprint.get("/figures")
@operation("reports", {200: Figures}, query=FigureParameters, scope="reports")
def figures() -> ResponseReturnValue:
    """Read the figures of a period, each with its formula and interval."""
    needs_token("reports")
    given = parameters(FigureParameters)
    zone = site_settings().zone
    last = given.last or now().astimezone(zone).date()
    first = given.first or _earlier(last, USUAL_DAYS)
    first, last = (min(max(each, FIRST), LAST) for each in sorted((first, last)))
    first = max(first, _earlier(last, MOST_DAYS))
    found = Reports(event_store().engine).figures(Period(first, last, zone))
    lines = [{name: getattr(figure, name) for name in _SHOWN} for figure in found]
    return jsonify({"from": first.isoformat(), "to": last.isoformat(), "figures": lines})


def _earlier(last: date, days: int) -> date:
    """The first of so many days."""
    return max(last, FIRST + timedelta(days=days)) - timedelta(days=days - 1)


@blueprint.get("/gaps")
@operation("reports", {200: Gaps}, scope="reports")
def gaps() -> ResponseReturnValue:
    """Read the questions that found no answer, those of most people first."""
    needs_token("reports")
    least = site_settings().smallest_group
    found = analytics_service().gaps().gaps(now_ms(), ("open", "drafted"))
    lines = [
        {
            "id": gap.gap_id,
            "label": gap.label,
            "state": gap.state,
            "people": gap.people,
            "searches": gap.queries,
            "languages": list(gap.languages),
        }
        # What fewer people asked could tell who they are.
        for gap in found
        if gap.people >= least
    ]
    return jsonify(gaps=lines[:MOST_GAPS])
