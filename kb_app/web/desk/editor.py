"""The article editor of the desk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from indexer.answer_changes import Comparison
from indexer.editing.front_text import normalised
from indexer.editing.merging import Difference, Merged, merged
from indexer.editing.model import EditConflictError, Opened
from indexer.errors import BuildFailedError
from indexer.isolation import IsolationError, isolated_process
from indexer.reading.files import MAX_BYTES
from kb_app.db.kept_changes import LATER, REVIEW, KeptChange
from kb_app.services.set_aside import SetAside
from kb_app.web.core.auth import needs, user
from kb_app.web.core.context import services, site_settings, user_store
from kb_app.web.core.inputs import whole_number
from kb_app.web.core.tracking import now_ms
from kb_app.web.desk import article_form
from kb_app.web.desk.articles_folder import author, editor
from kb_app.web.desk.changes import changes_between
from kb_app.web.desk.previews import PREVIEW_S, Preview, preview_of, state_of_text
from kb_app.web.desk.translations import translations_of

# Above the largest article, so that a longer one comes back with what is wrong with it.
MAX_FORM = 8 * 1024 * 1024
MOST_TIME = 10**15
blueprint = Blueprint("editor", __name__, url_prefix="/desk")


@dataclass(frozen=True)
class Draft:
    """A text that is not saved yet: of which file, and of which of its versions it was made."""

    opened: Opened
    base: str
    text: str
    # The time of the kept change that it goes on from, 0 for none.
    kept_at: int = 0


@blueprint.before_request
def _allow_long_texts() -> None:
    request.max_content_length = request.max_form_memory_size = MAX_FORM


@blueprint.route("/edit", methods=["GET", "POST"])
@needs("write")
def edit() -> str | BaseResponse | tuple[str, int]:
    """Edit an article file: show, preview, save or publish it."""
    name = request.values.get("name", "")
    try:
        opened = editor().open(name)
    except EditConflictError as error:
        if request.method == "POST":
            return _gone(name, str(error)), 409
        flash(str(error))
        return redirect(url_for("article_list.articles"), 303)
    if request.method == "POST":
        return _submitted(opened)
    before = preview_of(name, opened.text)
    kept = services().kept_changes.get(name)
    if kept is not None and "kept" in request.args:
        opened = Opened(name, opened.text, kept.digest)
        draft = Draft(opened, kept.base, kept.text, kept.at)
        return _page(draft, before.state, preview_of(name, kept.text), is_kept=True)
    if "version" in request.args:
        return _earlier(opened, request.args["version"], before.state)
    return _page(Draft(opened, opened.text, opened.text), before.state, before)


def _gone(name: str, wrong: str) -> str:
    """The text that was sent for a file that is not there any more."""
    text = request.form.get("text") or request.form.get("body", "")
    return render_template("desk/gone.html", name=name, text=text, wrong=wrong)


def _submitted(opened: Opened) -> str | BaseResponse | tuple[str, int]:
    """Preview, save or publish what the form says."""
    name, done = opened.name, request.form.get("do", "")
    before = state_of_text(name, opened.text)
    submitted = Opened(name, opened.text, request.form.get("digest", ""))
    is_same = submitted.digest == opened.digest
    base = normalised(request.form.get("base", opened.text if is_same else ""))
    shown = normalised(request.form.get("shown", base))
    kept_at = whole_number(request.form.get("kept_at", ""), 0, MOST_TIME) or 0
    try:
        text = _text(name, shown)
    except EditConflictError as error:
        draft, preview = Draft(submitted, base, shown, kept_at), preview_of(name, shown)
        return _page(draft, before, preview, str(error), typed=True), 409
    draft, preview = Draft(submitted, base, text, kept_at), preview_of(name, text)
    if done == "preview":
        return _page(draft, before, preview)
    if done == "answers":
        return _with_answers(draft, before, preview)
    if done in (LATER, REVIEW):
        return _kept(draft, opened, done, before, preview)
    if done not in ("save", "publish"):
        abort(400)
    return _saved(draft, opened, done, before, preview)


def _saved(
    draft: Draft, stored: Opened, done: str, before: str, preview: Preview
) -> BaseResponse | tuple[str, int]:
    """Save or publish the text, unless it is refused or somebody else was first."""
    name = stored.name
    if draft.opened.digest != stored.digest:
        return _conflict(draft, stored, before)
    wrong = _refused(before, preview.state, done) or _written(draft.opened, draft.text, done)
    if wrong:
        return _page(draft, before, preview, wrong), 409
    if draft.kept_at:
        services().kept_changes.remove(name, draft.kept_at)
    user_store().note(user().mail, "published" if done == "publish" else "saved", name)
    live = state_of_text(name, editor().open(name).text) == "live"
    flash(_("Published. It is found in a moment.") if live else _("Saved."))
    return redirect(url_for("editor.edit", name=name, saved=1), 303)


def _kept(
    draft: Draft, stored: Opened, state: str, before: str, preview: Preview
) -> BaseResponse | tuple[str, int]:
    """Keep the text for later or for a review; what customers see stays as it is."""
    name, last = draft.opened.name, services().kept_changes.get(draft.opened.name)
    if draft.opened.digest != stored.digest:
        return _conflict(draft, stored, before)
    if len(draft.text.encode("utf-8", "replace")) > MAX_BYTES:
        wrong = _("The text is too long: at most 512 KB.")
        return _page(draft, before, preview, wrong), 409
    is_same = last is not None and last.text == draft.text
    me = user().mail
    writers = dict.fromkeys([*(last.writers.split() if last else ()), *(() if is_same else (me,))])
    change = KeptChange(
        name,
        draft.text,
        draft.base,
        draft.opened.digest,
        last.by if last and is_same else me,
        max(now_ms(), draft.kept_at + 1),
        state,
        last.note if last else "",
        " ".join(writers),
    )
    if not services().kept_changes.keep(change, draft.kept_at):
        wrong = _(
            "Somebody else keeps a change of this article by now. Open it in another window and "
            "bring both together; your text is below."
        )
        return _page(draft, before, preview, wrong), 409
    user_store().note(user().mail, f"change: {state}", name)
    flash(
        _("Kept. Another person is asked to look at it.")
        if state == REVIEW
        else _("Kept for later. Customers see the article as it was.")
    )
    return redirect(url_for("editor.edit", name=name, kept=1, saved=1), 303)


def _with_answers(draft: Draft, state: str, preview: Preview) -> str | tuple[str, int]:
    """The editor, with what the text would answer of what customers asked."""
    try:
        found = services().draft_answers.compare(draft.opened.name, draft.text)
    except (BuildFailedError, EditConflictError) as error:
        return _page(draft, state, preview, str(error)), 409
    return _page(draft, state, preview, answers=found)


def _text(name: str, shown: str) -> str:
    """The text that the form says: as it is, or its fields in the text that was shown."""
    if "text" in request.form:
        return normalised(request.form["text"])
    return article_form.composed(name, shown, request.form, site_settings().zone)


def _conflict(draft: Draft, now_stored: Opened, state: str) -> tuple[str, int]:
    """Show both changes where somebody else saved first; nothing is overwritten."""
    name, mine = draft.opened.name, draft.text
    try:
        both = isolated_process().run(PREVIEW_S, merged, draft.base, mine, now_stored.text)
    except IsolationError:
        both = Merged(mine, [])
    wrong = (
        _(
            "This article was changed by somebody else since you opened it. You both changed the "
            "places below: take over what is missing, then save."
        )
        if both.differences
        else _(
            "This article was changed by somebody else since you opened it, at other places. Both "
            "changes are in the text below: look at it, then save."
        )
    )
    if name_of_last := _last_author(name):
        wrong = f"{wrong} ({name_of_last})"
    together = Draft(now_stored, now_stored.text, both.text, draft.kept_at)
    shown = preview_of(name, both.text)
    return _page(together, state, shown, wrong, both.differences), 409


def _last_author(name: str) -> str:
    versions = editor().history(name)
    return versions[0].author if versions else ""


def _written(submitted: Opened, text: str, done: str) -> str:
    """Write the file; returns why that was refused, or ""."""
    try:
        if done == "save":
            editor().save(submitted, text, author(), f"Edited: {submitted.name}")
        else:
            editor().publish(Opened(submitted.name, text, submitted.digest), author())
    except EditConflictError as error:
        return str(error)
    return ""


def _page(
    draft: Draft,
    state: str,
    shown: Preview,
    wrong: str = "",
    differences: Sequence[Difference] = (),
    answers: Comparison | None = None,
    typed: bool = False,
    is_kept: bool = False,
) -> str:
    """The editor with a text; the buttons are those of the article as it is stored."""
    fields = article_form.fields_of(draft.opened.name, draft.text, site_settings().zone)
    body = stored = article_form.body(draft.opened.name, draft.text)
    if typed and "body" in request.form:
        # What was typed and could not be read stays in its field.
        fields |= {key: request.form[key] for key in fields if key in request.form}
        body = request.form["body"]
    return render_template(
        "desk/edit.html",
        opened=draft.opened,
        base=draft.base,
        text=draft.text,
        fields=fields,
        body=body,
        as_source=not fields or "text" in request.form or "source" in request.values,
        unsaved=not is_kept and (draft.text != normalised(draft.opened.text) or body != stored),
        kept=services().kept_changes.get(draft.opened.name),
        kept_at=draft.kept_at,
        names={one.mail: one.shown for one in user_store().all()},
        review=site_settings().review == "on",
        state=state,
        preview=shown,
        wrong=wrong,
        differences=differences,
        answers=answers,
        # While somebody types, the preview alone is taken from the page.
        translations=None if "alone" in request.form else translations_of(draft.opened.name),
        types=article_form.TYPES,
        audiences=article_form.AUDIENCES,
    )


def _earlier(opened: Opened, revision: str, state: str) -> str | BaseResponse:
    """The editor with the text of an earlier version, which is not saved yet."""
    try:
        text = editor().text_at(opened.name, revision)
    except EditConflictError as error:
        flash(str(error))
        return redirect(url_for("editor.history", name=opened.name), 303)
    flash(_("This is an earlier version. Save it to restore it."))
    return _page(Draft(opened, opened.text, text), state, preview_of(opened.name, text))


@blueprint.get("/history")
@needs("write")
def history() -> str | BaseResponse:
    """List the versions of an article file, and show what changed since one of them."""
    name, revision = request.args.get("name", ""), request.args.get("version", "")
    try:
        opened, versions = editor().open(name), editor().history(name)
        before = editor().text_at(name, revision) if revision else None
    except EditConflictError as error:
        flash(str(error))
        return redirect(url_for("article_list.articles"), 303)
    return render_template(
        "desk/history.html",
        name=name,
        versions=versions,
        shown=revision,
        changes=changes_between(before, opened.text) if before is not None else None,
    )


def _refused(before: str, after: str, done: str) -> str:
    """Why a text is not just saved: customers would see what nobody asked for, or looked at."""
    seen = {"live", "scheduled"} & {before, after}
    if site_settings().review == "on" and (done == "publish" or seen):
        return _("Another person has to look at it first: ask for a review.")
    if done == "publish":
        return ""
    if after == "live" and before != "live":
        return _(
            "Not saved: customers would see this article, since its status is not draft any more. "
            "Choose “Save and publish”, or set status: draft."
        )
    return ""


@blueprint.get("/build")
@needs("write")
def build() -> str:
    """Show the problems of the last build: what is not served, set aside, or should be mended."""
    last = services().indexing.last_build()
    aside = SetAside(site_settings().data)
    held = [name for name in aside.counts() if aside.holds(name)]
    remote = services().remote
    return render_template(
        "desk/build.html", last=last, set_aside=held, remote=remote.state if remote else None
    )
