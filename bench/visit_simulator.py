"""Simulates visits with a known true outcome and writes them as an event log.

Used by bench.episode_accuracy, bench.events and bench.demo; it has no command line. Visitors word a
few dozen problems in their own way, in two languages. What each visitor wanted and how the visit
ended is kept next to the log. One visit in UNANSWERABLE is about a problem without an article.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kb_app.analytics import model as m
from kb_app.durations import DAY, HOUR, MINUTE, SECOND

BEGIN = 1_780_000_000_000
SPAN = 30 * DAY
# Long after the last visit, so that no outcome is provisional.
LATER = BEGIN + SPAN + 60 * DAY
SURVEYED, ANSWERED = 0.3, 0.7
UNANSWERABLE = 7
WRONG_FIRST = 0.15


@dataclass(frozen=True)
class Intent:
    """A problem with its wordings as (text, language)."""

    name: str
    asked: tuple[tuple[str, str], ...]
    answered: bool


@dataclass
class Visit:
    """The truth about a visit.

    Contains the searches of one problem, how it ended (``truth``) and the outcome that a correct
    analysis of the log gives (``shown``).
    """

    problem: str
    intent: str
    truth: str
    shown: m.Outcome
    queries: list[m.QueryEvent] = field(default_factory=list)
    actions: list[m.ActionEvent] = field(default_factory=list)
    revoked: bool = False


@dataclass
class Log:
    """One simulated month."""

    visits: list[Visit]
    bots: list[m.QueryEvent]

    @property
    def queries(self) -> list[m.QueryEvent]:
        """All searches, including those of bots."""
        return [query for visit in self.visits for query in visit.queries] + self.bots

    @property
    def actions(self) -> list[m.ActionEvent]:
        """All actions."""
        return [action for visit in self.visits for action in visit.actions]


# --- visitor behaviour ---------------------------------------------------------------------------


class Visitor:
    """Writes the events of one visit."""

    def __init__(
        self, chance: random.Random, intent: Intent, client: str, at: int, number: int
    ) -> None:
        self.chance, self.intent, self.client, self.at = chance, intent, client, at
        self.visit = Visit(f"p{number}", intent.name, "", "unknown")
        self.lang, self.wordings = self._language()
        self.number = number

    def _language(self) -> tuple[str, list[str]]:
        lang = self.chance.choice(sorted({lang for _, lang in self.intent.asked}))
        return lang, [text for text, wording_lang in self.intent.asked if wording_lang == lang]

    def ask(self, verdict: str = "") -> m.QueryEvent:
        """Add one search with the visitor's next wording."""
        text = (
            self.wordings[len(self.visit.queries) % len(self.wordings)]
            if self.visit.queries
            else self.chance.choice(self.wordings)
        )
        result_verdict = verdict or ("strict" if self.intent.answered else "none")
        # The first result is not always the right one.
        first = (
            self.intent.name
            if self.chance.random() > WRONG_FIRST
            else f"other-{self.chance.randrange(30)}"
        )
        query = m.QueryEvent(
            f"{self.visit.problem}-q{len(self.visit.queries)}",
            self.at,
            text,
            self.client,
            "s",
            self.lang,
            verdict=result_verdict,
            hit_ids=(first, "other"),
            section="s",
        )
        self.visit.queries.append(query)
        self.wait(5, 20)
        return query

    def do(self, name: str, joined: str = "both", **attributes: Any) -> None:
        """Add one action on the last results.

        ``joined`` is what identifies a ticket: "token", "client", "both" or "words".
        """
        last_query = self.visit.queries[-1]
        query_id = last_query.query_id if joined in ("both", "token") else None
        client = self.client if joined in ("both", "client") else None
        event = f"{self.visit.problem}-a{len(self.visit.actions)}"
        self.visit.actions.append(
            m.ActionEvent(
                event,
                name,
                self.at,
                query_id,
                client,
                "s",
                self.intent.name,
                language=self.lang,
                attributes=attributes,
            )
        )
        self.wait(5, 30)

    def read(self) -> None:
        """Open the article and read it."""
        self.do(m.CLICK)
        self.do(m.VIEW)
        self.wait(20, 90)
        self.do(m.ENGAGED, seconds=self.chance.uniform(15, 120))

    def wait(self, least: float, most: float) -> None:
        """Let a random number of seconds pass."""
        self.at += int(self.chance.uniform(least, most) * SECOND)

    def later(self, least_days: float, most_days: float) -> None:
        """Let a random number of days pass."""
        self.wait(least_days * 86_400, most_days * 86_400)

    def ticket(self) -> None:
        """Contact an agent; the ticket is identified by its token, its client or only its words."""
        joined = self.chance.choice(("token", "client", "words"))
        words = {"text": self.chance.choice(self.wordings)} if joined != "token" else {}
        self.do(m.TICKET_CREATED, joined, **words)

    def survey(self, solved: bool) -> bool:
        """Show the survey to a random share of visitors; return whether this visitor answers."""
        if self.chance.random() >= SURVEYED:
            return False
        self.do(m.SURVEY_SHOWN)
        if self.chance.random() >= ANSWERED:
            return False
        self.do(m.SOLVED_YES if solved else m.SOLVED_NO)
        return True


