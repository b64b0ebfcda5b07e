"""New articles, and what happens to article files: move, merge, archive, remove, pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    jsonify,
    redirect,
    render_template,
    request,
    send_file,
    url_for,
)
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from indexer.editing import moves
from indexer.editing.model import EditConflictError, Opened
from indexer.editing.moves import Mover, Neighbours
from indexer.editing.pictures import MAX_FILE_BYTES, prepared
from indexer.isolation import IsolationError, isolated_process
from indexer.model import ArticleSummary
from indexer.reading.media_types import IMAGE_TYPES
from indexer.reading.packs_file import MOST_ARTICLES
from indexer.targets import file_in
from kb_app.web.core.auth import needs, user
from kb_app.web.core.context import now, services, site_settings, snapshot, user_store
from kb_app.web.core.inputs import own_path
from kb_app.web.desk import article_form
from kb_app.web.desk.article_list import state_of
from kb_app.web.desk.articles_folder import author, editor
from kb_app.web.desk.pasted_text import MAX_PASTED, markdown_of

blueprint = Blueprint("article_files", __name__, url_prefix="/desk")
# Time to read a picture or a pasted text.
FILE_S = 20.0
MOST_TARGETS = 12
_SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@blueprint.before_request
def _allow_files() -> None:
    request.max_content_length = MAX_FILE_BYTES + 1024 * 1024
    request.max_form_memory_size = 2 * MAX_PASTED


# --- new articles ---


@blueprint.route("/new", methods=["GET", "POST"])
@needs("write")
def new() -> str | BaseResponse | tuple[str, int]:
    """Create an article as a draft, in a folder that there is or in a new one."""
    folders = folders_in_use()
    if request.method == "GET":
        return _new_page(folders, "")
    title = " ".join(request.form.get("title", "").split())[:200]
    folder = request.form.get("other_folder", "").strip() or request.form.get("folder", "")
    original = snapshot().articles.summaries.get(request.form.get("translation_of", ""))
    if not title:
        return _new_page(folders, _("Give it a title: the question that customers ask.")), 400
    values = {"translation_of": original.group} if original else {}
    try:
        body = (
            article_form.body(original.path, editor().open(original.path).text) if original else ""
        )
        name, article_id = editor().draft(folder, title, [], author(), values, body)
    except EditConflictError as error:
        return _new_page(folders, str(error)), 409
    user_store().note(user().mail, "article: new", article_id)
    return redirect(url_for("editor.edit", name=name), 303)


def _new_page(folders: list[str], wrong: str) -> str:
    original = snapshot().articles.summaries.get(request.values.get("translation_of", ""))
    wanted = request.values.get("folder", "")
    return render_template(
        "desk/new_article.html",
        folders=folders,
        folder=wanted if wanted in folders else (folders[0] if folders else ""),
        names=_folder_names(),
        title=request.form.get("title", ""),
        original=original,
        wrong=wrong,
    )


def folders_in_use() -> list[str]:
    """The folders that hold articles, those of the site's first language first."""
    used = Counter(_folder(card) for card in snapshot().articles.summaries.values())
    first = site_settings().languages[0]
    return sorted(used, key=lambda folder: (folder.split("/")[0] != first, folder))


def folder_for(lang: str, section: str) -> str:
    """The folder where most articles of a language and a section are; a new one without any."""
    cards = snapshot().articles.summaries.values()
    used = Counter(_folder(card) for card in cards if card.lang == lang and card.section == section)
    return used.most_common(1)[0][0] if used else f"{lang}/{section}"


def _folder(card: ArticleSummary) -> str:
    return card.path.rpartition("/")[0]


def _folder_names() -> dict[str, tuple[str, str]]:
    """(language, section) of the articles in each folder."""
    return {
        _folder(card): (card.lang, card.section) for card in snapshot().articles.summaries.values()
    }


# --- move, merge, archive, remove ---


@blueprint.route("/place", methods=["GET", "POST"])
@needs("write")
def place() -> str | BaseResponse | tuple[str, int]:
    """Move, archive, merge or remove an article."""
    name = request.values.get("name", "")
    card = _card(name)
    try:
        opened = editor().open(name)
    except EditConflictError as error:
        flash(str(error))
        return redirect(url_for("article_list.articles"), 303)
    if card is None:
        flash(_("This article is not served yet. Wait a moment, or mend its problems first."))
        return redirect(url_for("editor.edit", name=name), 303)
    if request.method == "GET":
        return _place_page(card, opened)
    submitted = Opened(name, opened.text, request.form.get("digest", ""))
    try:
        target = _done(card, submitted, request.form.get("do", ""))
    except EditConflictError as error:
        return _place_page(card, opened, str(error)), 409
    user_store().note(user().mail, f"article: {request.form['do']}"[:64], card.id)
    return redirect(target, 303)


