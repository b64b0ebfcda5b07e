"""Following an article or a section by mail: asked for, confirmed by a link, ended by one click."""

from __future__ import annotations

from typing import cast
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.exceptions import Gone
from werkzeug.wrappers import Response as BaseResponse

from kb_app.services.follow_mails import PURPOSE, STOP
from kb_app.services.search_adapters import PUBLIC
from kb_app.support.access_links import InvalidLinkError
from kb_app.support.follows import KINDS, Follow, Kind
from kb_app.web.core.context import now, services, snapshot, support_service
from kb_app.web.core.same_site import require_same_site
from kb_app.web.core.tracking import now_ms
from kb_app.web.core.urls import language_of_address

blueprint = Blueprint("follow", __name__)
blueprint.url_value_preprocessor(language_of_address)


@blueprint.after_request
def _private(response: Response) -> Response:
    """Keep the secret address out of Referer headers and caches."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/<ui:ui>/follow")
def ask(ui: str) -> BaseResponse | tuple[str, int]:
    """Mail a link by which an address confirms that it wants to follow."""
    require_same_site()
    kind, name = request.form.get("kind", ""), request.form.get("object_id", "")
    if not support_service().can_mail or not _is_there(kind, name, ui):
        abort(404)
    mail = request.form.get("mail", "").strip()
    if not services().follows.ask(mail, cast(Kind, kind), name, ui):
        page = render_template("site/follow.html", state="wrong", mail=mail, kind=kind, name=name)
        return page, 422
    return redirect(url_for("follow.asked", ui=ui), 303)


@blueprint.get("/<ui:ui>/follow")
def asked(ui: str) -> str:
    """Say that a mail is on its way."""
    return render_template("site/follow.html", state="asked")


@blueprint.get("/<ui:ui>/follow/<token>")
def show(ui: str, token: str) -> str:
    """Ask for one more click: programs that look through mails open links too."""
    found = _found(token)
    state = "confirmed" if found.confirmed_at else "ask"
    return _page(found, token, state)


@blueprint.post("/<ui:ui>/follow/<token>")
def confirm(ui: str, token: str) -> BaseResponse:
    """Begin to follow."""
    require_same_site()
    services().follows.confirm(_found(token))
    return redirect(url_for("follow.show", ui=ui, token=token), 303)


@blueprint.get("/<ui:ui>/follow/stop/<token>")
def ask_stop(ui: str, token: str) -> str:
    """Ask for one more click before it ends."""
    found = services().follows.store.get(_stopped(token))
    if found is None:
        return render_template("site/follow.html", state="stopped")
    title = services().follows.title(found)
    return render_template("site/follow.html", state="stop", title=title)


@blueprint.post("/<ui:ui>/follow/stop/<token>")
def stop(ui: str, token: str) -> str:
    """End a follow, also again: by the button, or by the mail program itself (RFC 8058)."""
    services().follows.store.end(_stopped(token))
    return render_template("site/follow.html", state="stopped")


def _stopped(token: str) -> str:
    """The id of the follow that a link ends; such a link never expires."""
    try:
        return support_service().links.read_lasting(STOP, token)
    except InvalidLinkError:
        abort(404)


def _page(found: Follow, token: str, state: str) -> str:
    follows = services().follows
    stop_path = urlsplit(follows.stop_link(found))._replace(scheme="", netloc="").geturl()
    return render_template(
        "site/follow.html", state=state, token=token, title=follows.title(found), stop=stop_path
    )


def _found(token: str) -> Follow:
    try:
        follow_id = support_service().links.read(PURPOSE, token, now_ms())
    except InvalidLinkError:
        abort(404)
    found = services().follows.store.get(follow_id)
    if found is None:
        gone = Gone()
        gone.said = _(  # type: ignore[attr-defined]
            "This link is not valid any more: it must be opened within two days. "
            "You can ask for another one below the article."
        )
        raise gone
    return found


def _is_there(kind: str, name: str, ui: str) -> bool:
    """Whether customers can read what is to be followed; of a section in this language."""
    articles = snapshot().articles
    if kind == KINDS[0]:
        card = articles.summaries.get(name)
        return card is not None and card.visible(now(), PUBLIC)
    visible = articles.visible(now(), PUBLIC)
    return kind in KINDS and any(one.section == name and one.lang == ui for one in visible)
