"""Questions that suddenly many people ask: what may be a problem of ours. Pure.

In the last hours' searches, grouped by meaning, a group is a spike where more people asked than its usual rate would bring in one window of
a thousand (the upper tail of the Poisson distribution).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.special import pdtrc

from kb_app.analytics.gaps.gaps import UnansweredQuestion, group_gaps, questions_of
from kb_app.analytics.model import QueryEvent
from kb_app.analytics.ports import Vectors
from kb_app.durations import DAY, HOUR, MINUTE

WINDOW, BEFORE = 3 * HOUR, 14 * DAY
LOOK_AGAIN = 5 * MINUTE
LEAST_PEOPLE = 5
CHANCE = 0.001
# What was never asked before is taken to be asked so often in all the time before.
PRIOR = 1.0


@dataclass
class Seen:
    """The spikes found last, and when: they are looked for again after LOOK_AGAIN."""

    at: int = -LOOK_AGAIN
    found: tuple[Spike, ...] = ()


@dataclass(frozen=True)
class Spike:
    """Questions of one meaning that ``people`` asked in the last WINDOW, where ``usual`` people would."""

    label: str
    questions: tuple[str, ...]
    people: int
    usual: float
    languages: tuple[str, ...]
    section: str


def spikes(queries: Sequence[QueryEvent], vectors: Mapping[str, Vectors], now: int) -> list[Spike]:
    """Spikes among searches of the last WINDOW + BEFORE, those of most people first; ``vectors`` are by a question's key."""
    asked = [
        query for query in queries if not query.bot and now - WINDOW - BEFORE < query.at <= now
    ]
    questions = questions_of(asked)
    recent = {
        question.key
        for question in questions
        if any(query.at > now - WINDOW for query in question.queries)
    }
    found: list[Spike] = []
    for group in group_gaps(questions, vectors, {}):
        if not any(question.key in recent for question in group.questions):
            continue
        people = _people(group.questions, now - WINDOW, now)
        usual = (_people(group.questions, 0, now - WINDOW) + PRIOR) * WINDOW / _span(asked, now)
        if people >= LEAST_PEOPLE and pdtrc(people - 1, usual) < CHANCE:
            fresh = [question for question in group.questions if question.key in recent]
            sections = [
                query.section for question in fresh for query in question.queries if query.section
            ]
            found.append(
                Spike(
                    label=fresh[0].text,
                    questions=tuple(question.text for question in fresh),
                    people=people,
                    usual=usual,
                    languages=tuple(sorted({question.language for question in fresh})),
                    section=max(set(sections), key=lambda name: (sections.count(name), name))
                    if sections
                    else "",
                )
            )
    return sorted(found, key=lambda spike: (-spike.people, spike.label))


def _people(questions: Sequence[UnansweredQuestion], after: int, until: int) -> int:
    return len(
        {
            query.client_id or query.query_id
            for question in questions
            for query in question.queries
            if after < query.at <= until
        }
    )


def _span(asked: Sequence[QueryEvent], now: int) -> int:
    """Milliseconds of the time before that the log covers, one window at least: a young log knows less."""
    return max(WINDOW, now - WINDOW - min(query.at for query in asked)) if asked else WINDOW
