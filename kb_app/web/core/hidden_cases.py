"""Which cases the signed-in user does not see: those at the ombudsman's step."""

from __future__ import annotations

from flask import g

from kb_app.support.model import STEPS
from kb_app.web.core.auth import user
from kb_app.web.core.context import user_store


def hidden_step() -> str:
    """The step whose cases the signed-in user does not see; "" where there is none.

    The last one is the ombudsman's alone; while nobody has that role, leads see it.
    """
    if "hidden_step" not in g:
        g.hidden_step = _hidden_step()
    return str(g.hidden_step)


def _hidden_step() -> str:
    if user().may("ombudsman"):
        return ""
    known = any(one.active and one.role == "ombudsman" for one in user_store().all())
    return STEPS[-1] if known or not user().may("outbox") else ""