def reads_and_votes(visitor: Visitor) -> tuple[str, m.Outcome]:
    visitor.ask()
    visitor.read()
    visitor.do(m.VOTE_YES)
    return "solved", "confirmed"


def reads_and_leaves_happy(visitor: Visitor) -> tuple[str, m.Outcome]:
    visitor.ask()
    visitor.read()
    return "solved", "confirmed" if visitor.survey(solved=True) else "probable"


def reads_and_gives_up(visitor: Visitor) -> tuple[str, m.Outcome]:
    visitor.ask()
    visitor.read()
    return "gave up", "unanswered" if visitor.survey(solved=False) else "probable"


def gives_up_at_once(visitor: Visitor) -> tuple[str, m.Outcome]:
    visitor.ask()
    return "gave up", "unknown"


def glances(visitor: Visitor) -> tuple[str, m.Outcome]:
    visitor.ask()
    visitor.do(m.CLICK)
    visitor.do(m.VIEW)
    visitor.do(m.ENGAGED, seconds=visitor.chance.uniform(1, 6))
    return "gave up", "unknown"


def rewords_and_votes(visitor: Visitor) -> tuple[str, m.Outcome]:
    for _ in range(visitor.chance.randint(2, 3)):
        visitor.ask(visitor.chance.choice(("weak", "strict")))
    visitor.read()
    visitor.do(m.VOTE_YES)
    return "solved", "confirmed"


def votes_no(visitor: Visitor) -> tuple[str, m.Outcome]:
    visitor.ask()
    visitor.read()
    visitor.do(m.VOTE_NO, reason="did not work")
    return "gave up", "unanswered"


def opens_form_and_leaves(visitor: Visitor) -> tuple[str, m.Outcome]:
    visitor.ask()
    visitor.read()
    visitor.do(m.CONTACT_OPEN)
    return "gave up", "unanswered"


def asks_an_agent(visitor: Visitor) -> tuple[str, m.Outcome]:
    visitor.ask()
    visitor.read()
    visitor.do(m.CONTACT_OPEN)
    visitor.ticket()
    return "escalated", "escalated"


def votes_and_phones_later(visitor: Visitor) -> tuple[str, m.Outcome]:
    visitor.ask()
    visitor.read()
    visitor.do(m.VOTE_YES)
    visitor.later(0.1, 5)
    visitor.ticket()
    visitor.visit.revoked = True
    return "escalated", "escalated"


def votes_and_comes_back(visitor: Visitor) -> tuple[str, m.Outcome]:
    visitor.ask()
    visitor.read()
    visitor.do(m.VOTE_YES)
    visitor.later(1, 5)
    visitor.ask()
    return "came back", "unknown"


