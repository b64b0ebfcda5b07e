"""Reports of the desk: figures, the rows behind them, articles, definitions and exports."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode

import orjson
from flask import (
    Blueprint,
    Response,
    abort,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from flask_babel import gettext as _

from kb_app.analytics.model import OUTCOMES, ActionEvent, Episode, QueryEvent
from kb_app.analytics.reports.metrics import Figure, days_to_article, money_saved, share
from kb_app.analytics.reports.pillars import scorecard
from kb_app.analytics.reports.reports import MOST_DAYS_OF_USERS, Period, Reports, Rows
from kb_app.analytics.reports.vendor_definitions import definitions as vendor_definitions
from kb_app.csv_cells import guarded
from kb_app.support.case_metrics import CaseFigures, case_figures
from kb_app.web.core.auth import needs, user
from kb_app.web.core.context import (
    analytics_service,
    event_store,
    now,
    site_settings,
    user_store,
)
from kb_app.web.core.inputs import day, whole_number
from kb_app.web.desk import charts
from kb_app.web.desk.labels import NAMES, format_time

blueprint = Blueprint("desk", __name__, url_prefix="/desk")
Row = TypeVar("Row")
SPANS = (7, 28, 90, 365)
USUAL = 28
# The longest period of a report: three years and their leap day.
MOST_DAYS = 3 * 365 + 1


def reports() -> Reports:
    """The reader of the reports' data."""
    return Reports(event_store().engine)


def period() -> Period:
    """The period and filters in the URL; invalid days are the usual ones, long periods are cut."""
    today = now().astimezone(site_settings().zone).date()
    span = whole_number(request.args.get("days", ""), 1, MOST_DAYS) or USUAL
    last = day(request.args.get("to", "")) or today
    first = day(request.args.get("from", "")) or last - timedelta(days=span - 1)
    first, last = min(first, last), max(first, last)
    narrowed = {
        name: request.args.get(name, "")[:100]
        for name in ("channel", "language", "section", "audience")
    }
    first = max(first, last - timedelta(days=MOST_DAYS - 1))
    return Period(first, last, site_settings().zone, **narrowed)


def arguments(shown: Period) -> dict[str, str]:
    """The URL arguments of a period."""
    return {"from": shown.first.isoformat(), "to": shown.last.isoformat()} | shown.narrowed


@blueprint.get("/reports")
@needs("reports")
def dashboard() -> str:
    """Show the figures of a period beside those of the period before, with charts and lists."""
    shown, reader = period(), reports()
    figures, of_cases = reader.figures(shown), _case_figures(shown)
    earlier = {figure.name: figure for figure in reader.figures(shown.before)}
    days = reader.by_day(shown, [*OUTCOMES, "queries_none", "queries_partly", "queries"])
    by_date = {date.fromisoformat(day): counts for day, counts in days.items()}
    buckets = charts.buckets_of(list(by_date))
    outcomes = {name: {day: counts[name] for day, counts in by_date.items()} for name in OUTCOMES}
    nothing = {
        day: counts["queries_none"] + counts["queries_partly"] for day, counts in by_date.items()
    }

    def drawn(values: Mapping[Any, Mapping[date, float]], title: str) -> charts.Chart:
        summed = {name: charts.summed(by_day, buckets) for name, by_day in values.items()}
        return charts.Chart(buckets, summed, NAMES["outcome_names"], title, _bucket_url)

    return render_template(
        "desk/dashboard.html",
        period=shown,
        args=arguments(shown),
        figures=figures,
        earlier=earlier,
        days=days,
        outcomes=charts.stacked(drawn(outcomes, _("Outcomes by day"))),
        nothing=charts.line(drawn({"no answer": nothing}, _("Searches without an answer by day"))),
        day_url=lambda day: _bucket_url(
            charts.Bucket(date.fromisoformat(day), date.fromisoformat(day), "")
        ),
        top=reader.top_questions(shown),
        unclicked=reader.without_click(shown),
        articles=_titled(reader.articles(shown, 15)),
        unseen=reader.unseen(shown),
        spikes=analytics_service().current_spikes(),
        case_figures=of_cases,
        said_figures=_said_figures(of_cases),
        knowledge_figures=_knowledge_figures(of_cases, shown),
        saved=money_saved(figures[0].part, site_settings().cost),
        dimensions={
            name: reader.values(name) for name in ("channel", "language", "section", "audience")
        },
        spans=SPANS,
        today=now().astimezone(site_settings().zone).date(),
    )


