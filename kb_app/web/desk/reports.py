"""The desk: reports for leads, the rows behind every figure, messages, people."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

import orjson
from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from kb_app.accounts.model import ROLES
from kb_app.accounts.store import AccountError
from kb_app.analytics.model import OUTCOMES, Episode
from kb_app.analytics.reports.metrics import Figure, money_saved, share
from kb_app.analytics.reports.pillars import scorecard
from kb_app.analytics.reports.reports import Period, Reports
from kb_app.support.case_metrics import CaseFigures, case_figures
from kb_app.web.core.context import now, services
from kb_app.web.desk import charts
from kb_app.web.site.account import needs, user

blueprint = Blueprint("desk", __name__, url_prefix="/desk")
SPANS = (7, 28, 90, 365)
USUAL = 28


def set_up_names() -> dict[str, Any]:
    """What the desk's templates call things in the reader's language."""
    return {
        "outcome_names": {
            "confirmed": _("Confirmed"),
            "probable": _("Probable"),
            "unknown": _("Unknown"),
            "unanswered": _("Unanswered"),
            "escalated": _("Reached a person"),
        },
        "figure_names": {
            "confirmed_rate": _("Confirmed self-service"),
            "upper_bound": _("Upper bound: confirmed and probable"),
            "unknown_share": _("Unknown"),
            "unanswered_rate": _("Unanswered"),
            "escalation_rate": _("Reached a person"),
            "never_reached_agent": _("Never reached an agent"),
            "frustrated_rate": _("Frustrated"),
            "probable_gave_up": _("Of the probable ones, gave up (survey)"),
            "survey_response": _("Answered the survey"),
            "no_answer_rate": _("Searches without an answer"),
            "weak_rate": _("Searches with a perhaps"),
            "click_through_per_search": _("Click-through per search"),
            "click_through_per_impression": _("Click-through per article shown"),
            "mean_reciprocal_rank": _("Mean reciprocal rank of clicks"),
            "refinement_rate": _("Asked again in other words"),
            "promise_kept": _("Promises kept"),
            "case_solved": _("Solved, of those who say"),
            "case_response": _("Answered when asked"),
            "satisfied": _("Satisfied (4 or 5 of 5)"),
            "easy": _("It was easy (4 or 5 of 5)"),
            "seconds_to_answer": _("Seconds to the first article read"),
        },
        "reason_names": {
            "ticket": _("a message came"),
            "ticket, solved": _("a message came, and the customer says it is solved"),
            "ticket, not solved": _("a message came, and the customer says it is not solved"),
            "channel opened": _("a phone number or an address was used"),
            "vote_yes": _("said that it helped"),
            "solved_yes": _("said in the survey that it is solved"),
            "no": _("said that it did not help"),
            "contact form left": _("opened the contact form and left it"),
            "nothing found": _("nothing was found"),
            "weak, nothing read": _("only a perhaps was found, and nothing was read"),
            "read": _("an article was read, and nothing more"),
            "left": _("left without a sign"),
            "no sign": _("nothing shows how it ended"),
        },
        "dimension_names": {"channel": _("Channel"), "language": _("Language"), "section": _("Section"), "audience": _("Audience")},
    }


@blueprint.app_context_processor
def _names() -> dict[str, Any]:
    if request.blueprint not in ("desk", "gaps", "inbox", "notices"):
        return {}
    return set_up_names() | {"demo": services().store.is_demo(), "support_problem": services().support_file.look()}


@blueprint.app_template_filter("moment")
def moment(at: int) -> str:
    """A moment where the site is, to the minute."""
    return datetime.fromtimestamp(at / 1000, services().settings.zone).strftime("%Y-%m-%d %H:%M")


@blueprint.app_template_filter("month_name")
def month_name(number: int) -> str:
    """A month of the year in the reader's language."""
    from flask_babel import format_date

    return str(format_date(date(2000, number, 1), "LLLL", rebase=False))


@blueprint.app_template_filter("percent")
def percent(value: float | None) -> str:
    """A share with one decimal; a dash where nothing was counted."""
    return "–" if value is None else f"{value * 100:.1f} %"


def reports() -> Reports:
    """The reader of the database."""
    return Reports(services().store.engine)


def period() -> Period:
    """What the address asks for; days that are none are the usual ones."""
    today = now().astimezone(services().settings.zone).date()
    days = request.args.get("days", "")
    span = int(days) if days.isdigit() and 1 <= int(days[:5]) <= 3650 else USUAL
    last = _day(request.args.get("to", "")) or today
    first = _day(request.args.get("from", "")) or last - timedelta(days=span - 1)
    narrowed = {name: request.args.get(name, "")[:100] for name in ("channel", "language", "section", "audience")}
    return Period(min(first, last), max(first, last), services().settings.zone, **narrowed)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def arguments(shown: Period) -> dict[str, str]:
    """A period as URL arguments."""
    return {"from": shown.first.isoformat(), "to": shown.last.isoformat()} | shown.narrowed


