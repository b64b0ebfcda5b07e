"""The article editor of the desk."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from indexer.editing import Author, EditConflictError, Editor
from indexer.isolation import IsolationError, isolated_process
from indexer.reading.article import read_article_text, unreadable
from kb_app.services.set_aside import SetAside
from kb_app.web.core.article_body import render_body
from kb_app.web.core.auth import needs, user
from kb_app.web.core.context import services, site_settings, snapshot, user_store

# Time for a preview; a usual one takes 5 ms.
PREVIEW_S = 10.0
blueprint = Blueprint("editor", __name__, url_prefix="/desk")


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
    edit = editor()
    try:
        opened = edit.open(name)
    except EditConflictError as error:
        flash(str(error))
        return redirect(url_for("gaps.gaps"), 303)
    if request.method == "GET":
        return render_template(
            "desk/edit.html", opened=opened, text=opened.text, preview=None, wrong=""
        )
    text = request.form.get("text", "").replace("\r\n", "\n")
    if request.form.get("do") == "preview":
        return render_template(
            "desk/edit.html", opened=opened, text=text, preview=_preview(name, text), wrong=""
        )
    submitted = type(opened)(name, opened.text, request.form.get("digest", ""))
    try:
        edit.save(submitted, text, author(), f"Edited: {name}")
        if request.form.get("do") == "publish":
            edit.publish(edit.open(name), author())
    except EditConflictError as error:
        return render_template(
            "desk/edit.html", opened=submitted, text=text, preview=None, wrong=str(error)
        ), 409
    user_store().note(
        user().mail, "published" if request.form.get("do") == "publish" else "saved", name
    )
    flash(
        _("Published. It is found in a moment.")
        if request.form.get("do") == "publish"
        else _("Saved.")
    )
    return redirect(url_for("editor.edit", name=name), 303)


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


def _preview(name: str, text: str) -> object:
    """The rendered article and its problems."""
    try:
        article, problems = isolated_process().run(PREVIEW_S, read_article_text, name, text)
    except IsolationError as error:
        hint = "Take out what you added last."
        article, problems = None, [unreadable(name, f"cannot be shown: it {error}", hint)]
    html = (
        render_body(article.html, snapshot().articles, lambda card: True, article.lang)
        if article
        else ""
    )
    return {"problems": problems, "html": html, "title": article.title if article else ""}
