"""Display names and filters of the desk's templates, in the reader's language."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from flask import Flask, current_app, request
from flask_babel import lazy_gettext as _

from kb_app.web.core.auth import user
from kb_app.web.core.context import event_store, services, site_settings
from kb_app.web.desk.navigation import current_group, groups_for

DESK = "/desk"
# Lazy texts: each is translated when it is rendered.
NAMES: dict[str, dict[str, Any]] = {
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
        "topic_alone_rate": _("Searches with the topic known and no answer"),
        "weak_rate": _("Searches with a perhaps"),
        "click_through_per_search": _("Click-through per search"),
        "click_through_per_impression": _("Click-through per article shown"),
        "mean_reciprocal_rank": _("Mean reciprocal rank of clicks"),
        "refinement_rate": _("Asked again in other words"),
        "promise_kept": _("Promises kept"),
        "cases_linked": _("Solved cases that name their article"),
        "cases_known": _("Of these, the article was there before the case"),
        "days_to_article": _("Days from a question to its article"),
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
        "topic known, no answer": _("the topic was found, and no answer"),
        "weak, nothing read": _("only a perhaps was found, and nothing was read"),
        "read": _("an article was read, and nothing more"),
        "left": _("left without a sign"),
        "no sign": _("nothing shows how it ended"),
    },
    "action_names": {
        "click": _("opened a result"),
        "view": _("saw an article"),
        "engaged": _("read the article"),
        "copy": _("copied from the article"),
        "vote_yes": _("said that it helped"),
        "vote_no": _("said that it did not help"),
        "vote_reason": _("said what was missing"),
        "solved_yes": _("said in the survey that it is solved"),
        "solved_no": _("said in the survey that it is not solved"),
        "survey_shown": _("was asked whether it is solved"),
        "refine": _("changed the question"),
        "contact_open": _("opened the contact form"),
        "contact_leave": _("left the contact form"),
        "contact_suggestion_click": _("opened an article that the contact form offered"),
        "channel_opened": _("used a phone number or an address"),
        "ticket_created": _("sent a message"),
        "ticket_resolved": _("the message was answered"),
    },
    "dimension_names": {
        "channel": _("Channel"),
        "language": _("Language"),
        "section": _("Section"),
        "audience": _("Audience"),
    },
}


def set_up(app: Flask) -> None:
    """Register the names and filters of the desk's templates."""
    app.context_processor(_names)
    app.jinja_env.filters.update(moment=format_time, month_name=month_name, percent=percent)


def _names() -> dict[str, Any]:
    part = current_app.blueprints.get(request.blueprint or "")
    if part is None or not (part.url_prefix or "").startswith(DESK):
        return {}
    groups = groups_for(user())
    return NAMES | {
        "desk_groups": groups,
        "desk_group": current_group(groups, request.endpoint or ""),
        "demo": event_store().is_demo(),
        "support_problem": services().support_file.look(),
    }


def format_time(at: int) -> str:
    """Format a time in ms as date and minute in the site's time zone."""
    return datetime.fromtimestamp(at / 1000, site_settings().zone).strftime("%Y-%m-%d %H:%M")


def month_name(number: int) -> str:
    """The name of a month, 1 to 12, in the reader's language."""
    from flask_babel import format_date

    return str(format_date(date(2000, number, 1), "LLLL", rebase=False))


def percent(value: float | None) -> str:
    """Format a share, 0 to 1, as % with one decimal; a dash for None."""
    return "–" if value is None else f"{value * 100:.1f} %"
