"""Notices of known problems: on search, contact and matching questions; started at the desk, ended, and told to whoever asked."""

from __future__ import annotations

import numpy as np
from flask import Blueprint, Flask, abort, redirect, render_template, request, url_for
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response as BaseResponse

from kb_app.services.search_adapters import CentredQuestions
from kb_app.support.notices import Notice, names_it
from kb_app.web.core.context import services, support_service
from kb_app.web.core.i18n import interface_language
from kb_app.web.core.same_site import require_same_site
from kb_app.web.core.tracking import moment
from kb_app.web.core.urls import language_of_address

blueprint = Blueprint("notices", __name__)
blueprint.url_value_preprocessor(language_of_address)
# Cosine of centred questions from which on one asks what the other asks; that of gaps, a little stricter, since a notice is shown to all.
SAME = 0.45


def set_up(app: Flask) -> None:
    """Make them known to templates."""
    app.jinja_env.globals.update(notices=shown)


def shown(query: str = "", section: str = "") -> list[Notice]:
    """The notices for this reader: those without questions always, the others where the query asks what they are about."""
    lang = interface_language()
    try:
        active = [
            notice
            for notice in support_service().notices.active(moment())
            if notice.for_reader(lang, section)
        ]
    except SQLAlchemyError:  # pages are shown whatever the database does
        return []
    if not query:
        return active
    return [
        notice
        for notice in active
        if not notice.questions or names_it(notice, query) or _means(notice, query, lang)
    ]


def _means(notice: Notice, query: str, lang: str) -> bool:
    """Whether a query means one of the notice's questions; by words alone while there is no model."""
    if services().meaning != "ready":
        return False
    encode = CentredQuestions(services().embedder)
    texts = [query, *notice.questions]
    vectors = encode(texts, [lang] * len(texts))
    return bool(np.max(vectors[1:] @ vectors[0]) >= SAME)


# --- customers -------------------------------------------------------------------------------------------------------------------


@blueprint.post("/<ui:ui>/notices/<notice_id>")
def subscribe(ui: str, notice_id: str) -> BaseResponse:
    """Somebody wants to hear when it is over."""
    require_same_site()
    notice = support_service().notices.one(notice_id)
    if notice is None or not notice.active(moment()):
        abort(404)
    taken = support_service().notices.subscribe(
        notice_id, request.form.get("mail", "").strip(), ui, moment()
    )
    return redirect(url_for("notices.told", ui=ui, taken=int(taken)), 303)


@blueprint.get("/<ui:ui>/notices/told")
def told(ui: str) -> str:
    """That they will hear."""
    return render_template("site/notice_told.html", taken=request.args.get("taken") == "1")


# --- the desk --------------------------------------------------------------------------------------------------------------------
