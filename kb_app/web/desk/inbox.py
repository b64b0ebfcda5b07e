"""The desk's inbox: cases with the customer's trail, suggested articles and replies.

Also the outbox of deliveries that failed or are pending.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    jsonify,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from indexer.editing.model import EditConflictError
from kb_app.analytics.redaction import redact
from kb_app.support.case_draft import draft_of
from kb_app.support.case_fields import field_problems, known_fields
from kb_app.support.case_store import PAGE, Filter
from kb_app.support.config.replies import ReplyError
from kb_app.support.config.values import INBOX
from kb_app.support.model import BY_HAND, KINDS, LONGEST_MAIL, STEPS, Case, NewCase
from kb_app.support.workflow import AUTOMATIC, AnsweredMeanwhileError, CaseTransitionError
from kb_app.web.core.auth import needs, user
from kb_app.web.core.context import (
    PUBLIC,
    now,
    services,
    site_settings,
    snapshot,
    support_service,
    user_store,
)
from kb_app.web.core.forms import (
    RejectedFiles,
    given_fields,
    given_form_id,
    given_text,
    keep_files,
    once_of,
    takes_files,
    waiting_files,
)
from kb_app.web.core.hidden_cases import hidden_step
from kb_app.web.core.inputs import MOST_PAGES, whole_number
from kb_app.web.core.search import ask
from kb_app.web.core.tracking import now_ms
from kb_app.web.desk.article_files import folder_for
from kb_app.web.desk.articles_folder import author, editor
from kb_app.web.desk.case_work import (
    DESK_WORK,
    SNOOZE_DAYS,
    desk_work,
    policy,
    reason,
)
from kb_app.web.desk.replies import filled_reply, replies_for
from kb_app.web.site.case_page import send_attachment
from search.model import Hit

blueprint = Blueprint("inbox", __name__, url_prefix="/desk")
takes_files(blueprint)
SUGGESTED, FOUND = 5, 10
LONGEST_QUOTE = 1_500
# Actions that help to write, and the beginning of one with an article's id.
SAYING = ("reply", "reply and solve", "note")
WHILE_WRITING, INSERT = ("find", "fill", "look"), "insert:"
MOST_MESSAGES = 1_000_000
# Views that links lead to, without a chip.
HIDDEN_VIEWS = ("unfinished", "recent")
# What narrows the list, by value and by presence.
NARROWED, FLAGS = (
    ("state", "words", "kind", "step", "owner", "desk", "tag"),
    ("spam", "handed", "abuse"),
)
VIEWS = ("active", "open", "late", "waiting", "snoozed", "answered", "solved", "closed", "all")


@dataclass(frozen=True)
class Queue:
    """A list of cases beside one of them: those before and after it in the list."""

    cases: Sequence[Case]
    before: Case | None
    after: Case | None


@blueprint.get("/cases")
@needs("cases")
def cases() -> str:
    """List the cases, overdue ones first."""
    criteria, page = _criteria(), _page_number()
    store = support_service().cases
    exact = store.by_number(criteria.words.strip("[]# ")) if criteria.words else None
    if exact is not None and exact.step != hidden_step():
        return redirect(url_for("inbox.case", number=exact.number))  # type: ignore[return-value]
    results = store.inbox(criteria, now_ms(), page)
    return render_template(
        "desk/cases.html",
        found=results,
        wanted=criteria,
        page=page,
        pages=max(1, -(-results.total // PAGE)),
        case_url=_case_url,
        views=VIEWS,
        kinds=KINDS,
        steps=STEPS,
        owners=store.owners(hidden_step()),
        tags=store.tags(hidden_step()),
        desks=[INBOX, *support_service().config.desks],
        now=now_ms(),
        dead=support_service().outbox.counts().get("dead", 0),
    )


def _criteria() -> Filter:
    """The cases that the address asks for; those at work where it names none."""
    given = {name: request.args.get(name, "")[:200] for name in NARROWED}
    state = given["state"] if given["state"] in (*VIEWS, *HIDDEN_VIEWS) else "active"
    return Filter(
        **{**given, "state": state},
        spam="spam" in request.args,
        handed_by=user().mail if "handed" in request.args else "",
        abuse="abuse" in request.args and user().may("outbox"),
        but_step=hidden_step(),
    )


def _page_number() -> int:
    return whole_number(request.args.get("page", ""), 1, MOST_PAGES) or 1


def _list_arguments() -> dict[str, str]:
    """What the address says of the list that a case was opened from."""
    names = (*NARROWED, *FLAGS, "page")
    return {name: request.args[name][:200] for name in names if request.args.get(name)}


def _case_url(number: str, **more: object) -> str:
    """The page of a case, beside the list that is open."""
    return url_for("inbox.case", number=number, **_list_arguments(), **more)  # type: ignore[arg-type]


@blueprint.get("/cases/waiting")
@needs("cases")
def waiting() -> Response:
    """How many cases wait for the team, for an inbox that is left open; JSON."""
    others = [one.mail for one in user_store().all() if one.mail != user().mail]
    count, newest = support_service().cases.waiting(now_ms(), others, hidden_step())
    return jsonify(count=count, newest=newest)


@blueprint.route("/cases/new", methods=["GET", "POST"])
@needs("cases")
def new() -> str | BaseResponse | tuple[str, int]:
    """Create a case for somebody who called, came by or wrote elsewhere."""
    if request.method == "GET":
        return _new_page({})
    asked = support_service().config.fields
    values = given_fields()
    given = NewCase(
        # Another call written into the same form is another case.
        form_id=once_of(given_form_id(), given_text("text")),
        kind=request.form.get("kind", ""),
        message=given_text("text"),
        name=request.form.get("name", "").strip(),
        mail=request.form.get("mail", "").strip(),
        language=site_settings().spoken(request.form.get("language", "")),
        subject=" ".join(request.form.get("subject", "").split()),
        channel=request.form.get("channel", ""),
        fields=known_fields(values, asked),
    )
    problems = given.problems() | field_problems(values, asked)
    if given.channel not in BY_HAND:
        problems["channel"] = "kind"
    if problems:
        return _new_page(problems), 400
    workflow = support_service().workflow
    made = workflow.open(given, now_ms(), quiet="quiet" in request.form)
    if not made.owner:
        workflow.take(made, user().mail, now_ms())
    user_store().note(user().mail, "case: new", made.number)
    flash(_("The case is open, and yours."))
    return redirect(url_for("inbox.case", number=made.number), 303)


def _new_page(problems: Mapping[str, str]) -> str:
    return render_template(
        "desk/new_case.html",
        problems=problems,
        kinds=KINDS,
        channels=BY_HAND,
        languages=site_settings().languages,
        form_id=given_form_id(),
        given=request.form,
        can_mail=support_service().can_mail,
        limits=support_service().config,
    )


@blueprint.get("/cases/<number>")
@needs("cases")
def case(number: str) -> str:
    """Show a case with its messages, trail and suggested articles."""
    found = _case_or_404(number)
    user_store().note(user().mail, "case: read", found.number)
    return _page(found)


def _page(
    case: Case, text: str = "", looked: bool = False, refused: RejectedFiles | None = None
) -> str:
    support = support_service()
    words = request.form.get("find", "").strip()[:200]
    hits = _found(case, words) if words else _suggested(case)
    done = request.form.get("do", "")
    inserted = done.removeprefix(INSERT) if done.startswith(INSERT) else ""
    members = [one for one in user_store().all() if one.may("cases")]
    return render_template(
        "desk/case.html",
        case=case,
        queue=_queue(case),
        case_url=_case_url,
        list_url=url_for("inbox.cases", **_list_arguments()),  # type: ignore[arg-type]
        messages=support.cases.messages(case.case_id, notes=True),
        files=support.cases.attachments(case.case_id, mails=True),
        hits=hits,
        find=words,
        chosen=inserted or request.form.get("article_id", ""),
        as_mail=support.workflow.sending.as_mail(case, text, user().name) if looked else None,
        replies=replies_for(site_settings().spoken(case.language)),
        others=[one for one in support.cases.of_customer(case) if one.step != hidden_step()],
        limits=support.config,
        automatic=AUTOMATIC,
        cards=snapshot().articles.summaries,
        members=members,
        desks=[INBOX, *support.config.desks],
        now=now_ms(),
        text=text,
        # Files that were chosen stay with the form when it is shown again.
        form_id=given_form_id(),
        problems={"files": refused} if refused else {},
        waiting=waiting_files(given_form_id()) if request.method == "POST" else [],
        read=support.cases.said(case.case_id),
        can_mail=support.can_mail,
        may_write=user().may("write"),
        solved_by=snapshot().articles.summaries.get(case.solved_by),
        goes_on=support.cases.going_on(case),
        writers=support.work.writers(case, now_ms(), user().mail),
        snooze_days=SNOOZE_DAYS,
        policy=policy(),
    )


def _queue(case: Case) -> Queue:
    """The list that a case was opened from, and its neighbours there."""
    found = support_service().cases.inbox(_criteria(), now_ms(), _page_number()).cases
    place = next((n for n, one in enumerate(found) if one.case_id == case.case_id), None)
    if place is None:
        return Queue(found, None, found[0] if found else None)
    after = found[place + 1] if place + 1 < len(found) else None
    return Queue(found, found[place - 1] if place else None, after)


@blueprint.post("/cases/<number>")
@needs("cases")
def act(number: str) -> str | BaseResponse | tuple[str, int]:
    """Act on a case: reply, note, take, assign, transfer, solve, or draft an article."""
    case, done, text = _case_or_404(number), request.form.get("do", ""), given_text("text")
    refusal = _not_done(case, done, text)
    if refusal is not None:
        return refusal
    if done in WHILE_WRITING or done.startswith(INSERT):
        return _while_writing(case, done, text)
    try:
        target = _do(case, done)
    except AnsweredMeanwhileError:
        flash(
            _(
                "Not sent: there is a newer message. Read it above; your answer is kept below, "
                "send it if it is still right."
            )
        )
        return _page(case, text), 409
    except CaseTransitionError as error:
        flash(_("That cannot be done: %(why)s.", why=reason(error)))
        target = _case_url(number)
    user_store().note(user().mail, f"case: {done}"[:64], number)
    return redirect(target, 303)


def _not_done(case: Case, done: str, text: str) -> str | tuple[str, int] | None:
    """The page that says why nothing is done, with what was typed; None where it can be."""
    if text and done in ("take", "give", "transfer", "solve", "article", *DESK_WORK):
        # These actions do not send the typed text, so it must not be lost.
        flash(_("Not done: the answer is not sent yet. Send it or empty the field first."))
        return _page(case, text)
    if case.merged_into:
        flash(_("Not done: this case goes on in another one. Your text is kept below."))
        return _page(case, text), 409
    refused = keep_files(given_form_id()).get("files", [])
    if refused:
        flash(_("Not sent: a file cannot be attached, see below."))
        return _page(case, text, refused=refused), 400
    if len(text) > LONGEST_MAIL:
        flash(_("Not done: the text is too long. At most %(most)s letters.", most=LONGEST_MAIL))
        return _page(case, text), 400
    return None


def _while_writing(case: Case, done: str, text: str) -> str:
    """What helps to write a reply: nothing is sent, and the text stays."""
    if done.startswith(INSERT):
        text = _joined(text, _quote_of(case, done.removeprefix(INSERT)))
    elif done == "fill":
        try:
            text = _joined(text, filled_reply(case, request.form.get("saved", "")))
        except ReplyError as error:
            flash(str(error))
    elif done == "look" and not text:
        flash(_("Please write something first."))
    return _page(case, text, looked=done == "look" and bool(text))


def _joined(text: str, more: str) -> str:
    return "\n\n".join(part for part in (text.strip(), more.strip()) if part)


def _quote_of(case: Case, article_id: str) -> str:
    """What an article says to the words that it was found by, with its title and address."""
    card = snapshot().articles.summaries.get(article_id)
    if card is None or not card.visible(now(), PUBLIC):
        flash(_("Customers cannot read this article: it is not inserted."))
        return ""
    words = request.form.get("find", "").strip()[:200] or f"{case.subject} {case.message}"
    results = ask(words, site_settings().spoken(case.language), FOUND)
    quote = ""
    if results and results.answer and results.answer.article_id == article_id:
        quote = results.answer.text
    elif results:
        passage = next((hit.passage for hit in results.hits if hit.article_id == article_id), None)
        quote = passage.text if passage else ""
    return _joined(quote[:LONGEST_QUOTE] or card.summary, _link_to(article_id, case))


def _do(case: Case, done: str) -> str:
    """Carry out the action; returns the redirect target."""
    handoff, at = support_service().workflow, now_ms()
    if done == "article":
        return _article_of(case)
    if done in SAYING:
        _say(case, done)
        return _case_url(case.number, sent=1)
    if done == "not spam":
        handoff.not_spam(case, at)
    elif done in ("take", "give"):
        handoff.take(case, user().mail if done == "take" else _member(), at)
        flash(_("Kept."))
    elif done == "transfer":
        handoff.transfer(case, request.form.get("desk", ""), user().shown, at, user().mail)
        flash(_("Handed over. You are reminded of it until it is solved."))
    elif done in DESK_WORK:
        return desk_work(case, done, _case_url(case.number))
    elif done == "solve":
        handoff.solve(case, user().name, at, _article())
        flash(_("Solved. The customer is asked in a while whether that is so."))
    else:
        abort(400)
    return _case_url(case.number)


def _say(case: Case, done: str) -> None:
    """Add a reply or a note; submitting the same form twice adds it once."""
    handoff, at = support_service().workflow, now_ms()
    text, article = given_text("text"), _article()
    if not text:
        flash(_("Please write something first."))
        return
    once = once_of(f"{case.case_id}:{given_form_id()}", f"{done == 'note'}:{text}")
    if done == "note":
        handoff.note(case, user().shown, text, at, once, given_form_id())
        flash(_("The note is kept."))
        return
    # The reply includes a link to the article.
    link = _link_to(article, case) if article else ""
    if link and not re.search(re.escape(link.rpartition("\n")[2]) + r"(?![\w%-])", text):
        text = f"{text}\n\n{link}"
    read = whole_number(request.form.get("read", ""), 0, MOST_MESSAGES)
    fresh = handoff.reply(
        case, user().name, user().mail, text, at, once, article, read, given_form_id()
    )
    if fresh and done == "reply and solve":
        handoff.solve(_case_or_404(case.number), user().name, at, article)
    flash(_said_after(case))


def _said_after(case: Case) -> str:
    if not case.mail:
        return _("Kept: there is no mail address, the customer reads it on the page of the case.")
    if not support_service().can_mail:
        return _("Kept: no mail server is set, the customer reads it on the page of the case.")
    return _("Sent.")


def _link_to(article_id: str, case: Case) -> str:
    """An article's title and public URL in the customer's language; "" if it is not public."""
    card = snapshot().articles.summaries[article_id]
    if not card.visible(now(), PUBLIC):
        return ""
    address, lang = site_settings().address, site_settings().spoken(case.language)
    return f"{card.title}\n{address}/{lang}/articles/{quote(card.slug)}"


def _member() -> str:
    """The chosen assignee's mail address; "" where there is none or they may not handle cases."""
    given = request.form.get("owner", "")
    return (
        given if any(one.mail == given and one.may("cases") for one in user_store().all()) else ""
    )


