"""Lets pages of other sites use the API: those whose origins a setting names (CORS)."""

from __future__ import annotations

from flask import Flask, Response, request

from kb_app.settings import Settings

_API = "/api/v1/"
# How long a browser remembers the permission, in seconds; Chromium keeps two hours at most.
_REMEMBERED = "7200"


def set_up(app: Flask, settings: Settings) -> None:
    """Add the headers of permission to answers of the API."""
    app.after_request(lambda response: _permit(response, settings.api_origins))


def is_allowed_origin(origins: tuple[str, ...]) -> bool:
    """Whether the request comes from a page of an allowed origin, and is for the API."""
    return request.path.startswith(_API) and request.headers.get("Origin", "") in origins


def _permit(response: Response, origins: tuple[str, ...]) -> Response:
    if not origins or not request.path.startswith(_API):
        return response
    # A cache must not give one site's permission to another.
    response.vary.add("Origin")
    if not is_allowed_origin(origins):
        return response
    headers = response.headers
    headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
    headers["Access-Control-Expose-Headers"] = "Retry-After, X-RateLimit-Remaining"
    headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    if request.method == "OPTIONS":
        headers["Access-Control-Allow-Methods"] = "GET, POST"
        headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, KB-Visit"
        headers["Access-Control-Max-Age"] = _REMEMBERED
    return response
