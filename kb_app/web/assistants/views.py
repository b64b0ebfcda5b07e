"""The address of the MCP server: one request, one answer, no session (streamable HTTP)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import anyio
from flask import Blueprint, Response, abort, current_app, request
from werkzeug.wrappers import Response as BaseResponse

from kb_app.web.core.context import site_settings, user_store
from kb_app.web.core.errors import problem
from kb_app.web.core.same_site import host_of

blueprint = Blueprint("assistants", __name__)
MAX_BODY = 256 * 1024
_SERVERS = "kb_mcp_servers"
_KEPT = frozenset({"content-type", "allow", "mcp-protocol-version"})


@blueprint.before_request
def _bound() -> None:
    request.max_content_length = MAX_BODY


@blueprint.route("/mcp", methods=["POST", "GET", "DELETE"])
def mcp() -> BaseResponse:
    """Answer a message of an assistant's client."""
    if request.method != "POST":
        refused = problem(405, "There are no sessions here: send each message by POST.")
        refused.headers["Allow"] = "POST"
        return refused
    _check_origin()
    body = request.get_data(cache=False)
    from kb_app.web.assistants.server import exchange

    server, scope = _server(), _scope()

    def exchanged() -> tuple[int, list[tuple[str, str]], bytes]:
        return anyio.run(exchange, server, scope, body)

    # A thread of its own: the one that serves may have an event loop already.
    with ThreadPoolExecutor(1) as thread:
        status, headers, answer = thread.submit(copy_context().run, exchanged).result()
    response = Response(answer, status)
    for name, value in headers:
        if name.lower() in _KEPT:
            response.headers[name] = value
    response.headers["Cache-Control"] = "no-store"
    return response


mcp.scope = "search"  # type: ignore[attr-defined]


def _check_origin() -> None:
    """Refuse pages of other sites, which a browser on the own network could send here."""
    origin = request.headers.get("Origin")
    if origin and host_of(origin) != request.host:
        abort(403)


def _server() -> Any:
    """The server for this reader, made once in each process."""
    from kb_app.web.assistants.server import make_server

    with_reports = _may_see_reports()
    known = current_app.extensions.setdefault(_SERVERS, {})
    if with_reports not in known:
        settings = site_settings()
        name = settings.name(settings.languages[0])
        known[with_reports] = make_server(name, with_reports=with_reports)
    return known[with_reports]


def _may_see_reports() -> bool:
    """Whether the token of the request has the scope of reports."""
    header = request.headers.get("Authorization", "")
    token = header.removeprefix("Bearer ").strip() if header.startswith("Bearer ") else ""
    account = user_store().by_token(token, "reports") if token else None
    return account is not None and account.may("reports")


def _scope() -> dict[str, Any]:
    """The request as ASGI describes it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.scheme,
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": request.query_string,
        "headers": [
            (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
            for name, value in request.headers.items()
        ],
        "client": (request.remote_addr or "", 0),
        "server": (request.host, None),
    }
