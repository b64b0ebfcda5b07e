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

from kb_app import metrics, traces
from kb_app.logs import request_id
from kb_app.web.core.context import services

_GIVEN = re.compile(r"\A[A-Za-z0-9._-]{8,64}\Z")
# Clients may invent others: each would be a series of its own.
_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
log = logging.getLogger("kb_app.request")


def set_up(app: Flask) -> None:
    """Time and log every request except static files and health checks."""
    app.before_request(_start)
    app.after_request(_finish)
    app.teardown_request(_end_span)


def _start() -> None:
    g.started = time.perf_counter()
    given = request.headers.get("X-Request-ID", "") if services().settings.proxies else ""
    request_id.set(given if _GIVEN.match(given) else secrets.token_hex(8))
    above = request.headers.get("traceparent", "") if services().settings.proxies else ""
    g.span = traces.request_span(above)
    if g.span is not None:
        g.span.__enter__()


def _finish(response: Response) -> Response:
    route = request.url_rule.rule if request.url_rule else "(none)"
    if not route.startswith(("/static", "/healthz", "/readyz", "/writer")):
        seconds = time.perf_counter() - g.get("started", time.perf_counter())
        elapsed = round(seconds * 1000, 1)
        method = request.method if request.method in _METHODS else "other"
        metrics.requests.labels(route, method, response.status_code).inc()
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
    if g.get("span") is not None:
        from opentelemetry.trace import get_current_span

        span = get_current_span()
        span.update_name(f"{request.method} {route}")
        span.set_attributes(
            {
                "http.request.method": request.method,
                "http.route": route,
                "http.response.status_code": response.status_code,
                "kb.request_id": request_id.get(),
            }
        )
    return response


def _end_span(_error: BaseException | None) -> None:
    span = g.pop("span", None)
    if span is not None:
        span.__exit__(None, None, None)
