"""The desk's saved replies: texts by language with variables, kept in replies.yml."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from indexer.editing.model import EditConflictError, digest_of
from kb_app.support.config.replies import (
    FILE,
    LONGEST_NAME,
    LONGEST_REPLY,
    MAX_BYTES,
    VARIABLES,
    Replies,
    ReplyError,
    filled,
    problem_of,
    read_replies,
)
from kb_app.support.model import Case
from kb_app.web.core.auth import needs, user
from kb_app.web.core.context import site_settings, support_service, user_store
from kb_app.web.core.forms import given_text
from kb_app.web.core.tracking import now_ms
from kb_app.web.desk.articles_folder import author, editor

blueprint = Blueprint("replies", __name__, url_prefix="/desk")


def saved_replies() -> Replies:
    """The saved replies; raises ReplyError where the file cannot be used."""
    try:
        with (site_settings().articles / FILE).open("rb") as file:
            return read_replies(file.read(MAX_BYTES + 1).decode("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ReplyError(f"{FILE} cannot be read ({type(error).__name__}).") from error


def replies_for(language: str) -> list[str]:
    """The names of the replies in a language, sorted; none where the file cannot be used."""
    try:
        return sorted(saved_replies().get(language, {}))
    except ReplyError:
        return []


def filled_reply(case: Case, name: str) -> str:
    """A saved reply in the language of a case, filled in. Raises ReplyError."""
    settings = site_settings()
    language = settings.spoken(case.language)
    text = saved_replies().get(language, {}).get(name)
    if text is None:
        raise ReplyError(_("There is no such saved reply any more."))
    values = {
        "name": case.name,
        "number": case.number,
        "agent": user().name,
        "site": settings.name(language),
        "link": support_service().workflow.sending.status_link(case, now_ms()),
    }
    return filled(text, values).strip()


@blueprint.route("/replies", methods=["GET", "POST"])
@needs("cases")
def replies() -> str | BaseResponse | tuple[str, int]:
    """List the saved replies; add, change or remove one."""
    if request.method == "GET":
        return _page()
    done, lang = request.form.get("do", ""), request.form.get("lang", "").strip()
    name, before = " ".join(request.form.get("name", "").split()), request.form.get("before", "")
    if done not in ("save", "remove"):
        abort(400)
    text, digest = given_text("text"), request.form.get("digest", "")
    draft = _Draft(lang, name, text, before, digest)
    wrong = problem_of(lang, name, text) if done == "save" else ""
    if wrong:
        return _page(wrong, draft), 400
    try:
        if done == "save":
            editor().set_reply(lang, name, text, author(), before, digest)
        else:
            editor().set_reply(lang, before, None, author(), before, digest)
    except EditConflictError as error:
        return _page(str(error), draft), 409
    user_store().note(user().mail, f"saved reply: {done}", (name or before)[:64])
    flash(_("Saved.") if done == "save" else _("Removed."))
    return redirect(url_for("replies.replies"), 303)


@dataclass(frozen=True)
class _Draft:
    """What was sent and not saved; ``before`` is the name of the reply that it changes."""

    lang: str = ""
    name: str = ""
    text: str = ""
    before: str = ""
    digest: str = ""


def _page(wrong: str = "", draft: _Draft = _Draft()) -> str:
    try:
        known = saved_replies()
    except ReplyError as error:
        known, wrong = {}, wrong or str(error)
    return render_template(
        "desk/replies.html",
        replies={lang: sorted(texts.items()) for lang, texts in sorted(known.items())},
        languages=site_settings().languages,
        variables=VARIABLES,
        longest_name=LONGEST_NAME,
        longest=LONGEST_REPLY,
        wrong=wrong,
        draft=draft,
        digest_of=digest_of,
    )
