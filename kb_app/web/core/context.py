"""What a request knows: the services, the snapshot it keeps, who asks, and when."""

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
    """The bundle this request is answered from, the same to its end; 503 before the first build."""
    if "snapshot" not in g:
        g.snapshot = services().live.current()
    if g.snapshot is None:
        abort(503)
    return cast(Snapshot, g.snapshot)


def now() -> datetime:
    """The time at which this request came, the same to its end."""
    if "now" not in g:
        g.now = services().clock()
    return cast(datetime, g.now)


def audiences() -> frozenset[str]:
    """Whose articles the visitor may see: by who is signed in, never by what the request says."""
    found: frozenset[str] = current_user.audiences
    return found


def site_settings() -> Settings:
    """The settings of this site."""
    return services().settings


def support_service() -> SupportService:
    """Cases, mail and notices."""
    return services().support


def analytics_service() -> AnalyticsService:
    """Episodes, gaps and spikes."""
    return services().analytics


def event_store() -> EventStore:
    """The event log."""
    return services().store


def user_store() -> UserStore:
    """Accounts, tokens and the audit log."""
    return services().users