def _bucket_url(bucket: charts.Bucket) -> str:
    """The reports of the days of one bar, narrowed as those that are shown."""
    days = {"from": bucket.first.isoformat(), "to": bucket.last.isoformat()}
    return f"{url_for('desk.dashboard')}?{urlencode(period().narrowed | days)}"


@blueprint.get("/rows")
@needs("rows")
def rows() -> str:
    """List the searches or episodes behind a figure."""
    shown, reader = period(), reports()
    if _asks_for_searches():
        return render_template(
            "desk/searches.html",
            period=shown,
            args=arguments(shown),
            searches=_searches(reader, shown, _page()),
            page_url=_page_url,
            all_rows=_rows_url("desk.all_rows"),
        )
    episodes = _episodes(reader, shown, _page())
    return render_template(
        "desk/episodes.html",
        period=shown,
        args=arguments(shown),
        episodes=episodes,
        page_url=_page_url,
        all_rows=_rows_url("desk.all_rows"),
        asked=_first_queries(episodes),
        title=analytics_service().finder.title,
    )


@blueprint.get("/rows.csv")
@needs("rows")
def all_rows() -> Response:
    """All rows behind a figure as CSV, written page by page."""
    shown, reader = period(), reports()
    lines = _search_lines if _asks_for_searches() else _episode_lines
    user_store().note(user().mail, "exported rows", f"{shown.first} to {shown.last}")
    return Response(
        stream_with_context(_csv(lines(reader, shown))),
        mimetype="text/csv",
        headers=_attached("rows.csv"),
    )


def _search_lines(reader: Reports, shown: Period) -> Iterator[list[Any]]:
    yield ["when", "question", "verdict", "probability", "language", "channel"]
    pages = _pages(lambda page: _searches(reader, shown, page))
    for row in itertools.chain.from_iterable(pages):
        yield [
            *(format_time(row["at"]), guarded(row["user_query"]), row["verdict"]),
            *(row["probability"], row["language"], row["channel"]),
        ]


def _episode_lines(reader: Reports, shown: Period) -> Iterator[list[Any]]:
    yield ["when", "question", "outcome", "reason", "article", "searches"]
    for episodes in _pages(lambda page: _episodes(reader, shown, page)):
        asked = _first_queries(episodes)
        for episode in episodes:
            first = asked.get(episode.query_ids[0]) if episode.query_ids else None
            yield [
                *(format_time(episode.first_at), guarded(first.user_query if first else "")),
                *(episode.outcome, episode.reason, episode.article_id, len(episode.query_ids)),
            ]


def _pages(read: Callable[[int], Rows[Row]]) -> Iterator[Rows[Row]]:
    page = read(1)
    yield page
    for number in range(2, page.pages + 1):
        yield read(number)


