"""Content gaps: triage of unanswered questions, drafts, added questions and synonyms.

Also the approval of learned questions.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from indexer.editing.model import EditConflictError
from indexer.errors import BuildFailedError
from kb_app.analytics.gaps.gap_store import Gap, GapStore
from kb_app.analytics.gaps.gaps import STATES
from kb_app.web.core.article_body import render_body
from kb_app.web.core.auth import needs, user
from kb_app.web.core.context import analytics_service, services, site_settings, snapshot, user_store
from kb_app.web.core.tracking import now_ms
from kb_app.web.desk.article_files import folder_for
from kb_app.web.desk.articles_folder import author, editor

blueprint = Blueprint("gaps", __name__, url_prefix="/desk")
TESTS_IN_DRAFT = 10


def store() -> GapStore:
    """The store of gaps."""
    return analytics_service().gaps()


@blueprint.get("/gaps")
@needs("triage")
def gaps() -> str:
    """List the gaps in the chosen states, those with most people first."""
    state = request.args.get("state", "")
    shown = [state] if state in STATES else ["open", "assigned", "drafted"]
    results = store().gaps(now_ms(), shown)
    if "mine" in request.args:
        results = [gap for gap in results if gap.owner == user().mail]
    advice = {gap.gap_id: store().advice(gap, analytics_service().finder) for gap in results[:50]}
    return render_template(
        "desk/gaps.html",
        gaps=results,
        advice=advice,
        state=state,
        states=STATES,
        draft_of=_article_url,
        undo=_dismissed(),
        was=request.args.get("was", ""),
    )


@blueprint.get("/gaps/<gap_id>")
@needs("triage")
def gap(gap_id: str) -> str:
    """Show a gap with its questions and the possible actions."""
    gap = _gap_or_404(gap_id)
    nearest, action = store().advice(gap, analytics_service().finder)
    return render_template(
        "desk/gap.html",
        gap=gap,
        nearest=nearest,
        action=action,
        states=STATES,
        sections=_sections(),
        section_names=snapshot().articles.sections,
        title=analytics_service().finder.title,
        draft=_article_url(gap),
        nearest_edit=_edit_url(nearest.article_id) if nearest else "",
        nearest_body=_body(nearest.article_id) if nearest else "",
    )


@blueprint.post("/gaps/<gap_id>")
@needs("triage")
def decide(gap_id: str) -> BaseResponse:
    """Act on a gap: take, dismiss, reopen, note, draft an article, add questions or synonyms."""
    gap = _gap_or_404(gap_id)
    done = request.form.get("do", "")
    try:
        target = _do(gap, done)
    except EditConflictError as error:
        flash(str(error))
        return redirect(url_for("gaps.gap", gap_id=gap_id), 303)
    user_store().note(user().mail, f"gap: {done}"[:64], gap_id)
    return redirect(target, 303)


def _do(gap: Gap, done: str) -> str:
    """Carry out the action; returns the redirect target."""
    now, here = now_ms(), url_for("gaps.gap", gap_id=gap.gap_id)
    if done == "take":
        store().change(gap.gap_id, now, state="assigned", owner=user().mail)
    elif done == "dismiss":
        store().change(
            gap.gap_id,
            now,
            state="dismissed",
            reason=request.form.get("reason", "").strip()[:500],
        )
        return url_for("gaps.gaps", dismissed=gap.gap_id, was=gap.state)
    elif done == "reopen":
        was = request.form.get("was", "")
        state = was if was in ("assigned", "drafted", "answered") else "open"
        store().change(gap.gap_id, now, state=state, reason="")
    elif done == "note":
        store().change(gap.gap_id, now, notes=request.form.get("notes", "").strip()[:5_000])
    elif done == "write":
        return _write(gap)
    elif done == "question":
        _add_question(gap)
    elif done == "synonym":
        words = [
            word
            for word in request.form.get("words", "").replace("、", ",").split(",")
            if word.strip()
        ]
        editor().add_synonym(gap.questions[0].language or "en", words, author())
        flash(_("The synonyms are in synonyms.yml."))
    else:
        abort(400)
    return here


def _write(gap: Gap) -> str:
    """Create a draft with the gap's questions as its test queries; returns the editor's URL.

    A gap has one article: where it has one already, that is opened.
    """
    if existing := _article_url(gap):
        flash(_("This question has an article already."))
        return existing
    title = request.form.get("title", "").strip()[:200] or gap.label
    lang = request.form.get("lang", "") or gap.questions[0].language or site_settings().languages[0]
    tests = [question.text for question in gap.questions if question.text != title][:TESTS_IN_DRAFT]
    section = request.form.get("section") or _likely_section(gap)
    name, article_id = editor().draft(folder_for(lang, section), title, tests, author())
    store().change(
        gap.gap_id,
        now_ms(),
        state="drafted",
        owner=gap.owner or user().mail,
        article_id=article_id,
    )
    return url_for("editor.edit", name=name)


def _add_question(gap: Gap) -> None:
    """Add the gap's questions to an article's alternative questions."""
    article_id = request.form.get("article_id", "")
    card = snapshot().articles.summaries.get(article_id)
    if card is None:
        raise EditConflictError(_("There is no such article any more."))
    known = {question.text for question in gap.questions}
    texts = [text for text in request.form.getlist("question") if text in known]
    if not texts:
        raise EditConflictError(_("Choose at least one question."))
    edit = editor()
    added = edit.add_questions(edit.open(card.path), texts[:TESTS_IN_DRAFT], author())
    store().change(
        gap.gap_id,
        now_ms(),
        state="drafted",
        article_id=article_id,
        owner=gap.owner or user().mail,
    )
    flash(_("%(num)d questions added to %(title)s.", num=added, title=card.title))


def _dismissed() -> Gap | None:
    """The gap that was just set aside, for its way back; None once it is no longer."""
    gap = store().gap(request.args.get("dismissed", "")[:64], now_ms())
    return gap if gap and gap.state == "dismissed" else None


def _article_url(gap: Gap) -> str:
    """The editor's address of the article that answers a gap, or is to; "" without one."""
    return _edit_url(gap.article_id) if gap.article_id else ""