def _done(card: ArticleSummary, opened: Opened, what: str) -> str:
    """Carry it out; returns where to go. Raises EditConflictError, with nothing changed."""
    if services().kept_changes.get(card.path) is not None:
        raise EditConflictError(
            _("Somebody keeps a change of this article. Publish or discard it first.")
        )
    if site_settings().review == "on" and what in ("archive", "merge", "remove"):
        _check_may(card, what)
    mover, near = Mover(editor()), _neighbours(card)
    if what == "move":
        folder = request.form.get("other_folder", "").strip() or request.form.get("folder", "")
        new_path = moves.place_of(folder, request.form.get("file", ""))
        mover.move(card, opened, new_path, near, author(), request.form.get("slug", ""))
        flash(_("Moved. Links and old addresses lead to the new place."))
        return url_for("editor.edit", name=new_path)
    if what == "archive":
        archived = moves.archive(opened.name, opened.text)
        editor().save(opened, archived, author(), f"Archive: {card.path}")
        flash(_("Archived: customers do not see it any more. You can publish it again."))
        return url_for("editor.edit", name=card.path)
    if what not in ("remove", "merge"):
        abort(400)
    into = _chosen_target(card, needed=what == "merge")
    mover.remove(card, opened, into, near, author(), keep_text=what == "merge")
    if into is None:
        flash(_("“%(title)s” is removed.", title=card.title))
        return url_for("article_list.articles")
    flash(_("“%(title)s” is removed. Its addresses lead here.", title=card.title))
    return url_for("editor.edit", name=into.path)


def _check_may(card: ArticleSummary, what: str) -> None:
    """With reviews, leads take articles away, and no text gets among others unseen."""
    if not user().may("outbox"):
        raise EditConflictError(_("With reviews, leads archive, merge and remove articles."))
    if what == "merge" and state_of(card, now()) != "live":
        raise EditConflictError(_("Nobody has looked at this text yet: ask for a review first."))


def _chosen_target(card: ArticleSummary, needed: bool) -> ArticleSummary | None:
    """The article that is to take the place. Raises EditConflictError for one that is none."""
    given = request.form.get("into", "").strip()
    if not given and not needed:
        return None
    into = next(
        (
            other
            for other in snapshot().articles.summaries.values()
            if given in (other.path, other.id) and other.id != card.id
        ),
        None,
    )
    if into is None:
        raise EditConflictError(_("Choose another article from the list."))
    return into


def _place_page(card: ArticleSummary, opened: Opened, wrong: str = "") -> str:
    articles = snapshot().articles
    others = sorted(
        (other for other in articles.summaries.values() if other.id != card.id),
        key=lambda other: (other.lang != card.lang, other.section != card.section, other.title),
    )
    root = card.path.split("/")[0] if "/" in card.path else ""
    return render_template(
        "desk/place.html",
        card=card,
        opened=opened,
        folder=_folder(card),
        folders=[one for one in folders_in_use() if one.split("/")[0] == root],
        file=PurePosixPath(card.path).stem,
        others=others,
        linking=Mover(editor()).linking(card, _neighbours(card).paths),
        wrong=wrong,
        into=request.values.get("into", "")[:500],
    )


def _neighbours(card: ArticleSummary) -> Neighbours:
    articles = snapshot().articles
    paths = [other.path for other in articles.summaries.values()]
    same = (other for other in articles.summaries.values() if other.lang == card.lang)
    slugs = {other.path: other.slug for other in same if other.path != card.path}
    return Neighbours(paths, articles.translations(card), slugs)


def _card(name: str) -> ArticleSummary | None:
    cards = snapshot().articles.summaries.values()
    return next((card for card in cards if card.path == name), None)


# --- several at once ---