def _csv(lines: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Lines as CSV, with the mark by which spreadsheets know UTF-8."""
    yield "\ufeff"
    for line in lines:
        text = io.StringIO()
        csv.writer(text).writerow(line)
        yield text.getvalue()


def _asks_for_searches() -> bool:
    return bool({"verdict", "clicked", "refined"} & set(request.args))


def _searches(reader: Reports, shown: Period, page: int) -> Rows[dict[str, Any]]:
    return reader.searches(
        shown,
        request.args.get("verdict", ""),
        {"1": True, "0": False}.get(request.args.get("clicked", "")),
        "refined" in request.args,
        page=page,
    )


def _first_queries(episodes: Sequence[Episode]) -> dict[str, QueryEvent]:
    ids = [episode.query_ids[0] for episode in episodes if episode.query_ids]
    return {query.query_id: query for query in event_store().queries_of(ids)}


def _episodes(reader: Reports, shown: Period, page: int) -> Rows[Episode]:
    outcomes = [name for name in request.args.get("outcome", "").split(",") if name]
    return reader.episodes(
        shown,
        outcomes,
        "frustrated" in request.args,
        request.args.get("surveyed", ""),
        "read" in request.args,
        page=page,
    )


# Arguments of the rows behind a figure.
_ROWS = (
    *("from", "to", "days", "channel", "language", "section", "audience", "verdict", "clicked"),
    *("refined", "outcome", "frustrated", "surveyed", "read"),
)


def _page_url(number: int) -> str:
    return _rows_url("desk.rows", page=number)


def _rows_url(endpoint: str, **more: Any) -> str:
    kept: dict[str, Any] = {name: request.args[name] for name in _ROWS if name in request.args}
    return url_for(endpoint, **kept, **more)


def _page() -> int:
    return whole_number(request.args.get("page", ""), 1, 10_000) or 1


@blueprint.get("/episodes/<episode_id>")
@needs("rows")
def episode(episode_id: str) -> str:
    """Show an episode step by step, with the rule that decided its outcome."""
    found = reports().episode(episode_id)
    if found is None:
        abort(404)
    return render_template(
        "desk/episode.html",
        episode=found,
        trail=_trail(found),
        title=analytics_service().finder.title,
    )


def _trail(episode: Episode) -> list[QueryEvent | ActionEvent]:
    """What happened in an episode in order: its searches, what was done, linked messages."""
    store = event_store()
    ids = set(episode.query_ids)
    done = {action.event_id: action for action in store.actions_of(episode.query_ids)}
    for action in store.actions(episode.first_at, episode.last_at + 1, [episode.client_id]):
        if not action.query_id or action.query_id in ids:
            done.setdefault(action.event_id, action)
    steps: list[QueryEvent | ActionEvent] = [*store.queries_of(episode.query_ids), *done.values()]
    return sorted(steps, key=lambda step: step.at)


@blueprint.get("/reports/articles")
@needs("reports")
def articles() -> str:
    """List articles by helpfulness and by contacts after reading, with the reasons of no-votes."""
    shown = period()
    return render_template(
        "desk/articles.html",
        period=shown,
        args=arguments(shown),
        articles=_titled(reports().articles(shown, 200)),
        reasons=_said(shown),
    )


@blueprint.get("/inventory")
@needs("reports")
def inventory() -> str:
    """List the most frequent questions and how their frequency changes."""
    shown = period()
    return render_template(
        "desk/inventory.html", period=shown, args=arguments(shown), lines=reports().inventory(shown)
    )


@blueprint.get("/definitions")
@needs("reports")
def definitions() -> str:
    """Show the figures of the same log by the definitions of other products."""
    shown, reader = period(), reports()
    everything = Period(shown.first, shown.last, shown.zone)
    found = vendor_definitions(reader.counts(everything), reader.users(everything))
    figures = {figure.name: figure for figure in reader.figures(everything)}
    return render_template(
        "desk/definitions.html",
        period=shown,
        args=arguments(shown),
        found=found,
        own=figures,
        most=MOST_DAYS_OF_USERS,
    )


@blueprint.get("/pillars")
@needs("reports")
def pillars() -> str:
    """Show KPMG's six pillars, each with its figures."""
    shown = period()
    return render_template(
        "desk/pillars.html",
        period=shown,
        args=arguments(shown),
        pillars=scorecard(reports().counts(shown), _said_figures(_case_figures(shown))),
    )


@blueprint.get("/export.<form>")
@needs("export")
def export(form: str) -> Response:
    """Export the figures and lists of a period as CSV or JSON.

    Questions asked by fewer people than the smallest group are left out.
    """
    if form not in ("csv", "json"):
        abort(404)
    shown, reader = period(), reports()
    least = site_settings().smallest_group
    lines = [line for line in reader.top_questions(shown, 1_000) if line.numbers["people"] >= least]
    user_store().note(user().mail, "exported", f"{shown.first} to {shown.last}")
    of_cases = _case_figures(shown)
    figures = [*reader.figures(shown), *_said_figures(of_cases)]
    figures += _knowledge_figures(of_cases, shown)
    if form == "json":
        questions = [{"text": line.text, **line.numbers} for line in lines]
        body = {
            "from": shown.first,
            "to": shown.last,
            "figures": [vars(figure) for figure in figures],
            "questions": questions,
            "unseen": reader.unseen(shown),
            "cases": asdict(of_cases),
        }
        return Response(
            orjson.dumps(body, option=orjson.OPT_INDENT_2),
            mimetype="application/json",
            headers=_attached("figures.json"),
        )
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["figure", "formula", "part", "whole", "value", "low", "high"])
    writer.writerows(
        [
            figure.name,
            figure.formula,
            figure.part,
            figure.whole,
            figure.value,
            figure.low,
            figure.high,
        ]
        for figure in figures
    )
    writer.writerow([])
    writer.writerow(["question", "searches", "people", "no answer"])
    writer.writerows(
        [
            guarded(line.text),
            line.numbers["searches"],
            line.numbers["people"],
            line.numbers["no answer"],
        ]
        for line in lines
    )
    return Response(
        "\ufeff" + text.getvalue(), mimetype="text/csv", headers=_attached("figures.csv")
    )


