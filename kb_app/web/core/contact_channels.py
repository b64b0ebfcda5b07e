"""Contact channels for the page footer and the contact page.

Computes which channels are open now, when the others open, and the promised reply times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask, current_app, url_for
from flask_babel import format_datetime, format_time
from flask_babel import gettext as _

from indexer.reading.support_values import reply_text
from kb_app.support.case_fields import shown_fields
from kb_app.support.config.business_hours import (
    Calendar,
    Channel,
    closes_at,
    opens_at,
    why_closed,
)
from kb_app.support.config.values import Support
from kb_app.support.delivery.mail_templates import pattern_of
from kb_app.support.model import KINDS, Case
from kb_app.web.core.context import now, support_service
from kb_app.web.core.i18n import interface_language


@dataclass(frozen=True)
class ContactChannel:
    """A contact channel.

    ``open`` is None if its hours are unknown; ``until``, ``opens`` and ``why`` are display texts.
    """

    kind: str
    label: str
    address: str
    href: str
    open: bool | None
    until: str = ""
    opens: str = ""
    why: str = ""
    reply: str = ""

    @property
    def said(self) -> str:
        """Whether it is open, and until or from when, as one text."""
        if self.open:
            until = _("until %(time)s", time=self.until) if self.until else ""
            return " · ".join(filter(None, (_("open now"), until)))
        if self.open is None:
            return _("answer %(reply)s", reply=self.reply) if self.reply else ""
        closed = _("closed today: %(why)s", why=self.why) if self.why else _("closed now")
        opens = _("opens %(when)s", when=self.opens) if self.opens else ""
        return " · ".join(filter(None, (closed, opens)))


def set_up(app: Flask) -> None:
    """Register the template globals and the cache."""
    app.extensions["kb_reach"] = {}
    app.context_processor(lambda: {"people_mail": support_service().can_mail})
    app.jinja_env.globals.update(
        contact_channels=contact_channels,
        promised_until=promised_until,
        when=when,
        case_fields=case_fields,
    )


def case_fields(case: Case) -> list[tuple[str, str]]:
    """What the contact form asked beside the message, with labels in the reader's language."""
    return shown_fields(case.fields, support_service().config.fields, interface_language())


def contact_channels() -> list[ContactChannel]:
    """All channels of the support file, open ones first.

    The form is left out, since it is a page of this site.
    """
    return _this_minute(
        "channels", lambda support: sorted(_channels(support), key=lambda one: one.open is False)
    )


def _channels(support: Support) -> list[ContactChannel]:
    return [
        _channel(channel, support.calendar)
        for channel in support.channels
        if channel.kind != "form"
    ]


def _this_minute(what: str, make: Callable[[Support], Any]) -> Any:
    """The value of ``make``, cached per language for the current minute.

    A changed support file invalidates it. Cached because every page shows it.
    """
    support, cache = support_service().config, current_app.extensions["kb_reach"]
    key, minute = (what, interface_language()), int(now().timestamp() // 60)
    entry = cache.get(key)
    if entry is None or entry[0] is not support or entry[1] != minute:
        entry = cache[key] = (support, minute, make(support))
    return entry[2]


def promised_until(kind: str = "question") -> str:
    """The time by which a message sent now is answered, as text; "" where nothing is promised."""

    def make(_support: Support) -> str:
        until = support_service().workflow.due_for(kind, int(now().timestamp() * 1000))
        return when(until) if until else ""

    return str(_this_minute(f"promise {kind if kind in KINDS else ''}", make))


def when(at: int | datetime | None) -> str:
    """Format a time (ms or datetime) in the time zone of the channels.

    "" for None and for a time that has no local one: a stored time must not fail the page.
    """
    if at is None:
        return ""
    zone = support_service().config.calendar.zone
    try:
        time = at if isinstance(at, datetime) else datetime.fromtimestamp(at / 1000, zone)
        local = time.astimezone(zone)
    except (OverflowError, ValueError, OSError):
        return ""
    return str(format_datetime(local, pattern_of(interface_language()), rebase=False))


def _channel(channel: Channel, calendar: Calendar) -> ContactChannel:
    href = {
        "phone": f"tel:{channel.address.replace(' ', '')}",
        "mail": f"mailto:{channel.address}",
        # Without an address of another one it is the chat of this site.
        "chat": channel.address or url_for("chat.start", ui=interface_language()),
    }.get(channel.kind, channel.address)
    names = {
        "phone": _("Phone"),
        "mail": _("Mail"),
        "chat": _("Chat"),
        "social": _("Social network"),
    }
    label = channel.address if channel.kind in ("phone", "mail") else names[channel.kind]
    reply = reply_text(channel.reply, interface_language()) if channel.reply else ""
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
