"""Is the process alive, and can it answer?"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from kb_app.web.core.context import services

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """An index is served; 503 while there is none.

    ``meaning`` says whether search by meaning works yet, ``vectors`` how they are compared.
    """
    current = services().live.current()
    state = {
        "status": "ready" if current else "no index",
        "index": current.version if current else None,
        "meaning": services().meaning,
        "vectors": current.engine.vector_strategies if current else {},
    }
    return jsonify(state), 200 if current else 503
