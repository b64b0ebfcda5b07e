"""How often one address may search. Counted in memory; nothing is stored."""

from __future__ import annotations

from flask import Flask, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from kb_app.settings import Settings

LIMITED = ("pages.search", "api.search", "api.suggest")
# What visitors send; enough for anybody who reads, too little to fill the disk.
SENT = ("events.events", "feedback.vote", "feedback.choose", "tickets.tickets", "hooks.hook", "cases.solved", "cases.step")
SENT_LIMIT = "120 per minute"
# Messages to people: more than anybody writes, too few to bury the desk.
WRITTEN = ("contact.send", "cases.add", "notices.subscribe")
WRITTEN_LIMIT = "40 per hour"
SIGN_IN_LIMIT = "10 per 15 minutes"
RESET_LIMIT = "5 per hour"


def _account() -> str:
    """The account that somebody tries to sign in to."""
    return f"account:{request.form.get('mail', '').strip().casefold()[:200]}"


def set_up(app: Flask, settings: Settings) -> None:
    """Limit the routes that search."""
    if settings.rate_limit == "off":
        return
    limiter = Limiter(get_remote_address, app=app, storage_uri="memory://", headers_enabled=True)
    shared = limiter.shared_limit(settings.rate_limit, scope="search")
    for name in LIMITED:
        app.view_functions[name] = shared(app.view_functions[name])
    # Of one address, and of one account from wherever it is tried: only what was refused counts.
    refused = limiter.limit(SIGN_IN_LIMIT, methods=["POST"], deduct_when=lambda response: response.status_code == 401)
    by_account = limiter.limit(SIGN_IN_LIMIT, key_func=_account, methods=["POST"], deduct_when=lambda response: response.status_code == 401)
    app.view_functions["accounts.sign_in"] = refused(by_account(app.view_functions["accounts.sign_in"]))
    app.view_functions["accounts.reset"] = limiter.limit(RESET_LIMIT, methods=["POST"])(app.view_functions["accounts.reset"])
    sent = limiter.shared_limit(SENT_LIMIT, scope="sent")
    for name in SENT:
        app.view_functions[name] = sent(app.view_functions[name])
    written = limiter.shared_limit(WRITTEN_LIMIT, scope="written", methods=["POST"])
    for name in WRITTEN:
        app.view_functions[name] = written(app.view_functions[name])
