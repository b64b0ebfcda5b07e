"""Cases, what is said in them, and where they go: frozen values. Times are milliseconds since 1970 in UTC."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

KINDS = ("question", "problem", "complaint", "praise")
# The ladder, from the first step to the last resort.
STEPS = ("desk", "supervisor", "ombudsman")
# It is our turn; an article was sent and nobody had to read it yet; the customer's turn; said to be solved; closed for good.
OPEN, ANSWERED, WAITING, SOLVED, CLOSED = "open", "answered", "waiting", "solved", "closed"
STATES = (OPEN, ANSWERED, WAITING, SOLVED, CLOSED)
# What the customer says of it: nothing, that it is solved, that it is not, and that it was not and went to the next step.
SAID_YES, SAID_NO, SAID_NO_BEFORE = "yes", "no", "no before"
CUSTOMER, AGENT, SYSTEM, NOTE = "customer", "agent", "system", "note"
LONGEST_MESSAGE = 5_000
LONGEST_MAIL = 100_000
MAIL = re.compile(
    r"^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+$"
)


@dataclass(frozen=True)
class NewCase:
    """What came by the form, by mail or by the API. ``form_id`` makes sending it twice the same as once."""

    form_id: str
    kind: str
    message: str
    name: str = ""
    mail: str = ""
    language: str = ""
    section: str = ""
    subject: str = ""
    channel: str = "contact"
    query_id: str = ""
    client_id: str | None = None
    trail: tuple[Mapping[str, Any], ...] = ()
    recorded: bool = True
    spam: str = ""
    mail_message_id: str = ""

    def problems(self) -> dict[str, str]:
        """Field -> what is wrong with it: "empty", "long", "mail", "line" or "kind"."""
        found: dict[str, str] = {}
        if not self.message.strip():
            found["message"] = "empty"
        elif len(self.message) > LONGEST_MESSAGE:
            found["message"] = "long"
        if self.mail.strip() and (not MAIL.match(self.mail.strip()) or len(self.mail) > 200):
            found["mail"] = "mail"
        if len(self.name) > 200:
            found["name"] = "long"
        elif any(ord(char) < 32 for char in self.name):
            found["name"] = "line"
        if self.kind not in KINDS:
            found["kind"] = "kind"
        return found


@dataclass(frozen=True)
class Case:
    """One customer's one matter, whatever channels it came by; ``owner`` is the mail address of whoever took it."""

    case_id: str
    number: str
    at: int
    kind: str
    message: str
    name: str = ""
    mail: str = ""
    language: str = ""
    section: str = ""
    subject: str = ""
    channel: str = "contact"
    query_id: str = ""
    client_id: str | None = None
    state: str = OPEN
    step: str = STEPS[0]
    owner: str = ""
    desk: str = "inbox"
    external_id: str = ""
    trail: tuple[Mapping[str, Any], ...] = ()
    recorded: bool = True
    spam: str = ""
    due_at: int | None = None
    promised_at: int | None = None
    turn_at: int | None = None
    first_reply_at: int | None = None
    solved_at: int | None = None
    solved_by: str = ""
    asked_at: int | None = None
    changed_at: int = 0
    counted_at: int | None = None
    said: str = ""
    satisfaction: int | None = None
    effort: int | None = None

    @property
    def ours(self) -> bool:
        """Whether the customer waits for us."""
        return self.state == OPEN

    def late(self, now: int) -> bool:
        """Whether an answer is overdue."""
        return self.ours and self.due_at is not None and now > self.due_at

    @property
    def title(self) -> str:
        """The subject, else the first line of the message."""
        return (self.subject or next(iter(self.message.strip().splitlines()), ""))[:120]


@dataclass(frozen=True)
class Message:
    """Something said in a case; a note is for the desk alone."""

    message_id: str
    case_id: str
    at: int
    author: str
    who: str
    text: str
    mail_message_id: str = ""


@dataclass(frozen=True)
class Attachment:
    """A file of a case; ``path`` is its name in the uploads folder, ``case_id`` "" until the form is sent."""

    attachment_id: str
    form_id: str
    case_id: str
    name: str
    type: str
    size: int
    at: int = 0


@dataclass(frozen=True)
class Delivery:
    """Something to be handed to a desk or mailed; tried until it is done or dead. ``key`` makes doing it twice the same as once."""

    delivery_id: str
    case_id: str
    sink: str
    action: str
    key: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    attempts: int = 0
    created_at: int = 0
    next_at: int = 0
    doubtful: bool = False
    state: str = "waiting"
    error: str = ""


# Mails to steps of the ladder have a line of their own: one to the customer that is refused must not hold them up.
MAIL_SINK, STEP_SINK = "mail", "steps"