def _attached(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


# --- helpers ---


def _titled(lines: list[Any]) -> list[tuple[str, Any]]:
    """Pair each line of an article list with the article's title."""
    return [(analytics_service().finder.title(line.key), line) for line in lines]


def _case_figures(shown: Period) -> CaseFigures:
    at = int(now().timestamp() * 1000)
    return case_figures(
        event_store().engine,
        shown.start,
        shown.end,
        at,
        shown.channel,
        shown.language,
        shown.section,
    )


def _said_figures(found: CaseFigures) -> list[Figure]:
    """Shares of the customers' answers about their cases, with their intervals."""
    answers = found.said_yes + found.said_no
    return [
        share(
            "promise_kept",
            "first answers within the promised time / cases answered or overdue",
            found.kept,
            found.promised,
        ),
        share("case_solved", "said yes / said yes or no", found.said_yes, answers),
        share("case_response", "said yes or no / asked", min(answers, found.asked), found.asked),
        share(
            "satisfied",
            "4 or 5 / answers",
            sum(value >= 4 for value in found.satisfaction),
            len(found.satisfaction),
        ),
        share(
            "easy", "4 or 5 / answers", sum(value >= 4 for value in found.effort), len(found.effort)
        ),
    ]


def _knowledge_figures(found: CaseFigures, shown: Period) -> list[Figure]:
    """How far the team's knowledge becomes articles (KCS v6, 5.14: link rate, known and new)."""
    days = analytics_service().gaps().days_to_articles(shown.start, shown.end)
    return [
        share("cases_linked", "solved with an article / solved", found.linked, found.solved),
        share(
            "cases_known",
            "solved with an article that was there before the case / solved with an article",
            found.known,
            found.dated,
        ),
        days_to_article(days),
    ]


def _said(shown: Period) -> list[dict[str, Any]]:
    found = reports().reasons(shown)
    return [
        entry
        | {
            "said": orjson.loads(entry["attributes"]),
            "title": analytics_service().finder.title(entry["object_id"]),
        }
        for entry in found
    ]