@blueprint.get("/")
@needs("reports")
def dashboard() -> str:
    """Figures of a period beside those of the time before, with charts and lists."""
    shown, reader = period(), reports()
    figures, of_cases = reader.figures(shown), _case_figures(shown)
    earlier = {figure.name: figure for figure in reader.figures(shown.before)}
    days = reader.by_day(shown, [*OUTCOMES, "queries_none", "queries"])
    dates = list(days)
    names = set_up_names()["outcome_names"]
    outcomes = charts.stacked(dates, {name: [days[day][name] for day in dates] for name in OUTCOMES}, names, _("Outcomes by day"))
    nothing = charts.line(dates, {"no answer": [days[day]["queries_none"] for day in dates]}, {}, _("Searches without an answer by day"))
    return render_template(
        "desk/dashboard.html", period=shown, args=arguments(shown), figures=figures, earlier=earlier, days=days, outcomes=outcomes, nothing=nothing,
        top=reader.top_questions(shown), unclicked=reader.without_click(shown), articles=_titled(reader.articles(shown, 15)), unseen=reader.unseen(shown),
        spikes=services().current_spikes(), case_figures=of_cases, said_figures=_said_figures(of_cases),
        saved=money_saved(figures[0].part, services().settings.cost),
        dimensions={name: reader.values(name) for name in ("channel", "language", "section", "audience")}, spans=SPANS,
    )  # fmt: skip


@blueprint.get("/rows")
@needs("rows")
def rows() -> str:
    """The very rows behind a figure."""
    shown, reader = period(), reports()
    if {"verdict", "clicked", "refined"} & set(request.args):
        found = reader.searches(shown, request.args.get("verdict", ""), {"1": True, "0": False}.get(request.args.get("clicked", "")), "refined" in request.args)
        return render_template("desk/searches.html", period=shown, args=arguments(shown), searches=found)
    episodes = _episodes(reader, shown)
    asked = {query.query_id: query for query in services().store.queries_of([episode.query_ids[0] for episode in episodes if episode.query_ids])}
    return render_template("desk/episodes.html", period=shown, args=arguments(shown), episodes=episodes, asked=asked, title=services().finder.title)


def _episodes(reader: Reports, shown: Period) -> list[Episode]:
    outcomes = [name for name in request.args.get("outcome", "").split(",") if name]
    return reader.episodes(shown, outcomes, "frustrated" in request.args, request.args.get("surveyed", ""), "read" in request.args)


@blueprint.get("/episodes/<episode_id>")
@needs("rows")
def episode(episode_id: str) -> str:
    """One visitor's one problem, step by step, and the rule that decided."""
    found = reports().episode(episode_id)
    if found is None:
        abort(404)
    queries = services().store.queries_of(found.query_ids)
    ids = set(found.query_ids)
    done = [action for action in services().store.actions(found.first_at, found.last_at + 1) if action.query_id in ids or action.client_id == found.client_id]
    steps: list[Any] = [*queries, *done]
    trail = sorted(steps, key=lambda event: event.at)
    return render_template("desk/episode.html", episode=found, trail=trail, title=services().finder.title)


@blueprint.get("/articles")
@needs("reports")
def articles() -> str:
    """Articles by helpfulness and by contacts after reading, and what was said with a no."""
    shown = period()
    return render_template("desk/articles.html", period=shown, args=arguments(shown), articles=_titled(reports().articles(shown, 200)), reasons=_said(shown))


@blueprint.get("/inventory")
@needs("reports")
def inventory() -> str:
    """The most frequent questions and how they change."""
    shown = period()
    return render_template("desk/inventory.html", period=shown, args=arguments(shown), lines=reports().inventory(shown))


@blueprint.get("/definitions")
@needs("reports")
def definitions() -> str:
    """The same log under the definitions of other products."""
    from kb_app.analytics.reports.vendor_definitions import definitions as work_out

    shown = period()
    store = services().store
    found = work_out(store.queries(shown.start, shown.end), store.actions(shown.start, shown.end))
    own = {figure.name: figure for figure in reports().figures(shown)}
    return render_template("desk/definitions.html", period=shown, args=arguments(shown), found=found, own=own)


