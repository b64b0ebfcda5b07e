"""Changes of articles that wait: kept for later, or for another person to look at."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from indexer.editing.model import Author, EditConflictError, Opened
from kb_app.db.kept_changes import LATER, KeptChange
from kb_app.web.core.auth import needs, user
from kb_app.web.core.context import services, site_settings, snapshot, user_store
from kb_app.web.core.forms import given_text
from kb_app.web.core.inputs import whole_number
from kb_app.web.core.tracking import now_ms
from kb_app.web.desk.articles_folder import editor
from kb_app.web.desk.changes import changes_between
from kb_app.web.desk.previews import preview_of, state_of_text

blueprint = Blueprint("reviews", __name__, url_prefix="/desk")
MOST_NOTE, MOST_TIME = 2_000, 10**15


@blueprint.get("/reviews")
@needs("write")
def reviews() -> str:
    """List the changes that wait, those for a review first."""
    kept = services().kept_changes.all()
    titles = {card.path: card for card in snapshot().articles.summaries.values()}
    return render_template(
        "desk/reviews.html",
        kept=sorted(kept, key=lambda change: (change.state == LATER, change.at)),
        cards=titles,
        names={one.mail: one.shown for one in user_store().all()},
    )


@blueprint.route("/review", methods=["GET", "POST"])
@needs("write")
def review() -> str | BaseResponse | tuple[str, int]:
    """Show what a change changes; publish it, send it back, or discard it."""
    name = request.values.get("name", "")
    kept = services().kept_changes.get(name)
    if kept is None:
        flash(_("This change is not there any more: it was published or discarded."))
        return redirect(url_for("reviews.reviews"), 303)
    try:
        stored = editor().open(name)
    except EditConflictError:
        stored = Opened(name, "", "")  # moved or removed by others: the text can still be read
    if request.method == "GET":
        return _page(stored, kept)
    seen = whole_number(request.form.get("seen", ""), 0, MOST_TIME)
    if seen != kept.at:
        return _page(stored, kept, _("It was changed meanwhile. Look at it again.")), 409
    wrong = _done(stored, kept, request.form.get("do", ""))
    if wrong:
        return _page(stored, kept, wrong), 409
    user_store().note(user().mail, f"change: {request.form['do']}"[:64], name)
    return redirect(url_for("reviews.reviews"), 303)


def _page(stored: Opened, kept: KeptChange, wrong: str = "") -> str:
    shown = preview_of(kept.path, kept.text)
    return render_template(
        "desk/review.html",
        kept=kept,
        who=next((one.shown for one in user_store().all() if one.mail == kept.by), kept.by),
        changes=changes_between(stored.text, kept.text),
        outdated=stored.digest != kept.digest,
        is_gone=not stored.digest,
        preview=shown,
        may_publish=_refusal(kept) == "",
        wrong=wrong,
    )


def _done(stored: Opened, kept: KeptChange, what: str) -> str:
    """Carry it out; returns why that was refused, or ""."""
    changes = services().kept_changes
    if what == "publish":
        if refusal := _refusal(kept):
            return refusal
        if stored.digest != kept.digest:
            return _("The article was changed since. Open the change in the editor, and save it.")
        try:
            _publish(stored, kept)
        except EditConflictError as error:
            return str(error)
        changes.remove(kept.path, kept.at)
        live = state_of_text(kept.path, editor().open(kept.path).text) == "live"
        flash(_("Published. It is found in a moment.") if live else _("Saved."))
    elif what == "back":
        note = given_text("note")[:MOST_NOTE]
        back = replace(kept, state=LATER, note=note, at=max(now_ms(), kept.at + 1))
        if not changes.keep(back, kept.at):
            return _("It was changed meanwhile. Look at it again.")
        flash(_("Sent back."))
    elif what == "discard":
        changes.remove(kept.path, kept.at)
        flash(_("Discarded."))
    else:
        abort(400)
    return ""


def _publish(stored: Opened, kept: KeptChange) -> None:
    """Publish in the name of who wrote it; the commit says who looked at it."""
    writer = next((one for one in user_store().all() if one.mail == kept.by), None)
    author = Author(writer.shown if writer else kept.by, kept.by)
    opened = Opened(stored.name, stored.text, kept.digest)
    message = f"Edited: {stored.name}\n\nReviewed-by: {user().shown} <{user().mail}>"
    text = kept.text
    if state_of_text(stored.name, stored.text) != "live":
        text = editor().published_text(stored.name, text)
    editor().save(opened, text, author, message)


def _refusal(kept: KeptChange) -> str:
    """Why the signed-in user may not publish a change; "" if they may."""
    if kept.state == LATER and kept.by != user().mail:
        return _("It is kept for later: whoever writes it is not done.")
    if site_settings().review == "on" and user().mail in kept.writers.split():
        return _("Another person must look at it: you wrote it.")
    return ""
