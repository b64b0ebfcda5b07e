"""The desk's saved replies: texts by language with variables, kept in replies.yml."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from indexer.editing.model import EditConflictError
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
    text = given_text("text")
    wrong = problem_of(lang, name, text) if done == "save" else ""
    if wrong:
        return _page(wrong, (lang, name, text)), 400
    try:
        editor().set_reply(lang, name, text if done == "save" else None, author())
        if done == "save" and before and before != name:
            editor().set_reply(lang, before, None, author())
    except (EditConflictError, OSError) as error:
        return _page(str(error), (lang, name, text)), 409
    user_store().note(user().mail, f"saved reply: {done}", name[:64])
    flash(_("Saved.") if done == "save" else _("Removed."))
    return redirect(url_for("replies.replies"), 303)


def _page(wrong: str = "", draft: tuple[str, str, str] = ("", "", "")) -> str:
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
    )
