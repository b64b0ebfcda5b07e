"""The desk's inbox: cases, what the customer tried, articles that may answer, replies; and what could not be handed over."""

from __future__ import annotations

import uuid
from urllib.parse import quote

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from indexer.editing import EditConflictError
from kb_app.support.case_store import PAGE, Filter
from kb_app.support.config.values import INBOX
from kb_app.support.model import KINDS, LONGEST_MAIL, STEPS, Case
from kb_app.support.workflow import CaseTransitionError
from kb_app.web.core.auth import needs, user
from kb_app.web.core.context import (
    PUBLIC,
    now,
    site_settings,
    snapshot,
    support_service,
    user_store,
)
from kb_app.web.core.forms import given_text
from kb_app.web.core.search import ask
from kb_app.web.core.tracking import moment
from kb_app.web.desk import editor
from kb_app.web.site.case_page import send_attachment
from search.model import Hit

blueprint = Blueprint("inbox", __name__, url_prefix="/desk")
SUGGESTED = 5
VIEWS = ("active", "open", "late", "waiting", "answered", "solved", "closed", "all")


@blueprint.get("/cases")
@needs("cases")
def cases() -> str:
    """The cases, those that are overdue first."""
    given = {
        name: request.args.get(name, "")[:200]
        for name in ("state", "words", "kind", "step", "owner", "desk")
    }
    state = given["state"] if given["state"] in VIEWS else "active"
    wanted = Filter(**{**given, "state": state}, spam="spam" in request.args)
    number = request.args.get("page", "1")
    page = max(1, int(number)) if number.isascii() and number.isdigit() and len(number) < 6 else 1
    store = support_service().cases
    if wanted.words and (exact := store.by_number(wanted.words.strip("[]# "))):
        return redirect(url_for("inbox.case", number=exact.number))  # type: ignore[return-value]
    found = store.inbox(wanted, moment(), page)
    return render_template(
        "desk/cases.html", found=found, wanted=wanted, page=page, pages=max(1, -(-found.total // PAGE)), views=VIEWS, kinds=KINDS, steps=STEPS,
        owners=store.owners(), desks=[INBOX, *support_service().config.desks], now=moment(), dead=support_service().outbox.counts().get("dead", 0),
    )  # fmt: skip


@blueprint.get("/cases/<number>")
@needs("cases")
def case(number: str) -> str:
    """One case with all that was said and tried, and the articles that may answer it."""
    return _page(_found(number))


def _page(found: Case, text: str = "") -> str:
    support = support_service()
    members = [one for one in user_store().all() if one.may("cases")]
    return render_template(
        "desk/case.html", case=found, messages=support.cases.messages(found.case_id, notes=True), files=support.cases.attachments(found.case_id),
        hits=_suggested(found), cards=snapshot().library.cards, members=members, desks=[INBOX, *support.config.desks], now=moment(), text=text,
        form_id=str(uuid.uuid4()), can_mail=support.can_mail, may_write=user().may("write"),
        solved_by=snapshot().library.cards.get(found.solved_by),
    )  # fmt: skip


@blueprint.post("/cases/<number>")
@needs("cases")
def act(number: str) -> str | BaseResponse:
    """Reply, note, take, hand over, solve, or make an article of it."""
    found, done, text = _found(number), request.form.get("do", ""), given_text("text")
    if text and done in ("take", "give", "transfer", "solve", "article"):
        # What was typed is not sent by this, and must not vanish.
        flash(_("Not done: the answer is not sent yet. Send it or empty the field first."))
        return _page(found, text)
    try:
        target = _do(found, done)
    except CaseTransitionError as error:
        flash(_("That cannot be done: %(why)s.", why=error.why))
        target = url_for("inbox.case", number=number)
    user_store().note(user().mail, f"case: {done}"[:64], number)
    return redirect(target, 303)


def _do(found: Case, done: str) -> str:
    """Carry it out; returns where to go next."""
    handoff, at = support_service().workflow, moment()
    if done == "article":
        return _article_of(found)
    if done in ("reply", "reply and solve", "note"):
        _say(found, done)
    elif done in ("take", "give"):
        handoff.take(found, user().mail if done == "take" else _member(), at)
        flash(_("Kept."))
    elif done == "transfer":
        handoff.transfer(found, request.form.get("desk", ""), user().shown, at)
        flash(_("Handed over."))
    elif done == "solve":
        handoff.solve(found, user().name, at, _article())
        flash(_("Solved. The customer is asked in a while whether that is so."))
    elif done == "not spam":
        handoff.not_spam(found, at)
    else:
        abort(400)
    return url_for("inbox.case", number=found.number)


def _say(found: Case, done: str) -> None:
    """A reply or a note; the same form sent twice says it once."""
    handoff, at, once = (
        support_service().workflow,
        moment(),
        f"{found.case_id}:{request.form.get('form_id', '')}",
    )
    text = given_text("text")[:LONGEST_MAIL]
    article = _article()
    if not text:
        flash(_("Please write something first."))
    elif done == "note":
        handoff.note(found, user().shown, text, at, once)
        flash(_("The note is kept."))
    else:
        # Whoever is sent an article reads it by its link.
        text = f"{text}\n\n{_link_to(article, found)}" if article else text
        fresh = handoff.reply(found, user().name, user().mail, text, at, once, article)
        if fresh and done == "reply and solve":
            handoff.solve(_found(found.number), user().name, at, article)
        flash(
            _("Sent.")
            if found.mail
            else _("Kept: there is no mail address, the customer reads it on the page of the case.")
        )


def _link_to(article_id: str, found: Case) -> str:
    """An article's title and public address in the customer's language; "" for one that customers may not see."""
    card = snapshot().library.cards[article_id]
    if not card.visible(now(), PUBLIC):
        return ""
    return f"{card.title}\n{site_settings().address}/{site_settings().spoken(found.language)}/articles/{quote(card.slug)}"


def _member() -> str:
    """The colleague chosen; "" for nobody."""
    given = request.form.get("owner", "")
    return (
        given if any(one.mail == given and one.may("cases") for one in user_store().all()) else ""
    )


def _article() -> str:
    """The article that solved it, where one was named."""
    given = request.form.get("article_id", "")
    return given if given in snapshot().library.cards else ""


def _article_of(found: Case) -> str:
    """A draft with the case's question; what the customer wrote stays in the case."""
    if not user().may("write"):
        abort(403)
    lang = site_settings().spoken(found.language)
    section = found.section or next(
        iter(sorted({card.section for card in snapshot().library.cards.values()})), "general"
    )
    title = found.title[:100]
    try:
        name, _article_id = editor.editor().draft(lang, section, title, [title], editor.author())
    except EditConflictError as error:
        flash(str(error))
        return url_for("inbox.case", number=found.number)
    support_service().workflow.note(found, user().shown, name, moment())
    return url_for("editor.edit", name=name)


@blueprint.get("/cases/<number>/files/<attachment_id>")
@needs("cases")
def file(number: str, attachment_id: str) -> Response:
    """A file of a case, to download."""
    return send_attachment(_found(number), attachment_id)


@blueprint.route("/outbox", methods=["GET", "POST"])
@needs("outbox")
def outbox() -> str | BaseResponse:
    """What could not be handed over, and what is still to be."""
    box = support_service().outbox
    if request.method == "POST":
        name, done = request.form.get("delivery_id", ""), request.form.get("do", "")
        if done not in ("retry", "drop"):
            abort(400)
        changed = box.retry(name, moment()) if done == "retry" else box.drop(name)
        if changed:
            user_store().note(user().mail, f"outbox: {done}", name)
        return redirect(url_for("inbox.outbox"), 303)
    listed = box.listed()
    numbers = {
        one.case_id: found.number
        for one in listed
        if (found := support_service().cases.case(one.case_id))
    }
    return render_template(
        "desk/outbox.html", deliveries=listed, numbers=numbers, counts=box.counts()
    )


def _suggested(found: Case) -> tuple[Hit, ...]:
    """Articles that may answer, internal ones included for those who may see them."""
    results = ask(
        f"{found.subject} {found.message}", site_settings().spoken(found.language), SUGGESTED
    )
    return results.hits if results else ()


def _found(number: str) -> Case:
    found = support_service().cases.by_number(number)
    if found is None:
        abort(404)
    return found
