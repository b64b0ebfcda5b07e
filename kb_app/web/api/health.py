"""Health checks: liveness and readiness."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from kb_app.version import VERSION
from kb_app.web.core.context import services
from kb_app.web.stopping import is_stopping

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Liveness: the process answers. ``version`` is that of the program."""
    return jsonify(status="ok", version=VERSION)


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Readiness: 200 when an index is served and this node is to go on, else 503.

    ``meaning`` is the state of search by meaning, ``vectors`` the strategies of vector comparison.
    """
    current = services().live.current()
    status = "stopping" if is_stopping() else "ready" if current else "no index"
    state = {
        "status": status,
        "index": current.version if current else None,
        "meaning": services().meaning,
        "vectors": current.engine.vector_strategies if current else {},
    }
    return jsonify(state), 200 if status == "ready" else 503
