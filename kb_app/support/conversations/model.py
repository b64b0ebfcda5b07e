"""Values of a conversation: what was said, what was asked back, and what was answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

CUSTOMER, SITE = "customer", "site"
# What the site waits for: which of several meanings, whether an answer helped, whether a person is
# wanted. HANDED: a person has it.
Waiting = Literal["", "which", "helped", "person", "handed"]
NOTHING: Waiting = ""
WHICH: Waiting = "which"
HELPED: Waiting = "helped"
PERSON: Waiting = "person"
HANDED: Waiting = "handed"
LONGEST_TEXT = 1_000
# Later words still reach a person; what is kept of a conversation is bounded.
MOST_TURNS = 100


@dataclass(frozen=True)
class Turn:
    """What one side said, at a time in ms. ``url`` is the page of an answer."""

    who: str
    text: str
    at: int
    url: str = ""


@dataclass(frozen=True)
class Option:
    """An article that may be meant, by its title."""

    article_id: str
    title: str


@dataclass(frozen=True)
class Quote:
    """An answer in the words of an article."""

    article_id: str
    title: str
    text: str
    url: str


@dataclass(frozen=True)
class Reading:
    """What the search makes of a question.

    With the verdict "strict" ``answers`` has one quote, or two that differ; ``near`` are the first
    hits. ``query_id`` is "" where the search is not recorded.
    """

    verdict: str = "none"
    language: str = ""
    section: str = ""
    query_id: str = ""
    answers: tuple[Quote, ...] = ()
    near: tuple[Option, ...] = ()


@dataclass(frozen=True)
class Conversation:
    """A conversation on one channel; ``peer`` is whom the channel delivers to, "" for the site."""

    conversation_id: str
    channel: str
    peer: str
    at: int
    changed_at: int
    language: str = ""
    waiting: Waiting = NOTHING
    question: str = ""
    query_id: str = ""
    section: str = ""
    article_id: str = ""
    options: tuple[Option, ...] = ()
    turns: tuple[Turn, ...] = ()
    case_id: str = ""
    client_id: str | None = None


@dataclass(frozen=True)
class Response:
    """What the site says. ``choices`` are words that can be tapped.

    ``helped`` is the customer's verdict on the last answer; ``hand_over`` says that a person is to
    have the conversation.
    """

    text: str
    choices: tuple[str, ...] = ()
    url: str = ""
    helped: bool | None = None
    hand_over: bool = False


class Answerer(Protocol):
    """Searches the articles for customers, and records what was asked."""

    def read(self, text: str, conversation: Conversation, now: int) -> Reading:
        """What the search makes of a question."""
        ...

    def quote(self, article_id: str, question: str, conversation: Conversation) -> Quote | None:
        """The place of one article that is nearest to a question; None if it is gone."""
        ...

    def helped(self, conversation: Conversation, yes: bool, now: int) -> None:
        """Record whether the last answer helped."""
        ...


def transcript(turns: Sequence[Turn], names: tuple[str, str]) -> str:
    """What was said, for a person who takes over; ``names`` are those of customer and site."""
    return "\n".join(
        f"{names[0] if turn.who == CUSTOMER else names[1]}: {turn.text}"
        + (f" {turn.url}" if turn.url else "")
        for turn in turns
    )
