"""Files of articles, the logo, the favicon and the theme's CSS."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, abort, current_app, redirect, send_file, url_for
from werkzeug.wrappers import Response as BaseResponse

from indexer.reading.media_types import DOWNLOAD_TYPE, IMAGE_TYPES, SHOWN_TYPES
from kb_app.web.core.context import PUBLIC, audiences, now, site_settings, snapshot
from kb_app.web.core.theme import theme_css

blueprint = Blueprint("assets", __name__)
# An SVG may contain a script, which must not run when the file is opened directly.
_IMAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@blueprint.get("/media/<name>")
def media(name: str) -> BaseResponse:
    """A file by its name in the bundle, for visitors who may see an article that shows it."""
    articles = snapshot().articles
    owners = articles.image_owners(name)
    path = articles.image(name)
    if path is None or not any(card.visible(now(), audiences()) for card in owners):
        abort(404)
    kind = SHOWN_TYPES.get(path.suffix, DOWNLOAD_TYPE)
    download = kind == DOWNLOAD_TYPE
    response = send_file(
        path.resolve(), mimetype=kind, max_age=3600, as_attachment=download, conditional=True
    )
    if not any(card.visible(now(), PUBLIC) for card in owners):
        response.headers["Cache-Control"] = "no-store"
    # Chromium's viewer of PDF documents does not work in a sandbox.
    if kind != SHOWN_TYPES[".pdf"]:
        response.headers["Content-Security-Policy"] = _IMAGE_POLICY
    return response


@blueprint.get("/favicon.ico")
def favicon() -> BaseResponse:
    """Redirect the default favicon path to the icon."""
    return redirect(url_for("static", filename="icon.svg"))


@blueprint.get("/theme.css")
def theme() -> Response:
    """The accent colour for both colour schemes, from KB_COLOUR."""
    response = Response(theme_css(site_settings().colour), mimetype="text/css")
    response.cache_control.max_age = 3600
    return response


@blueprint.get("/widget.js")
def widget() -> BaseResponse:
    """The script that shows this help on pages of other sites; KB_API_ORIGINS says which."""
    if not site_settings().api_origins:
        abort(404)
    path = Path(current_app.static_folder or "") / "widget.js"
    response = send_file(path, mimetype="text/javascript", max_age=3600, conditional=True)
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    # One text, whatever is asked for: compressed like a page.
    response.direct_passthrough = False
    return response


@blueprint.get("/logo")
def logo() -> BaseResponse:
    """The image file of KB_LOGO."""
    path = site_settings().logo
    if path is None:
        abort(404)
    response = send_file(path.resolve(), mimetype=IMAGE_TYPES[path.suffix.lower()], max_age=3600)
    response.headers["Content-Security-Policy"] = _IMAGE_POLICY
    return response