def refreshes(visitor: Visitor) -> tuple[str, m.Outcome]:
    """Reload every page, so that every event comes twice."""
    visitor.ask()
    visitor.read()
    visitor.do(m.VOTE_YES)
    visitor.visit.actions += visitor.visit.actions
    visitor.visit.queries += [
        replace(
            visitor.visit.queries[0],
            query_id=f"{visitor.visit.problem}-again",
            at=visitor.visit.queries[0].at + 2 * SECOND,
        )
    ]
    return "solved", "confirmed"


def finds_nothing(visitor: Visitor) -> tuple[str, m.Outcome]:
    visitor.ask()
    if visitor.chance.random() < 0.4:
        visitor.ask()
    return "gave up", "unanswered"


Persona = Callable[[Visitor], tuple[str, m.Outcome]]
PERSONAS: dict[Persona, float] = {
    reads_and_votes: 0.10,
    reads_and_leaves_happy: 0.22,
    reads_and_gives_up: 0.12,
    gives_up_at_once: 0.15,
    glances: 0.08,
    rewords_and_votes: 0.06,
    votes_no: 0.05,
    opens_form_and_leaves: 0.04,
    asks_an_agent: 0.08,
    votes_and_phones_later: 0.05,
    votes_and_comes_back: 0.03,
    refreshes: 0.02,
}


def simulate(
    intents: Sequence[Intent], mix: Mapping[Persona, float], count: int, chance: random.Random
) -> Log:
    """Simulate ``count`` visits over a month.

    Some visitors share a computer: two problems of one client on the same day.
    """
    visits: list[Visit] = []
    answered = [intent for intent in intents if intent.answered]
    unanswered = [intent for intent in intents if not intent.answered]
    shared: tuple[str, int, str] | None = None
    for number in range(count):
        without = chance.random() < 1 / UNANSWERABLE
        intent = chance.choice(unanswered if without else answered)
        client, at = f"c{number}", BEGIN + chance.randrange(SPAN)
        if shared and shared[2] != intent.name and chance.random() < 0.5:
            client, at = shared[0], shared[1] + chance.randrange(MINUTE, HOUR)
        visitor = Visitor(chance, intent, client, at, number)
        persona = finds_nothing if without else chance.choices(list(mix), list(mix.values()))[0]
        visitor.visit.truth, visitor.visit.shown = persona(visitor)
        visits.append(visitor.visit)
        shared = None if client != f"c{number}" else (client, at, intent.name)
    bots = [
        m.QueryEvent(f"bot{n}", BEGIN + chance.randrange(SPAN), "price", "bot", bot=True)
        for n in range(count // 20)
    ]
    return Log(visits, bots)


def drawn_mix(chance: random.Random) -> dict[Persona, float]:
    """Draw random shares of the personas for one run."""
    weights = {persona: chance.gammavariate(share * 60, 1) for persona, share in PERSONAS.items()}
    total = sum(weights.values())
    return {persona: weight / total for persona, weight in weights.items()}


def expected(mix: Mapping[Persona, float]) -> dict[str, float]:
    """Return the true probability of each outcome.

    "probable_gave_up" is the probability that a probable success is a visitor who gave up.
    """
    with_article, surveyed = 1 - 1 / UNANSWERABLE, SURVEYED * ANSWERED
    happy, gave_up = mix[reads_and_leaves_happy], mix[reads_and_gives_up]
    shares = {
        "confirmed": mix[reads_and_votes]
        + mix[rewords_and_votes]
        + mix[refreshes]
        + happy * surveyed,
        "probable": (happy + gave_up) * (1 - surveyed),
        "unanswered": mix[votes_no] + mix[opens_form_and_leaves] + gave_up * surveyed,
        "escalated": mix[asks_an_agent] + mix[votes_and_phones_later],
        "unknown": mix[gives_up_at_once] + mix[glances] + mix[votes_and_comes_back],
    }
    chances = {name: value * with_article for name, value in shares.items()}
    chances["unanswered"] += 1 / UNANSWERABLE
    return chances | {
        "upper": chances["confirmed"] + chances["probable"],
        "probable_gave_up": gave_up / (happy + gave_up),
    }
