"""The contact page: the form, articles that may answer the message, and opening the case.

All of it works without JavaScript.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from markupsafe import Markup
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response as BaseResponse

from indexer.model import Article, ArticleSummary
from kb_app.analytics import model as m
from kb_app.durations import HOUR
from kb_app.support.case_fields import field_problems, known_fields
from kb_app.support.model import LONGEST_MESSAGE, Case, NewCase
from kb_app.support.spam import spam_reason
from kb_app.web.core import tracking
from kb_app.web.core.article_body import render_body
from kb_app.web.core.context import (
    audiences,
    event_store,
    now,
    services,
    site_settings,
    snapshot,
    support_service,
)
from kb_app.web.core.forms import (
    given_fields,
    given_form_id,
    given_text,
    keep_files,
    once_of,
    takes_files,
    waiting_files,
)
from kb_app.web.core.inputs import whole_number
from kb_app.web.core.own_ids import with_own_ids
from kb_app.web.core.same_site import require_same_site
from kb_app.web.core.search import LONGEST_ASKED, ask
from kb_app.web.core.steps import steps
from kb_app.web.core.tracking import now_ms
from kb_app.web.core.urls import language_of_address
from kb_app.web.core.visitor import visitor
from search.model import Results

blueprint = Blueprint("contact", __name__)
blueprint.url_value_preprocessor(language_of_address)
takes_files(blueprint)
SUGGESTED = 3
# The case includes the visitor's steps of this period.
TRAIL = 24 * HOUR
MOST_STEPS = 20
# How long to wait for a just-recorded search to reach the database.
LONGEST_WAIT_S, LOOK_AGAIN_S = 1.0, 0.05
MOST_STEPS_READ = 999
SUGGESTED_FOR = ("question", "problem")


@dataclass(frozen=True)
class Suggestion:
    """An article that may answer the message, readable in place."""

    card: ArticleSummary
    body: Markup
    position: int


@blueprint.after_request
def _own(response: Response) -> Response:
    """Forbid shared caches: the page holds this visitor's form id and text."""
    response.headers["Cache-Control"] = "private"
    return response


@blueprint.get("/<ui:ui>/contact")
def contact(ui: str) -> str:
    """Show the contact form."""
    query_id = tracking.given_id()
    _wait_for_log(query_id)
    stuck = _stuck_steps(request.args)
    tracking.put(
        m.CONTACT_OPEN,
        query_id=query_id or None,
        object_id=stuck[0]["article"] if stuck else "",
        attributes={"step": stuck[0]["step"]} if stuck else None,
        event_id=tracking.once_in_a_visit(m.CONTACT_OPEN, query_id),
        language=ui,
    )
    query = _asked(query_id)
    is_own = (
        query is not None and query.client_id is not None and query.client_id == visitor().client_id
    )
    text = query.user_query if query and is_own else ""
    return _form(
        str(uuid.uuid4()),
        query_id,
        {"message": text, "kind": request.args.get("kind", "question"), **_stuck_at()},
        {},
    )


@blueprint.post("/<ui:ui>/contact")
def send(ui: str) -> str | BaseResponse | tuple[str, int]:
    """Suggest articles once, else open a case; submitting a form twice opens one case."""
    require_same_site()
    form, form_id = request.form, given_form_id()
    query_id = tracking.given_id()
    known = support_service().cases.by_form(form_id)
    if known is not None:
        return _again(ui, known, form_id)
    results = ask(form.get("message", ""), ui, SUGGESTED)
    if form.get("answered"):
        return _answered(ui, form["answered"], query_id, form_id)
    given = _new_case(ui, form_id, query_id, results)
    asked = support_service().config.fields
    problems: dict[str, Any] = given.problems() | {
        f"field-{name}": what for name, what in field_problems(given_fields(), asked).items()
    }
    problems |= keep_files(form_id)
    if problems:
        return _form(form_id, query_id, form, problems), 422
    if (
        form.get("do") != "anyway"
        and given.kind in SUGGESTED_FOR
        and not given.spam
        and results is not None
    ):
        suggestions = _suggestions(results, ui, but=request.form.get("article", ""))
        if suggestions:
            asked_id = _record(results, given.message, ui, query_id)
            return render_template(
                "site/contact_suggestions.html",
                form=form,
                form_id=form_id,
                query_id=query_id or asked_id,
                suggestions=suggestions,
                files=waiting_files(form_id),
                chosen_trail=form.getlist("trail"),
                limits=support_service().config,
            )
    case = support_service().workflow.open(given, now_ms())
    return redirect(_sent(ui, case.case_id), 303)


def _asked(query_id: str) -> m.QueryEvent | None:
    """The recorded search with this id; None where there is none."""
    try:
        return event_store().query(query_id) if query_id else None
    except SQLAlchemyError:
        return None


def _wait_for_log(query_id: str) -> None:
    """Flush events and wait briefly for the search, which another web process may have recorded."""
    deadline = time.monotonic() + LONGEST_WAIT_S
    services().events.flush(LONGEST_WAIT_S)
    while tracking.known(query_id) and _asked(query_id) is None and time.monotonic() < deadline:
        time.sleep(LOOK_AGAIN_S)


def _again(ui: str, known: Case, form_id: str) -> BaseResponse:
    """Handle a repeated form: the same text changes nothing, another text is added to the case."""
    text = given_text("message")
    if text and text != known.message and len(text) <= LONGEST_MESSAGE:
        keep_files(form_id)
        support_service().workflow.customer_says(
            known, text, now_ms(), once=once_of(form_id, text), files=form_id
        )
    return redirect(_sent(ui, known.case_id), 303)


