"""Packs: chosen articles on one page, to read, to print, and as a PDF."""

from __future__ import annotations

from flask import Blueprint, Response, abort, render_template, send_file

from kb_app.web.core.pack_pdf import can_print, pack_pdf
from kb_app.web.core.packs import PackPage, known_packs, pack_bodies, pack_page
from kb_app.web.core.urls import language_of_address

blueprint = Blueprint("packs", __name__)
blueprint.url_value_preprocessor(language_of_address)


@blueprint.get("/<ui:ui>/packs/<key>")
def pack(ui: str, key: str) -> str:
    """All articles of a pack, one below the other."""
    page = _page_or_404(key, ui)
    return render_template(
        "site/pack.html", page=page, bodies=pack_bodies(page, ui), can_print=can_print()
    )


@blueprint.get("/<ui:ui>/packs/<key>.pdf")
def document(ui: str, key: str) -> Response:
    """A pack as a PDF."""
    page = _page_or_404(key, ui)
    if not can_print():
        abort(404)
    path = pack_pdf(page, ui).resolve()
    return send_file(path, mimetype="application/pdf", download_name=f"{key}.pdf", max_age=0)


def _page_or_404(key: str, ui: str) -> PackPage:
    """A pack with at least one article that customers may read."""
    known = known_packs().get(key)
    page = pack_page(known, ui) if known else None
    if page is None or not page.cards:
        abort(404)
    return page
