"""Rate limits per client address for searching, sending and asking for a reset.

Counted in the memory of each web process; nothing is stored.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from functools import lru_cache

from flask import Flask, Response, current_app, request
from flask_limiter import Limiter
from limits import parse

from kb_app.settings import Settings

LIMITED = (
    "pages.search",
    "api.search",
    "api.suggest",
    "api_articles.article",
    "api_articles.articles",
    "api_articles.sections",
    "api_cases.contact",
    "machine_pages.article_page",
    "machine_pages.llms",
    "machine_pages.llms_full",
    "packs.document",
    "packs.pack",
    "assistants.mcp",
    "discovery.suggestions",
    "chat.begin",
    "chat.say",
)
# Forms and events of visitors: far above normal use, low enough to protect the disk.
SENT = (
    "events.events",
    "api_feedback.vote",
    "feedback.vote",
    "feedback.choose",
    "tickets.tickets",
    "hooks.hook",
    "hooks.articles_changed",
    "cases.solved",
    "cases.step",
)
SENT_LIMIT = "120 per minute"
# Messages to the support team: above normal use, low enough to protect the inbox.
WRITTEN = (
    "contact.send",
    "api_cases.open_case",
    "cases.add",
    "cases.mail_link",
    "notices.subscribe",
    "follow.ask",
)
WRITTEN_LIMIT = "40 per hour"
RESET_LIMIT = "5 per hour"
_WRITTEN = "kb_may_write"
# The least that each process allows, so that somebody who errs once can go on.
LEAST_SHARE = 3


def client_key(address: str) -> str:
    """The key of a client's address: without its port, and an IPv6 network of 64 bits.

    One customer of a provider has a whole such network, and proxies may add the port.
    """
    host = address.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        known = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host[:60]
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    if known.ipv4_mapped:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((known, 64), strict=False))


def _client() -> str:
    return client_key(request.remote_addr or "")


def _only_when_refused(response: Response) -> Response:
    """Say when to come back only to those who came too often."""
    if response.status_code not in (429, 503):
        response.headers.pop("Retry-After", None)
    return response


def _was_taken(response: Response) -> bool:
    """Whether the form was accepted: one that was refused may be corrected and sent again."""
    return response.status_code < 400


def _was_answered(response: Response) -> bool:
    """Whether the site did its part: what it could not store may be sent again."""
    return response.status_code != 503


@lru_cache
def share_of(limit: str, processes: int) -> str:
    """One process's share of a limit: a quarter of "600 per minute" is "150 per 1 minute"."""
    whole = parse(limit)
    share = max(-(-whole.amount // processes), min(whole.amount, LEAST_SHARE))
    return f"{share} per {whole.multiples} {whole.GRANULARITY.name}"


def may_write() -> bool:
    """Count one more message to a person; False where this address sent too many."""
    hit: Callable[[], bool] | None = current_app.extensions.get(_WRITTEN)
    return hit is None or hit()


def set_up(app: Flask, settings: Settings, processes: Callable[[], int] = lambda: 1) -> None:
    """Limit the routes that search and send. Of ``processes`` each allows its share."""
    if settings.rate_limit == "off":
        return
    limiter = Limiter(_client, app=app, storage_uri="memory://", headers_enabled=True)
    # The limiter's own functions run before what is registered earlier.
    app.after_request_funcs[None].insert(0, _only_when_refused)

    def share(limit: str) -> Callable[[], str]:
        return lambda: share_of(limit, processes())

    shared = limiter.shared_limit(share(settings.rate_limit), scope="search")
    for name in LIMITED:
        app.view_functions[name] = shared(app.view_functions[name])
    app.view_functions["accounts.reset"] = limiter.limit(share(RESET_LIMIT), methods=["POST"])(
        app.view_functions["accounts.reset"]
    )
    sent = limiter.shared_limit(share(SENT_LIMIT), scope="sent", deduct_when=_was_answered)
    for name in SENT:
        app.view_functions[name] = sent(app.view_functions[name])
    app.extensions[_WRITTEN] = lambda: limiter.limiter.hit(
        parse(share_of(WRITTEN_LIMIT, processes())), _client(), "written"
    )
    written = limiter.shared_limit(
        share(WRITTEN_LIMIT),
        scope="written",
        methods=["POST"],
        deduct_when=_was_taken,
    )
    for name in WRITTEN:
        app.view_functions[name] = written(app.view_functions[name])
