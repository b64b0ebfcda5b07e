"""Immutable values: cases, messages, attachments and deliveries.

All times are milliseconds since 1970-01-01 UTC.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

KINDS = ("question", "problem", "complaint", "praise")
# How a case reached an agent who then wrote it down.
BY_HAND = ("phone", "counter", "letter", "chat", "social")
# Escalation steps, in order.
STEPS = ("desk", "supervisor", "ombudsman")
# OPEN: waiting for an agent. ANSWERED: articles were sent automatically, no agent has read it yet.
# WAITING: waiting for the customer. SOLVED: marked as solved. CLOSED: final.
OPEN, ANSWERED, WAITING, SOLVED, CLOSED = "open", "answered", "waiting", "solved", "closed"
STATES = (OPEN, ANSWERED, WAITING, SOLVED, CLOSED)
# The customer's verdict ("" for none). SAID_NO_BEFORE: said no, and then escalated the case.
SAID_YES, SAID_NO, SAID_NO_BEFORE = "yes", "no", "no before"
CUSTOMER, AGENT, SYSTEM, NOTE = "customer", "agent", "system", "note"
LONGEST_MESSAGE = 5_000
LONGEST_MAIL = 100_000
LONGEST_MAIL_ADDRESS = 200
MAIL = re.compile(
    r"^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+$"
)


def is_mail_address(text: str) -> bool:
    """Whether a text is a mail address that can be kept."""
    return len(text) <= LONGEST_MAIL_ADDRESS and bool(MAIL.match(text))


@dataclass(frozen=True)
class NewCase:
    """Input of a new case, from the form, by mail or from the API.

    ``form_id`` makes it idempotent: the same id sent twice creates one case.
    """

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
    fields: Mapping[str, str] = field(default_factory=dict)
    recorded: bool = True
    spam: str = ""
    mail_message_id: str = ""

    def problems(self) -> dict[str, str]:
        """Validation errors by field: "empty", "long", "mail", "line" or "kind"."""
        errors: dict[str, str] = {}
        if not self.message.strip():
            errors["message"] = "empty"
        elif len(self.message) > LONGEST_MESSAGE:
            errors["message"] = "long"
        if self.mail.strip() and not is_mail_address(self.mail.strip()):
            errors["mail"] = "mail"
        if len(self.name) > 200:
            errors["name"] = "long"
        elif any(ord(char) < 32 for char in self.name):
            errors["name"] = "line"
        if self.kind not in KINDS:
            errors["kind"] = "kind"
        return errors


@dataclass(frozen=True)
class Case:
    """One request of one customer, across all channels; ``owner`` is the owner's mail address."""

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
    fields: Mapping[str, str] = field(default_factory=dict)
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
    tags: str = ""
    snoozed_until: int | None = None
    cc: str = ""
    handed_by: str = ""
    abuse_by: str = ""
    merged_into: str = ""

    @property
    def tag_list(self) -> list[str]:
        """The tags of the team."""
        return self.tags.split()

    @property
    def cc_list(self) -> list[str]:
        """Further addresses that get the replies."""
        return [one for one in self.cc.split(",") if one]

    @property
    def ours(self) -> bool:
        """Whether the customer is waiting for an agent."""
        return self.state == OPEN

    def late(self, now: int) -> bool:
        """Whether a reply is overdue at ``now``."""
        return self.ours and self.due_at is not None and now > self.due_at

    @property
    def title(self) -> str:
        """The subject, or the first line of the message; at most 120 characters."""
        return (self.subject or next(iter(self.message.strip().splitlines()), ""))[:120]


@dataclass(frozen=True)
class Message:
    """A message of a case; notes are visible to staff only."""

    message_id: str
    case_id: str
    at: int
    author: str
    who: str
    text: str
    mail_message_id: str = ""


@dataclass(frozen=True)
class Attachment:
    """A file of a case; ``case_id`` is "" until the form is submitted."""

    attachment_id: str
    form_id: str
    case_id: str
    name: str
    type: str
    size: int
    at: int = 0


@dataclass(frozen=True)
class Delivery:
    """A mail or a request to a ticket system, retried until it is done or dead.

    ``key`` is its idempotency key. ``doubtful`` means that an earlier attempt may have succeeded.
    """

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


# Mails to escalation steps have a separate queue: a failed customer mail must not block them.
MAIL_SINK, STEP_SINK = "mail", "steps"
