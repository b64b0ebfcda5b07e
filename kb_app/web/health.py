"""Is the process alive, and can it answer?"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from kb_app.web.context import services

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """An index is served; 503 while there is none.

    ``meaning`` says whether search by meaning works yet, ``vectors`` how they are compared, ``workers`` how many processes search besides.
    """
    current = services().live.current()
    workers = services().workers
    state = {
        "status": "ready" if current else "no index",
        "index": current.version if current else None,
        "meaning": services().meaning,
        "vectors": current.engine.ways if current else {},
        "workers": len(workers.processes()) if workers else 0,
    }
    return jsonify(state), 200 if current else 503
