"""The weekly digest of figures, mailed to the leads once a week by one of the processes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from kb_app.accounts.store import UserStore
from kb_app.analytics.gaps.gap_store import GapStore
from kb_app.analytics.reports.digest_text import digest
from kb_app.analytics.reports.reports import Period, Reports
from kb_app.db import schema
from kb_app.settings import Settings
from kb_app.smtp import send_mail

WEEK = timedelta(days=7)


def write_digest(settings: Settings, gaps: GapStore, now: datetime) -> tuple[str, str]:
    """(subject, body) of the digest of the seven days before today."""
    reports = Reports(gaps.store.engine)
    last = now.astimezone(settings.zone).date() - timedelta(days=1)
    period = Period(last - timedelta(days=6), last, settings.zone)
    open_gaps = gaps.gaps(int(now.timestamp() * 1000), ("open", "assigned"))
    link = f"{settings.address}/desk/"
    days = f"{period.first} to {period.last}"
    return digest(
        settings.site_name,
        days,
        reports.figures(period),
        reports.figures(period.before),
        open_gaps,
        len(gaps.learned()),
        link,
    )


LEADS, OMBUDSMEN = ("lead", "admin"), ("ombudsman",)


def receivers(users: UserStore, roles: Sequence[str] = LEADS) -> list[str]:
    """Mail addresses of all active accounts with one of these roles."""
    return [user.mail for user in users.all() if user.role in roles and user.active]


def send_digest(settings: Settings, gaps: GapStore, now: datetime, to: Sequence[str]) -> None:
    """Mail the digest to each address; raises MailError."""
    subject, body = write_digest(settings, gaps, now)
    for address in to:
        send_mail(settings, address, subject, body)


def last_due(settings: Settings, now: datetime) -> datetime | None:
    """The latest time at which the digest was due; None where it is not scheduled."""
    if settings.digest_time is None:
        return None
    weekday, hour, minute = settings.digest_time
    local = now.astimezone(settings.zone)
    due = (local - timedelta(days=(local.weekday() - weekday) % 7)).replace(
        hour=hour, minute=minute, second=0, microsecond=0
    )
    return due if due <= local else due - WEEK


def take_turn(gaps: GapStore, due: datetime, now: datetime) -> bool:
    """Whether this process mails the digest: only the first to ask, and at most a day late."""
    table, name = schema.job_state, f"digest {due.date().isoformat()}"
    if now - due > timedelta(days=1):
        return False
    try:
        with gaps.store.engine.begin() as connection:
            if connection.execute(select(table.c.name).where(table.c.name == name)).first():
                return False
            connection.execute(table.insert().values(name=name, value=now.isoformat()))
    except IntegrityError:
        return False
    return True