def _article() -> str:
    """The id of the article named in the form; "" where there is none."""
    given = request.form.get("article_id", "")
    return given if given in snapshot().articles.summaries else ""


def _article_of(case: Case) -> str:
    """Create an article draft from what was asked and answered, without the persons."""
    if not user().may("write"):
        abort(403)
    lang = site_settings().spoken(case.language)
    section = case.section or next(
        iter(sorted({card.section for card in snapshot().articles.summaries.values()})), "general"
    )
    support, patterns = support_service(), services().redactions
    draft = draft_of(
        case,
        support.cases.messages(case.case_id),
        [one.name for one in user_store().all()],
        lambda text: redact(text, patterns),
    )
    try:
        folder = folder_for(lang, section)
        name, _article_id = editor().draft(
            folder, draft.title, [draft.question], author(), body=draft.body
        )
    except EditConflictError as error:
        flash(str(error))
        return _case_url(case.number)
    support.workflow.note(case, user().shown, name, now_ms())
    flash(_("Known names, addresses and numbers were taken out. Read it before you publish it."))
    return url_for("editor.edit", name=name)


@blueprint.post("/cases/<number>/writing")
@needs("cases")
def writing(number: str) -> Response:
    """Note that the signed-in user writes a reply; who else does, as JSON."""
    case, work = _case_or_404(number), support_service().work
    work.note_writing(case, user().mail, now_ms())
    names = {one.mail: one.shown for one in user_store().all()}
    return jsonify([names.get(one, one) for one in work.writers(case, now_ms(), user().mail)])


