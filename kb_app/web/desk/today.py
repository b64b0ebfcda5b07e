"""The first page after signing in: what is to be done, each with one link, and three figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, render_template, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from kb_app.analytics.reports.metrics import Figure
from kb_app.analytics.reports.reports import Period, Reports
from kb_app.db.kept_changes import REVIEW
from kb_app.support.case_store import Filter
from kb_app.web.core.auth import needs, user
from kb_app.web.core.context import (
    analytics_service,
    event_store,
    now,
    services,
    site_settings,
    snapshot,
    support_service,
)
from kb_app.web.core.hidden_cases import hidden_step
from kb_app.web.core.tracking import now_ms
from kb_app.web.desk import charts
from kb_app.web.desk.article_checks import findings

blueprint = Blueprint("today", __name__, url_prefix="/desk")
DAYS = 28
GAPS = 3
# The figures shown, with the daily measures whose share their sparkline draws.
FIGURES = {
    "confirmed_rate": ("confirmed", "episodes"),
    "unanswered_rate": ("unanswered", "episodes"),
    "escalation_rate": ("escalated", "episodes"),
}


@dataclass(frozen=True)
class Task:
    """Something to be done: how many, what, and where."""

    count: int
    text: str
    url: str
    action: str
    urgent: bool = False


@dataclass(frozen=True)
class Trend:
    """A figure of the last days, beside that of the days before."""

    figure: Figure
    before: Figure
    spark: Any
    url: str

    @property
    def change(self) -> float | None:
        """The difference to the days before; None where one of them has no value."""
        if self.figure.value is None or self.before.value is None:
            return None
        return self.figure.value - self.before.value

    @property
    def beyond_chance(self) -> bool:
        """Whether the 95 % intervals of both do not overlap."""
        here, there = self.figure, self.before
        if None in (here.low, here.high, there.low, there.high):
            return False
        return here.low > there.high or here.high < there.low  # type: ignore[operator]


@blueprint.get("/")
@needs("internal")
def today() -> str:
    """Show what the signed-in user's role has to do, and how the site does."""
    to_do = [*_cases(), *_questions(), *_articles()]
    return render_template(
        "desk/today.html",
        to_do=sorted(to_do, key=lambda task: not task.urgent),
        spikes=analytics_service().current_spikes() if user().may("triage") else (),
        gaps=_gaps() if user().may("triage") else (),
        trends=_trends() if user().may("reports") else (),
        days=DAYS,
    )


def _cases() -> Iterator[Task]:
    if not user().may("cases"):
        return
    late = _count(state="late")
    mine, free = _count(state="open", owner=user().mail), _count(state="open", owner="-")
    if late:
        yield Task(
            late,
            ngettext("case is overdue", "cases are overdue", late),
            url_for("inbox.cases", state="late"),
            _("Answer"),
            urgent=True,
        )
    if mine:
        yield Task(
            mine,
            ngettext(
                "case of yours waits for an answer", "cases of yours wait for an answer", mine
            ),
            url_for("inbox.cases", state="open", owner=user().mail),
            _("Answer"),
        )
    if free:
        yield Task(
            free,
            ngettext("case belongs to nobody yet", "cases belong to nobody yet", free),
            url_for("inbox.cases", state="open", owner="-"),
            _("Take one"),
        )
    handed = _rows(Filter(state="unfinished", handed_by=user().mail))
    if handed:
        yield Task(
            handed,
            ngettext(
                "case that you handed over is not solved yet",
                "cases that you handed over are not solved yet",
                handed,
            ),
            url_for("inbox.cases", handed="1", state="unfinished"),
            _("Look"),
        )
    abuse = _rows(Filter(state="recent", abuse=True)) if user().may("outbox") else 0
    if abuse:
        yield Task(
            abuse,
            ngettext("report of harassment", "reports of harassment", abuse),
            url_for("inbox.cases", abuse="1", state="recent"),
            _("Help"),
            urgent=True,
        )
    dead = support_service().outbox.counts().get("dead", 0) if user().may("outbox") else 0
    if dead:
        yield Task(
            dead,
            ngettext("mail could not be sent", "mails could not be sent", dead),
            url_for("inbox.outbox"),
            _("Look"),
            urgent=True,
        )


