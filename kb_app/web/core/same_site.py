"""Rejects cross-site requests."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import abort, request

from kb_app.web.core.context import site_settings
from kb_app.web.core.other_origins import is_allowed_origin


def require_same_site() -> None:
    """Abort a cross-site request with 403, by fetch metadata, else by Origin (OWASP).

    Pages of the origins that a setting names may use the API; they send no cookies.
    """
    if is_allowed_origin(site_settings().api_origins):
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site not in ("same-origin", "none"):
            abort(403)
        return
    origin = request.headers.get("Origin")
    if origin is not None and host_of(origin) != request.host:
        abort(403)


def host_of(origin: str) -> str:
    """The host and port of an origin; "" for what is none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:  # no URL, such as http://[
        return ""
