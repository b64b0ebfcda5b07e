"""Who can be reached now, when the next can, and what is promised: for the foot of every page and the contact page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask, current_app
from flask_babel import format_datetime, format_time, ngettext
from flask_babel import gettext as _

from kb_app.support.config.business_hours import (
    Calendar,
    Channel,
    Promise,
    closes_at,
    opens_at,
    why_closed,
)
from kb_app.support.config.values import Support
from kb_app.support.delivery.mail_templates import pattern_of
from kb_app.support.model import KINDS
from kb_app.web.core.context import now, support_service
from kb_app.web.core.i18n import interface_language


@dataclass(frozen=True)
class ContactChannel:
    """A way to a person: ``open`` is None where its hours are not known; ``until``, ``opens`` and ``why`` are texts."""

    kind: str
    label: str
    address: str
    href: str
    open: bool | None
    until: str = ""
    opens: str = ""
    why: str = ""
    reply: str = ""


def set_up(app: Flask) -> None:
    """Make it known to templates."""
    app.extensions["kb_reach"] = {}
    app.context_processor(lambda: {"people_mail": support_service().can_mail})
    app.jinja_env.globals.update(
        contact_channels=contact_channels, promised_until=promised_until, when=when
    )


def contact_channels() -> list[ContactChannel]:
    """All channels of the support file, those that are open now first; the form last, since it is a page of ours."""
    return _this_minute(
        "ways", lambda support: sorted(_channels(support), key=lambda one: one.open is False)
    )


def _channels(support: Support) -> list[ContactChannel]:
    return [
        _channel(channel, support.calendar)
        for channel in support.channels
        if channel.kind != "form"
    ]


def _this_minute(what: str, make: Callable[[Support], Any]) -> Any:
    """What was made of the support file in this minute for this language, made once: it stands on every page."""
    support, kept = support_service().config, current_app.extensions["kb_reach"]
    key, minute = (what, interface_language()), int(now().timestamp() // 60)
    found = kept.get(key)
    if found is None or found[0] is not support or found[1] != minute:
        found = kept[key] = (support, minute, make(support))
    return found[2]


def promised_until(kind: str = "question") -> str:
    """Until when somebody who writes now has an answer; "" where nothing is promised."""

    def make(_support: Support) -> str:
        until = support_service().workflow.due_for(kind, int(now().timestamp() * 1000))
        return when(until) if until else ""

    return str(_this_minute(f"promise {kind if kind in KINDS else ''}", make))


def when(at: int | datetime | None) -> str:
    """A moment as people say it, in the channels' own time zone."""
    if at is None:
        return ""
    zone = support_service().config.calendar.zone
    moment = at if isinstance(at, datetime) else datetime.fromtimestamp(at / 1000, zone)
    return str(
        format_datetime(moment.astimezone(zone), pattern_of(interface_language()), rebase=False)
    )


def _channel(channel: Channel, calendar: Calendar) -> ContactChannel:
    href = {
        "phone": f"tel:{channel.address.replace(' ', '')}",
        "mail": f"mailto:{channel.address}",
    }.get(channel.kind, channel.address)
    names = {
        "phone": _("Phone"),
        "mail": _("Mail"),
        "chat": _("Chat"),
        "social": _("Social network"),
    }
    label = channel.address if channel.kind in ("phone", "mail") else names[channel.kind]
    reply = promise_text(channel.reply) if channel.reply else ""
    if not channel.has_hours:
        return ContactChannel(channel.kind, label, channel.address, href, None, reply=reply)
    until = closes_at(channel, calendar, now())
    if until is not None:
        always = (until - now()).days >= 2
        return ContactChannel(
            channel.kind,
            label,
            channel.address,
            href,
            True,
            until="" if always else _clock(until, calendar),
            reply=reply,
        )
    opens = opens_at(channel, calendar, now())
    why = why_closed(calendar, now().astimezone(calendar.zone).date(), interface_language())
    return ContactChannel(
        channel.kind, label, channel.address, href, False, opens=when(opens), why=why, reply=reply
    )


def _clock(at: datetime, calendar: Calendar) -> str:
    return str(format_time(at.astimezone(calendar.zone), "H:mm", rebase=False))


def promise_text(promise: Promise) -> str:
    """A promise in words."""
    if promise.count == 0:
        return _("at once")
    if promise.unit == "minute":
        return ngettext("within %(num)d minute", "within %(num)d minutes", promise.count)
    if promise.unit == "hour":
        return ngettext(
            "within %(num)d working hour", "within %(num)d working hours", promise.count
        )
    return ngettext("within %(num)d working day", "within %(num)d working days", promise.count)
