"""Who can be reached when, the ladder, and which desk gets which case: the values that ``support.yml`` gives. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from zoneinfo import ZoneInfo

from kb_app.support.config.business_hours import Calendar, Channel, Promise
from kb_app.support.model import STEPS

# Our own desk, among those that cases go to.
INBOX = "inbox"


@dataclass(frozen=True)
class TicketSystem:
    """Another desk that cases go to. Its secret is not here but in KB_DESK_SECRETS."""

    name: str
    type: Literal["smtp", "webhook", "zendesk", "freshdesk"]
    url: str = ""
    user: str = ""
    mail: str = ""
    poll: bool = True


@dataclass(frozen=True)
class Route:
    """Cases of a kind, a language and a section ("" for any) go to a desk, INBOX for our own."""

    to: str
    kind: str = ""
    language: str = ""
    section: str = ""


@dataclass(frozen=True)
class Step:
    """One step of the ladder: how soon it answers, whom it tells, and what it is in the reader's words."""

    name: str
    reply: Promise
    mail: str = ""
    text: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Support:
    """All of the file as values; a site without one has ``promised`` False and promises nothing."""

    calendar: Calendar
    channels: tuple[Channel, ...]
    ladder: tuple[Step, ...]
    reply: Promise
    complaint_reply: Promise
    routes: tuple[Route, ...] = ()
    desks: Mapping[str, TicketSystem] = field(default_factory=dict)
    follow_up_hours: int = 24
    close_days: int = 7
    most_files: int = 5
    most_megabytes: int = 10
    promised: bool = True

    def channel(self, kind: str) -> Channel | None:
        """The first channel of a kind."""
        return next((channel for channel in self.channels if channel.kind == kind), None)

    @property
    def form(self) -> Channel:
        """The channel that written cases are answered in: the form, else mail, else one without hours."""
        return self.channel("form") or self.channel("mail") or Channel("form", "form", ((),) * 7)

    def step(self, name: str) -> Step:
        """A step by its name; the first where it is gone from the file."""
        return next((step for step in self.ladder if step.name == name), self.ladder[0])

    def promise_of(self, kind: str, step: str) -> Promise:
        """How soon a case of a kind is answered at a step: complaints have their own clock at the first one."""
        if step != self.ladder[0].name:
            return self.step(step).reply
        return self.complaint_reply if kind == "complaint" else self.reply

    def desk_for(self, kind: str, language: str, section: str) -> str:
        """Where a case goes: the first route that fits, else our own inbox."""
        for route in self.routes:
            if (
                route.kind in ("", kind)
                and route.language in ("", language)
                and route.section in ("", section)
            ):
                return route.to
        return INBOX


def without_file(zone: ZoneInfo, phone: str = "", mail: str = "", link: str = "") -> Support:
    """What a site without the file has: its addresses without hours, and a ladder of which no time is promised on pages."""
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
