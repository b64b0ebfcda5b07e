"""Rate limits per client address for searching, sending and signing in.

Counted in the memory of each web process; nothing is stored.
"""

from __future__ import annotations

from flask import Flask, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits import parse

from kb_app.settings import Settings

LIMITED = ("pages.search", "api.search", "api.suggest")
# Forms and events of visitors: far above normal use, low enough to protect the disk.
SENT = (
    "events.events",
    "feedback.vote",
    "feedback.choose",
    "tickets.tickets",
    "hooks.hook",
    "cases.solved",
    "cases.step",
)
SENT_LIMIT = "120 per minute"
# Messages to the support team: above normal use, low enough to protect the inbox.
WRITTEN = ("contact.send", "cases.add", "notices.subscribe")
WRITTEN_LIMIT = "40 per hour"
SIGN_IN_LIMIT = "10 per 15 minutes"
RESET_LIMIT = "5 per hour"
# The least that each process allows, so that a mistyped password can be corrected.
LEAST_SHARE = 3


def _account() -> str:
    """The rate limit key of the account in the sign-in form."""
    return f"account:{request.form.get('mail', '').strip().casefold()[:200]}"


def share_of(limit: str, processes: int) -> str:
    """One process's share of a limit: a quarter of "600 per minute" is "150 per 1 minute"."""
    whole = parse(limit)
    share = max(-(-whole.amount // processes), min(whole.amount, LEAST_SHARE))
    return f"{share} per {whole.multiples} {whole.GRANULARITY.name}"


def set_up(app: Flask, settings: Settings, processes: int = 1) -> None:
    """Limit the routes that search, send and sign in; each process allows its share."""
    if settings.rate_limit == "off":
        return
    limiter = Limiter(get_remote_address, app=app, storage_uri="memory://", headers_enabled=True)
    shared = limiter.shared_limit(share_of(settings.rate_limit, processes), scope="search")
    for name in LIMITED:
        app.view_functions[name] = shared(app.view_functions[name])
    # Per address and, from any address, per account: only failed attempts count.
    sign_ins = share_of(SIGN_IN_LIMIT, processes)
    refused = limiter.limit(
        sign_ins, methods=["POST"], deduct_when=lambda response: response.status_code == 401
    )
    by_account = limiter.limit(
        share_of(SIGN_IN_LIMIT, processes),
        key_func=_account,
        methods=["POST"],
        deduct_when=lambda response: response.status_code == 401,
    )
    app.view_functions["accounts.sign_in"] = refused(
        by_account(app.view_functions["accounts.sign_in"])
    )
    app.view_functions["accounts.reset"] = limiter.limit(
        share_of(RESET_LIMIT, processes), methods=["POST"]
    )(app.view_functions["accounts.reset"])
    sent = limiter.shared_limit(share_of(SENT_LIMIT, processes), scope="sent")
    for name in SENT:
        app.view_functions[name] = sent(app.view_functions[name])
    written = limiter.shared_limit(
        share_of(WRITTEN_LIMIT, processes), scope="written", methods=["POST"]
    )
    for name in WRITTEN:
        app.view_functions[name] = written(app.view_functions[name])
