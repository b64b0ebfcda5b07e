"""The work list of questions without an answer: triage, drafts, questions and synonyms added to files, learned questions."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from indexer.editing import EditConflictError
from kb_app.analytics.gaps.gap_store import Gap, GapStore
from kb_app.analytics.gaps.gaps import STATES
from kb_app.web.core.auth import needs, user
from kb_app.web.core.context import analytics_service, site_settings, snapshot, user_store
from kb_app.web.core.tracking import moment
from kb_app.web.desk.editor import author, editor

blueprint = Blueprint("gaps", __name__, url_prefix="/desk")
TESTS_IN_DRAFT = 10


def store() -> GapStore:
    """The gaps."""
    return analytics_service().gaps()


@blueprint.get("/gaps")
@needs("triage")
def gaps() -> str:
    """All gaps in some states, those of most people first."""
    state = request.args.get("state", "")
    shown = [state] if state in STATES else ["open", "assigned", "drafted"]
    found = store().gaps(moment(), shown)
    advice = {gap.gap_id: store().advice(gap, analytics_service().finder) for gap in found[:50]}
    return render_template(
        "desk/gaps.html",
        gaps=found,
        advice=advice,
        state=state,
        states=STATES,
        may_edit=user().may("write"),
    )


@blueprint.get("/gaps/<gap_id>")
@needs("triage")
def gap(gap_id: str) -> str:
    """One gap with its questions and what can be done."""
    found = _found(gap_id)
    nearest, action = store().advice(found, analytics_service().finder)
    return render_template(
        "desk/gap.html",
        gap=found,
        nearest=nearest,
        action=action,
        states=STATES,
        sections=_sections(),
        title=analytics_service().finder.title,
    )


@blueprint.post("/gaps/<gap_id>")
@needs("triage")
def decide(gap_id: str) -> BaseResponse:
    """One key press: take it, dismiss it, write it, add it to an article."""
    found = _found(gap_id)
    done = request.form.get("do", "")
    try:
        target = _do(found, done)
    except EditConflictError as error:
        flash(str(error))
        return redirect(url_for("gaps.gap", gap_id=gap_id), 303)
    user_store().note(user().mail, f"gap: {done}"[:64], f"{gap_id} {found.label}")
    return redirect(target, 303)


def _do(found: Gap, done: str) -> str:
    """Carry out a decision; returns where to go next."""
    now, here = moment(), url_for("gaps.gap", gap_id=found.gap_id)
    if done == "take":
        store().change(found.gap_id, now, state="assigned", owner=user().mail)
    elif done == "dismiss":
        store().change(
            found.gap_id,
            now,
            state="dismissed",
            reason=request.form.get("reason", "").strip()[:500] or _("not ours"),
        )
        return url_for("gaps.gaps")
    elif done == "reopen":
        store().change(found.gap_id, now, state="open", reason="")
    elif done == "note":
        store().change(found.gap_id, now, notes=request.form.get("notes", "").strip()[:5_000])
    elif done == "write":
        return _write(found)
    elif done == "question":
        _add_question(found)
    elif done == "synonym":
        words = [
            word
            for word in request.form.get("words", "").replace("、", ",").split(",")
            if word.strip()
        ]
        editor().add_synonym(found.questions[0].language or "en", words, author())
        flash(_("The synonyms are in synonyms.yml."))
    else:
        abort(400)
    return here


def _write(found: Gap) -> str:
    """A draft that carries the gap's questions as its tests."""
    title = request.form.get("title", "").strip()[:200] or found.label
    lang = (
        request.form.get("lang", "") or found.questions[0].language or site_settings().languages[0]
    )
    tests = [question.text for question in found.questions if question.text != title][
        :TESTS_IN_DRAFT
    ]
    name, article_id = editor().draft(
        lang, request.form.get("section", "general"), title, tests, author()
    )
    store().change(
        found.gap_id,
        moment(),
        state="drafted",
        owner=found.owner or user().mail,
        article_id=article_id,
    )
    return url_for("editor.edit", name=name)


def _add_question(found: Gap) -> None:
    """Add the gap's questions to an article as other ways of asking it."""
    article_id = request.form.get("article_id", "")
    card = snapshot().library.cards.get(article_id)
    if card is None:
        raise EditConflictError(_("There is no such article any more."))
    wanted = [question.text for question in found.questions if question.language == card.lang] or [
        found.questions[0].text
    ]
    edit = editor()
    added = edit.add_questions(edit.open(card.path), wanted[:TESTS_IN_DRAFT], author())
    store().change(
        found.gap_id,
        moment(),
        state="drafted",
        article_id=article_id,
        owner=found.owner or user().mail,
    )
    flash(_("%(num)d questions added to %(title)s.", num=added, title=card.title))


# --- writing -------------------------------------------------------------------------------------------------------------------


# --- learned questions -----------------------------------------------------------------------------------------------------------


@blueprint.route("/learned", methods=["GET", "POST"])
@needs("triage")
def learned() -> str | BaseResponse:
    """Questions that people confirmed an article answers: approve or refuse, many at once."""
    if request.method == "POST":
        chosen = [
            (key, article)
            for key, tab, article in (
                value.partition("\t") for value in request.form.getlist("chosen")
            )
            if tab
        ]
        state = {"approve": "approved", "refuse": "refused"}.get(request.form.get("do", ""))
        if state is None:
            abort(400)
        if state == "approved":
            _teach(chosen)
        store().decide_learned(chosen, state, user().mail, moment())
        user_store().note(user().mail, f"learned: {state}", str(len(chosen)))
        return redirect(url_for("gaps.learned"), 303)
    return render_template(
        "desk/learned.html", offered=store().learned(), title=analytics_service().finder.title
    )


def _teach(chosen: list[tuple[str, str]]) -> None:
    """Write approved questions to learned.yml, article by article."""
    known = {(row["text_key"], row["article_id"]): row["text"] for row in store().learned()}
    by_article: dict[str, list[str]] = {}
    for pair in chosen:
        if pair in known:
            by_article.setdefault(pair[1], []).append(known[pair])
    for article_id, texts in by_article.items():
        editor().add_learned(article_id, texts, author())


def _found(gap_id: str) -> Gap:
    found = store().gap(gap_id, moment())
    if found is None:
        abort(404)
    return found


def _sections() -> list[str]:
    return sorted({card.section for card in snapshot().library.cards.values()}) or ["general"]
