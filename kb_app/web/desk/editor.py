"""The article editor of the desk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import unified_diff

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from indexer.checking.cross_checks import broken_links
from indexer.editing.editor import Editor
from indexer.editing.model import Author, EditConflictError, Opened
from indexer.isolation import IsolationError, isolated_process
from indexer.model import Article, Problem
from indexer.reading.article import read_article_text, unreadable
from kb_app.services.set_aside import SetAside
from kb_app.web.core.article_body import render_body
from kb_app.web.core.auth import needs, user
from kb_app.web.core.context import now, services, site_settings, snapshot, user_store
from kb_app.web.desk.article_list import state_of

# Time for a preview; a usual one takes 5 ms.
PREVIEW_S = 10.0
blueprint = Blueprint("editor", __name__, url_prefix="/desk")


@dataclass(frozen=True)
class Preview:
    """An article as customers would see it, what is wrong with it, and its state."""

    title: str
    html: str
    problems: Sequence[Problem]
    state: str


def editor() -> Editor:
    """The editor of the articles folder."""
    return Editor(site_settings().articles, services().editing)


def author() -> Author:
    """The signed-in user as the author of changes."""
    return Author(user().shown, user().mail)


@blueprint.route("/edit", methods=["GET", "POST"])
@needs("write")
def edit() -> str | BaseResponse | tuple[str, int]:
    """Edit an article file: show, preview, save or publish it."""
    name = request.values.get("name", "")
    try:
        opened = editor().open(name)
    except EditConflictError as error:
        flash(str(error))
        return redirect(url_for("article_list.articles"), 303)
    if request.method == "POST":
        return _submitted(opened)
    before = _preview(name, opened.text)
    if "version" in request.args:
        return _earlier(opened, request.args["version"], before.state)
    return _page(opened, opened.text, before.state, before)


def _submitted(opened: Opened) -> str | BaseResponse | tuple[str, int]:
    """Preview, save or publish the text of the form."""
    name, done = opened.name, request.form.get("do", "")
    text = request.form.get("text", "").replace("\r\n", "\n")
    submitted = Opened(name, opened.text, request.form.get("digest", ""))
    before, preview = _state(name, opened.text), _preview(name, text)
    if done == "preview":
        return _page(submitted, text, before, preview)
    if done not in ("save", "publish"):
        abort(400)
    refused = _refused(before, preview.state) if done == "save" else ""
    wrong = refused or _written(submitted, text, done)
    if wrong:
        return _page(submitted, text, before, preview, wrong), 409
    user_store().note(user().mail, "published" if done == "publish" else "saved", name)
    live = _state(name, editor().open(name).text) == "live"
    flash(_("Published. It is found in a moment.") if live else _("Saved."))
    return redirect(url_for("editor.edit", name=name), 303)


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


def _page(opened: Opened, text: str, state: str, shown: Preview, wrong: str = "") -> str:
    """The editor with a text; the buttons are those of the article as it is stored."""
    return render_template(
        "desk/edit.html",
        opened=opened,
        text=text,
        unsaved=text != opened.text,
        state=state,
        preview=shown,
        wrong=wrong,
    )


def _earlier(opened: Opened, revision: str, state: str) -> str | BaseResponse:
    """The editor with the text of an earlier version, which is not saved yet."""
    try:
        text = editor().text_at(opened.name, revision)
    except EditConflictError as error:
        flash(str(error))
        return redirect(url_for("editor.history", name=opened.name), 303)
    flash(_("This is an earlier version. Save it to restore it."))
    return _page(opened, text, state, _preview(opened.name, text))


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
        changes=_changes(before, opened.text) if before is not None else None,
    )


def _changes(before: str, after: str) -> list[str] | None:
    """The lines that differ, as a unified difference; None where finding them takes too long."""
    try:
        return isolated_process().run(PREVIEW_S, unified_difference, before, after)
    except IsolationError:
        return None


def unified_difference(before: str, after: str) -> list[str]:
    """The difference of two texts, without its two lines of file names."""
    return list(unified_diff(before.splitlines(), after.splitlines(), lineterm=""))[2:]


def _refused(before: str, after: str) -> str:
    """Why a text is not just saved: it would show customers what they could not see before."""
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


def _read(name: str, text: str) -> tuple[Article | None, list[Problem]]:
    try:
        return isolated_process().run(PREVIEW_S, read_article_text, name, text)
    except IsolationError as error:
        hint = "Take out what you added last."
        return None, [unreadable(name, f"cannot be shown: it {error}", hint)]


def _state(name: str, text: str) -> str:
    """The state of an article with this text; "" where it is no article."""
    article, _problems = _read(name, text)
    return state_of(article, now()) if article else ""


def _preview(name: str, text: str) -> Preview:
    """The rendered article with its problems, broken links among them."""
    article, problems = _read(name, text)
    if article is None:
        return Preview("", "", problems, "")
    found = [*problems, *_broken_links(article)]
    html = render_body(article.html, snapshot().articles, lambda card: True, article.lang)
    return Preview(article.title, html, found, state_of(article, now()))


def _broken_links(article: Article) -> list[Problem]:
    others = snapshot().articles.summaries.values()
    return broken_links(article, others, site_settings().articles) if article.links else []
