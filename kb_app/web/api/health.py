"""Health checks: liveness and readiness."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from kb_app.web.core.context import services
from kb_app.web.core.version import VERSION

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Liveness: the process answers. ``version`` is that of the program."""
    return jsonify(status="ok", version=VERSION)


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Readiness: 200 when an index is served, else 503.

    ``meaning`` is the state of search by meaning, ``vectors`` the strategies of vector comparison.
    """
    current = services().live.current()
    state = {
        "status": "ready" if current else "no index",
        "index": current.version if current else None,
        "meaning": services().meaning,
        "vectors": current.engine.vector_strategies if current else {},
    }
    return jsonify(state), 200 if current else 503