@blueprint.post("/articles")
@needs("write")
def several() -> BaseResponse:
    """Tag, assign or archive the chosen articles, in one commit."""
    names, what = request.form.getlist("chosen"), request.form.get("do", "")
    value = " ".join(request.form.get("value", "").split())[:200]
    tags = article_form.words(value)
    changes: dict[str, dict[str, Any]] = {
        "tag": {"tags": tags},
        "owner": {"owner": value},
        "archive": {"status": "archived"},
        "publish": {"status": "published"},
    }
    if what == "pack":
        chosen = [card.id for name in names if (card := _card(name))]
        return redirect(url_for("desk_packs.edit", article=chosen[:MOST_ARTICLES]))
    if what not in changes:
        abort(400)
    kept = {change.path for change in services().kept_changes.all()}
    if what in ("archive", "publish") and kept & set(names):
        flash(_("Somebody keeps a change of this article. Publish or discard it first."))
    elif what == "archive" and site_settings().review == "on" and not user().may("outbox"):
        flash(_("With reviews, leads archive, merge and remove articles."))
    elif what == "publish" and site_settings().review == "on":
        flash(_("Another person has to look at each article first: open it, and ask for a review."))
    elif not names or (what == "tag" and not tags):
        flash(_("Choose articles, and say which tag."))
    else:
        _change_all(names, changes[what], what)
    back = own_path(request.form.get("back", "")) or url_for("article_list.articles")
    return redirect(back, 303)


def _change_all(names: Sequence[str], values: Mapping[str, Any], what: str) -> None:
    message = f"{what.capitalize()}: {len(names)} articles"
    try:
        done = Mover(editor()).change(names, values, author(), message)
    except EditConflictError as error:
        flash(str(error))
        return
    user_store().note(user().mail, f"articles: {what}", str(done))
    flash(ngettext("%(num)d article changed.", "%(num)d articles changed.", done))


# --- pictures, files and links ---


@blueprint.post("/files")
@needs("write")
def upload() -> tuple[Response, int]:
    """Keep a picture or a file beside an article; answers with the Markdown that shows it."""
    name, file = request.form.get("name", ""), request.files.get("file")
    if file is None or not file.filename:
        return jsonify(problem=_("Choose a file.")), 400
    given = PurePosixPath(file.filename.replace("\\", "/")).name[:200]
    # Pasted pictures all have one name: they are called like the article.
    stem = PurePosixPath(given).stem
    shown = PurePosixPath(name).stem if stem.lower() in ("image", "blob", "") else stem
    sent = file.read()
    file.close()
    try:
        data, ending = isolated_process().run(FILE_S, prepared, given, sent)
        kept = editor().attach(name, f"{shown}{ending}", data, author())
    except IsolationError:
        return jsonify(problem=_("%(name)s takes too long to read.", name=given)), 422
    except EditConflictError as error:
        return jsonify(problem=str(error)), 422
    user_store().note(user().mail, "article: file", kept)
    is_picture = ending in IMAGE_TYPES
    markdown = f"![{_('what it shows')}]({kept})" if is_picture else f"[{shown}]({kept})"
    return jsonify(markdown=markdown, name=kept), 201


@blueprint.get("/picture")
@needs("write")
def picture() -> BaseResponse:
    """A picture of the articles folder for the preview, before a build has it."""
    path = file_in(site_settings().articles, request.args.get("file", ""))
    kind = IMAGE_TYPES.get(path.suffix.lower()) if path else None
    if path is None or kind is None:
        abort(404)
    response = send_file(path.resolve(), mimetype=kind, max_age=0, conditional=True)
    response.headers["Content-Security-Policy"] = _SANDBOX
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/targets")
@needs("write")
def targets() -> Response:
    """Articles whose title or file has the words, as links from an article; JSON."""
    words = request.args.get("q", "").casefold().split()[:8]
    source = request.args.get("name", "").lstrip("/")
    lang = next((card.lang for card in [_card(source)] if card), "")
    found = [
        card
        for card in snapshot().articles.summaries.values()
        if card.path != source
        and all(word in f"{card.title} {card.path}".casefold() for word in words)
    ]
    found.sort(key=lambda card: (card.lang != lang, card.status != "published", len(card.title)))
    return jsonify(
        [
            {"title": card.title, "link": moves.relative(source, card.path), "lang": card.lang}
            for card in found[:MOST_TARGETS]
        ]
    )


@blueprint.post("/pasted")
@needs("write")
def pasted() -> tuple[Response, int]:
    """A text pasted from a word processor or a web page as Markdown; JSON."""
    markup = request.form.get("html", "")
    if len(markup) > MAX_PASTED:
        return jsonify(problem=_("The text is too long to be converted.")), 413
    try:
        markdown = isolated_process().run(FILE_S, markdown_of, markup)
    except IsolationError:
        return jsonify(problem=_("The text is too long to be converted.")), 422
    return jsonify(markdown=markdown), 200