@blueprint.get("/cases/<number>/files/<attachment_id>")
@needs("cases")
def file(number: str, attachment_id: str) -> Response:
    """Download a file of a case."""
    found = _case_or_404(number)
    user_store().note(user().mail, "case: read file", found.number)
    return send_attachment(found, attachment_id, mails=True)


@blueprint.route("/outbox", methods=["GET", "POST"])
@needs("outbox")
def outbox() -> str | BaseResponse:
    """List failed and pending deliveries; retry or drop one."""
    box = support_service().outbox
    if request.method == "POST":
        name, done = request.form.get("delivery_id", ""), request.form.get("do", "")
        if done not in ("retry", "drop"):
            abort(400)
        waiting_for = next((one for one in box.listed() if one.delivery_id == name), None)
        case = support_service().cases.case(waiting_for.case_id) if waiting_for else None
        if case is not None and case.step == hidden_step():
            abort(404)
        changed = box.retry(name, now_ms()) if done == "retry" else box.drop(name)
        if changed:
            user_store().note(user().mail, f"outbox: {done}", name)
        return redirect(url_for("inbox.outbox"), 303)
    known = {one.case_id: support_service().cases.case(one.case_id) for one in box.listed()}
    hidden = {name for name, case in known.items() if case and case.step == hidden_step()}
    listed = [one for one in box.listed() if one.case_id not in hidden]
    numbers = {name: case.number for name, case in known.items() if case}
    return render_template(
        "desk/outbox.html", deliveries=listed, numbers=numbers, counts=box.counts()
    )


def _found(case: Case, words: str) -> tuple[Hit, ...]:
    """Articles for words that the agent gives."""
    results = ask(words, site_settings().spoken(case.language), FOUND)
    return results.hits if results else ()


def _suggested(case: Case) -> tuple[Hit, ...]:
    """Articles that may answer the case, including internal ones that the user may see."""
    results = ask(
        f"{case.subject} {case.message}", site_settings().spoken(case.language), SUGGESTED
    )
    return results.hits if results else ()


def _case_or_404(number: str) -> Case:
    case = support_service().cases.by_number(number)
    if case is None or case.step == hidden_step():
        abort(404)
    return case