def _edit_url(article_id: str) -> str:
    card = snapshot().articles.summaries.get(article_id)
    return url_for("editor.edit", name=card.path) if card else ""


def _body(article_id: str) -> str:
    """The article's text as customers read it."""
    articles = snapshot().articles
    article = articles.article(article_id)
    return render_body(article.html, articles, lambda card: True, article.lang) if article else ""


def _likely_section(gap: Gap) -> str:
    """The section of the nearest article; else the first."""
    nearest, _action = store().advice(gap, analytics_service().finder)
    return nearest.section if nearest and nearest.section else _sections()[0]


# --- learned questions ---


@blueprint.route("/learned", methods=["GET", "POST"])
@needs("triage")
def learned() -> str | BaseResponse:
    """Approve or refuse questions that visitors confirmed an article answers, many at once."""
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
            chosen = _taught(chosen)
        store().decide_learned(chosen, state, user().mail, now_ms())
        user_store().note(user().mail, f"learned: {state}", str(len(chosen)))
        return redirect(url_for("gaps.learned"), 303)
    return render_template(
        "desk/learned.html",
        offered=store().learned(),
        title=analytics_service().finder.title,
        edit_url=_edit_url,
    )


def _taught(chosen: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Write approved questions to learned.yml; returns those that were written.

    What would take a question from another article is left as it is, and said.
    """
    texts, known = store().learned_texts(chosen), snapshot().articles.summaries
    by_article: dict[str, list[str]] = {}
    for (_key, article_id), text in texts.items():
        if article_id in known:
            by_article.setdefault(article_id, []).append(text)
    if len(by_article) < len({article_id for _key, article_id in texts}):
        flash(_("There is no such article any more."))
    try:
        lost = services().draft_answers.displaced_by(by_article)
    except BuildFailedError as error:
        flash(_("Not approved: the other articles could not be looked at. %(why)s", why=str(error)))
        return []
    _tell_lost(lost)
    refused, written = {taker for _question, _article, taker in lost}, set()
    for article_id, found in by_article.items():
        if article_id in refused:
            continue
        try:
            editor().add_learned(article_id, found, author())
            written.add(article_id)
        except EditConflictError as error:
            flash(str(error))
            break
    return [pair for pair in texts if pair[1] in written]


def _tell_lost(lost: Sequence[tuple[str, str, str]]) -> None:
    title = analytics_service().finder.title
    for question, article_id, taker in lost[:5]:
        flash(
            _(
                "Not approved for “%(title)s”: “%(question)s” would no longer lead to “%(other)s”.",
                title=title(taker),
                question=question,
                other=title(article_id),
            )
        )


def _gap_or_404(gap_id: str) -> Gap:
    gap = store().gap(gap_id, now_ms())
    if gap is None:
        abort(404)
    return gap


def _sections() -> list[str]:
    return sorted({card.section for card in snapshot().articles.summaries.values()}) or ["general"]
