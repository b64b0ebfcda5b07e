"""Detects sudden increases in searches on one topic, which may indicate an incident. Pure.

The searches of the last hours are grouped by meaning. A group is a spike if the number of people is
improbable at its usual rate (upper tail of the Poisson distribution, probability below CHANCE).
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
# Pseudo-count of earlier searches, for topics without a history.
PRIOR = 1.0


@dataclass
class Seen:
    """The latest spikes and their time in ms; they are recomputed after LOOK_AGAIN."""

    at: int = -LOOK_AGAIN
    found: tuple[Spike, ...] = ()


@dataclass(frozen=True)
class Spike:
    """Queries with one meaning: ``people`` searched in the last WINDOW, ``usual`` are expected."""

    label: str
    questions: tuple[str, ...]
    people: int
    usual: float
    languages: tuple[str, ...]
    section: str


def spikes(queries: Sequence[QueryEvent], vectors: Mapping[str, Vectors], now: int) -> list[Spike]:
    """Spikes among the searches of the last WINDOW + BEFORE, most people first.

    ``vectors`` holds embeddings by text key; ``now`` is in ms.
    """
    searches = [
        query for query in queries if not query.bot and now - WINDOW - BEFORE < query.at <= now
    ]
    questions = questions_of(searches)
    recent = {
        question.key
        for question in questions
        if any(query.at > now - WINDOW for query in question.queries)
    }
    results: list[Spike] = []
    for group in group_gaps(questions, vectors, {}):
        if not any(question.key in recent for question in group.questions):
            continue
        people = _people(group.questions, now - WINDOW, now)
        usual = (_people(group.questions, 0, now - WINDOW) + PRIOR) * WINDOW / _span(searches, now)
        if people >= LEAST_PEOPLE and pdtrc(people - 1, usual) < CHANCE:
            recent_questions = sorted(
                (question for question in group.questions if question.key in recent),
                key=lambda question: -sum(query.at > now - WINDOW for query in question.queries),
            )
            sections = [
                query.section
                for question in recent_questions
                for query in question.queries
                if query.section
            ]
            results.append(
                Spike(
                    label=recent_questions[0].text,
                    questions=tuple(question.text for question in recent_questions),
                    people=people,
                    usual=usual,
                    languages=tuple(sorted({question.language for question in recent_questions})),
                    section=max(set(sections), key=lambda name: (sections.count(name), name))
                    if sections
                    else "",
                )
            )
    return sorted(results, key=lambda spike: (-spike.people, spike.label))


def _people(questions: Sequence[UnansweredQuestion], after: int, until: int) -> int:
    return len(
        {
            query.client_id or query.query_id
            for question in questions
            for query in question.queries
            if after < query.at <= until
        }
    )


def _span(searches: Sequence[QueryEvent], now: int) -> int:
    """Length in ms of the history before the last WINDOW; at least WINDOW."""
    return max(WINDOW, now - WINDOW - min(query.at for query in searches)) if searches else WINDOW
