"""Value objects of the event log and of its analysis. Times are Unix milliseconds (UTC)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["strict", "weak", "partly", "none"]
# Verdicts with which nothing is offered as an answer.
UNANSWERED = ("none", "partly")
ASSISTANT = "assistant"
CHANNELS = ("site", "api", "suggest", "contact", "chat", "mail", "phone", "widget", ASSISTANT)

# Action names. Actions in COUNTED are committed before the response, others in the background.
CLICK, VIEW, ENGAGED, COPY = "click", "view", "engaged", "copy"
VOTE_YES, VOTE_NO, SOLVED_YES, SOLVED_NO = "vote_yes", "vote_no", "solved_yes", "solved_no"
REFINE, CONTACT_OPEN, CONTACT_LEAVE = "refine", "contact_open", "contact_leave"
CONTACT_SUGGESTION_CLICK, CHANNEL_OPENED = "contact_suggestion_click", "channel_opened"
TICKET_CREATED, TICKET_RESOLVED, SURVEY_SHOWN = "ticket_created", "ticket_resolved", "survey_shown"
# The reason for a negative vote, sent after the vote.
VOTE_REASON = "vote_reason"
COUNTED = frozenset(
    {
        VOTE_YES,
        VOTE_NO,
        VOTE_REASON,
        SOLVED_YES,
        SOLVED_NO,
        CHANNEL_OPENED,
        TICKET_CREATED,
        TICKET_RESOLVED,
    }
)
# Explicit positive feedback, explicit negative feedback, and contacts with an agent.
YES, NO = frozenset({VOTE_YES, SOLVED_YES}), frozenset({VOTE_NO, SOLVED_NO})
CONTACTS = frozenset({TICKET_CREATED, CHANNEL_OPENED})

Outcome = Literal["escalated", "confirmed", "unanswered", "probable", "unknown"]
OUTCOMES: tuple[Outcome, ...] = ("confirmed", "probable", "unknown", "unanswered", "escalated")


@dataclass(frozen=True)
class QueryEvent:
    """A search and its result. ``client_id`` is None for anonymous visitors."""

    query_id: str
    at: int
    user_query: str
    client_id: str | None = None
    session_id: str | None = None
    language: str = ""
    channel: str = "site"
    origin: str = "typed"
    filters: Mapping[str, str] = field(default_factory=dict)
    verdict: str = "none"
    probability: float = 0.0
    arms: str = ""
    index_version: str = ""
    elapsed_ms: float = 0.0
    hit_ids: tuple[str, ...] = ()
    section: str = ""
    audience: str = "public"
    bot: bool = False


@dataclass(frozen=True)
class ActionEvent:
    """A user action on a search result or article.

    ``event_id`` makes repeated delivery idempotent; ``position`` counts from 1.
    """

    event_id: str
    action_name: str
    at: int
    query_id: str | None = None
    client_id: str | None = None
    session_id: str | None = None
    object_id: str = ""
    position: int | None = None
    channel: str = "site"
    language: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def number(self, name: str) -> float:
        """A numeric attribute; 0 if it is missing or not a number."""
        value = self.attributes.get(name, 0)
        return (
            float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
        )


@dataclass(frozen=True)
class Episode:
    """One problem of one visitor and its outcome. ``reason`` names the rule that decided."""

    episode_id: str
    client_id: str
    first_at: int
    last_at: int
    query_ids: tuple[str, ...]
    outcome: Outcome
    reason: str
    provisional: bool = False
    article_id: str = ""
    section: str = ""
    language: str = ""
    channel: str = "site"
    audience: str = "public"
    verdict: str = ""
    refinements: int = 0
    frustrated: bool = False
    seconds_to_answer: float | None = None
    surveyed: str = ""
    fingerprint: str = ""