@blueprint.get("/pillars")
@needs("reports")
def pillars() -> str:
    """KPMG's six pillars, each tied to figures above."""
    shown = period()
    return render_template(
        "desk/pillars.html", period=shown, args=arguments(shown), pillars=scorecard(reports().counts(shown), _said_figures(_case_figures(shown)))
    )


@blueprint.get("/export.<form>")
@needs("export")
def export(form: str) -> Response:
    """All figures and lists of a period as CSV or JSON; questions that fewer people asked than the smallest group are left out."""
    if form not in ("csv", "json"):
        abort(404)
    shown, reader = period(), reports()
    least = services().settings.smallest_group
    lines = [line for line in reader.top_questions(shown, 1_000) if line.numbers["people"] >= least]
    services().users.note(user().mail, "exported", f"{shown.first} to {shown.last}")
    of_cases = _case_figures(shown)
    figures = [*reader.figures(shown), *_said_figures(of_cases)]
    if form == "json":
        questions = [{"text": line.text, **line.numbers} for line in lines]
        body = {
            "from": shown.first, "to": shown.last, "figures": [vars(figure) for figure in figures], "questions": questions,
            "unseen": reader.unseen(shown), "cases": asdict(of_cases),
        }  # fmt: skip
        return Response(orjson.dumps(body, option=orjson.OPT_INDENT_2), mimetype="application/json", headers=_attached("figures.json"))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["figure", "formula", "part", "whole", "value", "low", "high"])
    writer.writerows([figure.name, figure.formula, figure.part, figure.whole, figure.value, figure.low, figure.high] for figure in figures)
    writer.writerow([])
    writer.writerow(["question", "searches", "people", "no answer"])
    writer.writerows([harmless(line.text), line.numbers["searches"], line.numbers["people"], line.numbers["no answer"]] for line in lines)
    return Response("\ufeff" + text.getvalue(), mimetype="text/csv", headers=_attached("figures.csv"))


def harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP: CSV injection)."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text


def _attached(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


# --- people ------------------------------------------------------------------------------------------------------------------


@blueprint.route("/users", methods=["GET", "POST"])
@needs("users")
def users() -> str | BaseResponse:
    """Who may sign in, and as what."""
    if request.method == "POST":
        try:
            _change_user()
        except AccountError as error:
            flash(str(error))
        return redirect(url_for("desk.users"), 303)
    return render_template("desk/users.html", users=services().users.all(), roles=ROLES, me=user())


def _change_user() -> None:
    store, me = services().users, user()
    number = request.form.get("user_id", "")
    if not number:
        made = store.add(request.form.get("mail", "").strip(), request.form.get("role", ""), request.form.get("name", "").strip())
        store.note(me.mail, "added account", f"{made.mail} as {made.role}")
        return
    if not number.isdigit() or int(number[:12]) == me.user_id:
        raise AccountError(_("You cannot change your own account here."))
    role, active = request.form.get("role") or None, {"on": True, "off": False}.get(request.form.get("active", ""))
    store.change(int(number), role, active)
    if active is None:
        store.rename(int(number), request.form.get("name", "").strip())
    store.note(me.mail, "changed account", f"{number}: {role or ''} {'' if active is None else 'on' if active else 'off'}".strip())


@blueprint.get("/audit")
@needs("audit")
def audit() -> str:
    """Who did what."""
    return render_template("desk/audit.html", notes=services().users.notes())


# --- parts -------------------------------------------------------------------------------------------------------------------


def _titled(lines: list[Any]) -> list[tuple[str, Any]]:
    """(title, line) of lists of articles."""
    return [(services().finder.title(line.key), line) for line in lines]


def _case_figures(shown: Period) -> CaseFigures:
    at = int(now().timestamp() * 1000)
    return case_figures(services().store.engine, shown.start, shown.end, at, shown.channel, shown.language, shown.section)


def _said_figures(found: CaseFigures) -> list[Figure]:
    """What customers say of their cases, as shares with their interval."""
    said = found.said_yes + found.said_no
    return [
        share("promise_kept", "first answers within the promised time / cases answered or overdue", found.kept, found.promised),
        share("case_solved", "said yes / said yes or no", found.said_yes, said),
        share("case_response", "said yes or no / asked", min(said, found.asked), found.asked),
        share("satisfied", "4 or 5 / answers", sum(value >= 4 for value in found.satisfaction), len(found.satisfaction)),
        share("easy", "4 or 5 / answers", sum(value >= 4 for value in found.effort), len(found.effort)),
    ]


def _said(shown: Period) -> list[dict[str, Any]]:
    found = reports().reasons(shown)
    return [entry | {"said": orjson.loads(entry["attributes"]), "title": services().finder.title(entry["object_id"])} for entry in found]
