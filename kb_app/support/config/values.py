"""Values of ``support.yml``: channels, escalation steps, ticket systems and routes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from zoneinfo import ZoneInfo

from indexer.reading.opening_hours import Promise
from kb_app.support.config.business_hours import Calendar, Channel
from kb_app.support.model import STEPS

# The built-in inbox as a routing target.
INBOX = "inbox"


@dataclass(frozen=True)
class TicketSystem:
    """An external ticket system; its secret is in KB_DESK_SECRETS."""

    name: str
    type: Literal["smtp", "webhook", "zendesk", "freshdesk"]
    url: str = ""
    user: str = ""
    mail: str = ""
    poll: bool = True


@dataclass(frozen=True)
class Messenger:
    """An account at a messenger; its secrets are in KB_DESK_SECRETS, by its name.

    ``phone_number_id`` is WhatsApp's; ``api`` is the address of another server than the service's.
    """

    name: str
    type: Literal["line", "whatsapp"]
    phone_number_id: str = ""
    api: str = ""


@dataclass(frozen=True)
class Route:
    """Routes cases by kind, language and section ("" for any) to a ticket system or INBOX."""

    to: str
    kind: str = ""
    language: str = ""
    section: str = ""


@dataclass(frozen=True)
class Step:
    """An escalation step: its reply time, notification address and description by language."""

    name: str
    reply: Promise
    mail: str = ""
    text: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CaseField:
    """A field of the contact form: its label by language, an example, or values to choose from."""

    name: str
    label: Mapping[str, str]
    example: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Support:
    """The whole configuration; without a file, ``promised`` is False and no reply time is shown."""

    calendar: Calendar
    channels: tuple[Channel, ...]
    ladder: tuple[Step, ...]
    reply: Promise
    complaint_reply: Promise
    routes: tuple[Route, ...] = ()
    desks: Mapping[str, TicketSystem] = field(default_factory=dict)
    follow_up_hours: int = 24
    close_days: int = 7
    messengers: Mapping[str, Messenger] = field(default_factory=dict)
    fields: tuple[CaseField, ...] = ()
    most_files: int = 5
    most_megabytes: int = 10
    promised: bool = True

    def channel(self, kind: str) -> Channel | None:
        """The first channel of a kind."""
        return next((channel for channel in self.channels if channel.kind == kind), None)

    @property
    def form(self) -> Channel:
        """The channel whose hours apply to messages: form, else mail, else one without hours."""
        return self.channel("form") or self.channel("mail") or Channel("form", "form", ((),) * 7)

    def step(self, name: str) -> Step:
        """The escalation step with this name, or the first one if there is none."""
        return next((step for step in self.ladder if step.name == name), self.ladder[0])

    def promise_of(self, kind: str, step: str) -> Promise:
        """The reply time for a kind at a step; complaints have a separate one at the first step."""
        if step != self.ladder[0].name:
            return self.step(step).reply
        return self.complaint_reply if kind == "complaint" else self.reply

    def desk_for(self, kind: str, language: str, section: str) -> str:
        """The target of a case: that of the first matching route, else INBOX."""
        for route in self.routes:
            if (
                route.kind in ("", kind)
                and route.language in ("", language)
                and route.section in ("", section)
            ):
                return route.to
        return INBOX


def without_file(zone: ZoneInfo, phone: str = "", mail: str = "", link: str = "") -> Support:
    """The configuration without a file: contact addresses, no hours and no promised reply times."""
    given = {"phone": phone, "mail": mail, "social": link, "form": ""}
    channels = tuple(
        Channel(name, name, ((),) * 7, address)
        for name, address in given.items()
        if address or name == "form"
    )
    three_days = Promise(3, "day")
    return Support(
        Calendar(zone),
        channels,
        tuple(Step(name, three_days) for name in STEPS),
        three_days,
        three_days,
        promised=False,
    )
