"""Access log: one line per request with route, status and elapsed time.

Never logs the path, the query, the client address or the user agent. Each request has an id, which
all its log lines and its response (X-Request-ID) carry; that of a trusted proxy is taken over.
"""

from __future__ import annotations

import logging
import re
import secrets
import time

from flask import Flask, Response, g, request

from kb_app import metrics
from kb_app.logs import request_id
from kb_app.web.core.context import services

_GIVEN = re.compile(r"\A[A-Za-z0-9._-]{8,64}\Z")
log = logging.getLogger("kb_app.request")


def set_up(app: Flask) -> None:
    """Time and log every request except static files and health checks."""
    app.before_request(_start)
    app.after_request(_finish)


def _start() -> None:
    g.started = time.perf_counter()
    given = request.headers.get("X-Request-ID", "") if services().settings.proxies else ""
    request_id.set(given if _GIVEN.match(given) else secrets.token_hex(8))


def _finish(response: Response) -> Response:
    route = request.url_rule.rule if request.url_rule else "(none)"
    if not route.startswith(("/static", "/healthz", "/readyz", "/writer")):
        seconds = time.perf_counter() - g.get("started", time.perf_counter())
        elapsed = round(seconds * 1000, 1)
        metrics.requests.labels(route, request.method, response.status_code).inc()
        metrics.request_seconds.labels(route).observe(seconds)
        log.info(
            "request",
            extra={
                "method": request.method,
                "route": route,
                "status": response.status_code,
                "ms": elapsed,
            },
        )
    response.headers["X-Request-ID"] = request_id.get()
    return response
