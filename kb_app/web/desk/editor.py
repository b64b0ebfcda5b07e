"""The article editor of the desk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from indexer.checking.cross_checks import broken_links
from indexer.editing import Author, EditConflictError, Editor, Opened
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
    before = _preview(name, opened.text)
    if request.method == "GET":
        return _page(opened, opened.text, before, before)
    text = request.form.get("text", "").replace("\r\n", "\n")
    submitted = Opened(name, opened.text, request.form.get("digest", ""))
    preview, done = _preview(name, text), request.form.get("do", "")
    if done == "preview":
        return _page(submitted, text, before, preview)
    if done not in ("save", "publish"):
        abort(400)
    wrong = _refused(before, preview) if done == "save" else ""
    try:
        if not wrong and done == "save":
            editor().save(submitted, text, author(), f"Edited: {name}")
        elif not wrong:
            editor().publish(Opened(name, text, submitted.digest), author())
    except EditConflictError as error:
        wrong = str(error)
    if wrong:
        return _page(submitted, text, before, preview, wrong), 409
    user_store().note(user().mail, "published" if done == "publish" else "saved", name)
    live = _preview(name, editor().open(name).text).state == "live"
    flash(_("Published. It is found in a moment.") if live else _("Saved."))
    return redirect(url_for("editor.edit", name=name), 303)


def _page(opened: Opened, text: str, stored: Preview, shown: Preview, wrong: str = "") -> str:
    """The editor with a text; the buttons are those of the article as it is stored."""
    return render_template(
        "desk/edit.html",
        opened=opened,
        text=text,
        unsaved=text != opened.text,
        state=stored.state,
        preview=shown,
        wrong=wrong,
    )


def _refused(before: Preview, after: Preview) -> str:
    """Why a text is not just saved: it would show customers what they could not see before."""
    if after.state == "live" and before.state != "live":
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


def _preview(name: str, text: str) -> Preview:
    """The rendered article with its problems, broken links among them."""
    try:
        article, problems = isolated_process().run(PREVIEW_S, read_article_text, name, text)
    except IsolationError as error:
        hint = "Take out what you added last."
        article, problems = None, [unreadable(name, f"cannot be shown: it {error}", hint)]
    if article is None:
        return Preview("", "", problems, "")
    found = [*problems, *_broken_links(article)]
    html = render_body(article.html, snapshot().articles, lambda card: True, article.lang)
    return Preview(article.title, html, found, state_of(article, now()))


def _broken_links(article: Article) -> list[Problem]:
    others = snapshot().articles.summaries.values()
    return broken_links(article, others, site_settings().articles) if article.links else []