def _sent(ui: str, case_id: str) -> str:
    token = support_service().links.make("case", case_id, now_ms())
    return url_for("cases.status", ui=ui, token=token, sent=1)


def _form(form_id: str, query_id: str, form: Any, problems: dict[str, Any]) -> str:
    return render_template(
        "site/contact.html",
        form=form,
        problems=problems,
        form_id=form_id,
        query_id=query_id,
        trail=my_trail() + _stuck_steps(form),
        files=waiting_files(form_id),
        limits=support_service().config,
        ladder=support_service().config.ladder,
    )


def _new_case(ui: str, form_id: str, query_id: str, results: Results | None) -> NewCase:
    form = request.form
    chosen = set(form.getlist("trail"))
    query = _asked(query_id)
    best_section = (
        results.hits[0].document.section
        if results and results.hits and results.verdict != "none"
        else ""
    )
    section = best_section or (query.section if query and query.verdict != "none" else "")
    language = site_settings().spoken(results.lang) if results and results.lang else ui
    return NewCase(
        form_id=form_id,
        kind=form.get("kind", "question"),
        message=given_text("message"),
        name=form.get("name", ""),
        mail=form.get("mail", ""),
        language=language,
        section=section,
        query_id=query_id if tracking.known(query_id) else "",
        client_id=visitor().client_id,
        trail=tuple(step for step in my_trail() + _stuck_steps(form) if step["id"] in chosen),
        fields=known_fields(given_fields(), support_service().config.fields),
        recorded=visitor().recorded and not visitor().bot,
        spam=spam_reason(form.get("message", ""), form.get("name", ""), form.get("website", "")),
    )


# --- suggestions ---


def _suggestions(results: Results, ui: str, but: str) -> list[Suggestion]:
    """The articles that may answer, with their full text; none for the verdict "none".

    ``but`` is the article that the visitor is stuck in: it did not answer.
    """
    if results.verdict == "none":
        return []
    articles = snapshot().articles
    suggestions = []
    for position, hit in enumerate(results.hits, 1):
        card, full = articles.summaries.get(hit.article_id), articles.article(hit.article_id)
        if card and full and card.id != but:
            suggestions.append(
                Suggestion(
                    card,
                    # Tabs of two articles must not work on each other.
                    with_own_ids(_body(full, ui), f"answer-{position}"),
                    position,
                )
            )
    return suggestions


def _body(full: Article, ui: str) -> Markup:
    visible = now(), audiences()
    return render_body(full.html, snapshot().articles, lambda one: one.visible(*visible), ui)


def _record(results: Results, message: str, ui: str, before: str) -> str:
    query_id = tracking.new_query_id(results)
    tracking.record_query(
        query_id,
        " ".join(message.split())[:LONGEST_ASKED],
        results,
        ui,
        {},
        channel="contact",
        origin="contact form",
    )
    if before:
        tracking.record_refinement(query_id, before)
    return query_id


def _answered(ui: str, article_id: str, query_id: str, form_id: str) -> str:
    """Record that a suggestion answered the question; no case is opened, and the text is kept."""
    if tracking.article_known(article_id):
        known = query_id or None
        tracking.put(
            m.CONTACT_SUGGESTION_CLICK,
            query_id=known,
            object_id=article_id,
            event_id=f"{form_id}:opened",
            channel="contact",
            language=ui,
        )
        tracking.put(
            m.SOLVED_YES,
            query_id=known,
            object_id=article_id,
            event_id=f"{form_id}:solved",
            channel="contact",
            language=ui,
        )
    return render_template(
        "site/contact_solved.html",
        form=request.form,
        form_id=form_id,
        query_id=query_id,
        chosen_trail=request.form.getlist("trail"),
        limits=support_service().config,
    )


# --- what goes along with the message ---


def _stuck_at() -> dict[str, str]:
    """The article and the step that the address names."""
    return {name: request.args.get(name, "")[:200] for name in ("article", "step")}


def _stuck_steps(form: Any) -> list[dict[str, Any]]:
    """The step of an article that the visitor could not go beyond; none without one."""
    name, place = form.get("article", ""), whole_number(form.get("step", ""), 1, MOST_STEPS_READ)
    card, full = snapshot().articles.summaries.get(name), snapshot().articles.article(name)
    if card is None or full is None or place is None or not card.visible(now(), audiences()):
        return []
    return [
        {
            "id": f"step:{name}:{place}",
            "kind": "step",
            "text": card.title,
            "article": name,
            "step": step.number,
            "words": step.text,
            "at": now_ms(),
        }
        for step in steps(full.html)
        if step.place == place
    ]


# --- the visitor's trail ---


def my_trail() -> list[dict[str, Any]]:
    """This visitor's recent searches and articles, oldest first; none without a client id."""
    client = visitor().client_id
    try:
        return _steps(client) if client else []
    except SQLAlchemyError:  # the form must render despite a database error
        return []


def _steps(client: str) -> list[dict[str, Any]]:
    store, since = event_store(), now_ms() - TRAIL
    steps = [
        {"id": query.query_id, "kind": "search", "text": query.user_query, "at": query.at}
        for query in store.queries(since, now_ms() + 1, [client])
    ]
    cards = snapshot().articles.summaries
    for action in store.actions(since, now_ms() + 1, [client]):
        if action.action_name == m.VIEW and action.object_id in cards:
            steps.append(
                {
                    "id": action.event_id,
                    "kind": "article",
                    "text": cards[action.object_id].title,
                    "article": action.object_id,
                    "at": action.at,
                }
            )
    return sorted(steps, key=lambda step: (step["at"], step["id"]))[-MOST_STEPS:]