def _count(state: str, owner: str = "") -> int:
    return _rows(Filter(state=state, owner=owner))


def _rows(wanted: Filter) -> int:
    """How many cases the inbox shows for a filter."""
    seen = replace(wanted, but_step=hidden_step())
    return support_service().cases.inbox(seen, now_ms()).total


def _questions() -> Iterator[Task]:
    if not user().may("triage"):
        return
    mine = [gap for gap in _open_gaps(("assigned", "drafted")) if gap.owner == user().mail]
    if mine:
        yield Task(
            len(mine),
            ngettext("question is yours to answer", "questions are yours to answer", len(mine)),
            url_for("gaps.gaps", mine="1"),
            _("Go on"),
        )
    offered = analytics_service().gaps().offered()
    if offered:
        yield Task(
            offered,
            ngettext(
                "confirmed question can be learned", "confirmed questions can be learned", offered
            ),
            url_for("gaps.learned"),
            _("Decide"),
        )


def _open_gaps(states: tuple[str, ...]) -> list[Any]:
    return analytics_service().gaps().gaps(now_ms(), states)


def _gaps() -> list[Any]:
    return _open_gaps(("open",))[:GAPS]


def _articles() -> Iterator[Task]:
    if not user().may("write"):
        return
    cards = snapshot().articles.summaries.values()
    day = now().astimezone(site_settings().zone).date()
    overdue = sum(card.review_by is not None and card.review_by <= day for card in cards)
    if overdue:
        yield Task(
            overdue,
            ngettext("article is due for a review", "articles are due for a review", overdue),
            url_for("article_list.articles", show="overdue"),
            _("Review"),
        )
    kept = services().kept_changes.all()
    waiting = sum(change.state == REVIEW and change.by != user().mail for change in kept)
    if waiting:
        yield Task(
            waiting,
            ngettext("change waits for a review", "changes wait for a review", waiting),
            url_for("reviews.reviews"),
            _("Review"),
        )
    drafts = sum(card.status == "draft" for card in cards)
    if drafts:
        yield Task(
            drafts,
            ngettext("article is a draft", "articles are drafts", drafts),
            url_for("article_list.articles", status="draft"),
            _("Finish"),
        )
    apart = sum(
        one.finding.kind == "contradiction" and not one.finding.set_aside_by for one in findings()
    )
    if apart:
        yield Task(
            apart,
            ngettext("pair of articles contradicts", "pairs of articles contradict", apart),
            url_for("article_checks.checks"),
            _("Compare"),
        )
    last = services().indexing.last_build()
    errors = sum(p.severity == "error" for p in last.report.problems) if last else 0
    if errors:
        yield Task(
            errors,
            ngettext("error in the articles", "errors in the articles", errors),
            url_for("editor.build"),
            _("Mend"),
            urgent=True,
        )


def _trends() -> list[Trend]:
    last = now().astimezone(site_settings().zone).date()
    period = Period(last - timedelta(days=DAYS - 1), last, site_settings().zone)
    reader = Reports(event_store().engine)
    here = {figure.name: figure for figure in reader.figures(period)}
    there = {figure.name: figure for figure in reader.figures(period.before)}
    measures = sorted({name for pair in FIGURES.values() for name in pair})
    by_day = reader.by_day(period, measures).values()
    return [
        Trend(
            here[name],
            there[name],
            charts.sparkline([day[part] / day[whole] if day[whole] else None for day in by_day]),
            _rows_url(here[name], period),
        )
        for name, (part, whole) in FIGURES.items()
    ]


def _rows_url(figure: Figure, period: Period) -> str:
    """The rows that a figure counts, or the reports for whoever may not see rows."""
    days = {"from": period.first.isoformat(), "to": period.last.isoformat()}
    if user().may("rows") and figure.rows:
        return f"{url_for('desk.rows')}?{urlencode(days)}&{figure.rows}"
    return f"{url_for('desk.dashboard')}?{urlencode(days)}"
