"""Access log: one line per request with route, status and elapsed time.

Never logs the path, the query, the client address or the user agent.
"""

from __future__ import annotations

import logging
import time

from flask import Flask, Response, g, request

log = logging.getLogger("kb_app.request")


def set_up(app: Flask) -> None:
    """Time and log every request except static files and health checks."""
    app.before_request(_start)
    app.after_request(_finish)


def _start() -> None:
    g.started = time.perf_counter()


def _finish(response: Response) -> Response:
    route = request.url_rule.rule if request.url_rule else "(none)"
    if not route.startswith(("/static", "/healthz", "/readyz", "/writer")):
        elapsed = round((time.perf_counter() - g.get("started", time.perf_counter())) * 1000, 1)
        log.info(
            "request",
            extra={
                "method": request.method,
                "route": route,
                "status": response.status_code,
                "ms": elapsed,
            },
        )
    return response
