"""How often one address may search. Counted in memory; nothing is stored."""

from __future__ import annotations

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from kb_app.settings import Settings

LIMITED = ("pages.search", "api.search", "api.suggest")


def set_up(app: Flask, settings: Settings) -> None:
    """Limit the routes that search."""
    if settings.rate_limit == "off":
        return
    limiter = Limiter(get_remote_address, app=app, storage_uri="memory://", headers_enabled=True)
    shared = limiter.shared_limit(settings.rate_limit, scope="search")
    for name in LIMITED:
        app.view_functions[name] = shared(app.view_functions[name])
