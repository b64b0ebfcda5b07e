"""Request context: the services, the index snapshot, the request's time and the audiences."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from flask import abort, current_app, g
from flask_login import current_user

from kb_app.accounts.store import UserStore
from kb_app.analytics.event_store import EventStore
from kb_app.services.analytics import AnalyticsService
from kb_app.services.container import Services
from kb_app.services.live_index import Snapshot
from kb_app.services.support import SupportService
from kb_app.settings import Settings

PUBLIC = frozenset({"public"})


def services() -> Services:
    """The services of this application."""
    return cast(Services, current_app.extensions["kb_services"])


def snapshot() -> Snapshot:
    """The index snapshot of this request, the same until it ends; 503 before the first build."""
    if "snapshot" not in g:
        g.snapshot = services().live.current()
    if g.snapshot is None:
        abort(503)
    return cast(Snapshot, g.snapshot)


def now() -> datetime:
    """The time at which this request arrived, the same until it ends."""
    if "now" not in g:
        g.now = services().clock()
    return cast(datetime, g.now)


def audiences() -> frozenset[str]:
    """The audiences of the visitor; they depend on the signed-in user, never on request values."""
    result: frozenset[str] = current_user.audiences
    return result


def site_settings() -> Settings:
    """The settings of this site."""
    return services().settings


def support_service() -> SupportService:
    """The service for cases, mail and notices."""
    return services().support


def analytics_service() -> AnalyticsService:
    """The service for episodes, gaps and spikes."""
    return services().analytics


def event_store() -> EventStore:
    """The event log."""
    return services().store


def user_store() -> UserStore:
    """The store of accounts, tokens and the audit log."""
    return services().users
