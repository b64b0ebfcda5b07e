"""Groups unanswered queries by meaning into content gaps with stable ids. Pure functions."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kb_app.analytics.gaps.clustering import average_linkage, without_common
from kb_app.analytics.model import QueryEvent
from kb_app.analytics.ports import Vectors
from kb_app.analytics.text_key import text_key
from kb_app.durations import DAY

# Minimum mean cosine between the centred embeddings of one gap; see docs/analytics.md.
SAME_GAP = 0.38
# Queries grouped, those of most people first; memory grows with the square.
MOST = 4_000
# From this probability on, the nearest article is about the same topic.
NEAR = 0.15
TREND = 14 * DAY
STATES = ("open", "assigned", "drafted", "answered", "dismissed")
_GAPS = uuid.UUID("0d6a4b35-2f1c-54f7-8f7a-5a3c7c1a9be2")


@dataclass(frozen=True)
class UnansweredQuestion:
    """One query text without an answer, and all searches for it."""

    key: str
    text: str
    language: str
    queries: tuple[QueryEvent, ...]

    @property
    def people(self) -> frozenset[str]:
        """Ids of the people who searched; each search without a client counts as a person."""
        return frozenset(query.client_id or query.query_id for query in self.queries)


@dataclass(frozen=True)
class Group:
    """Queries with one meaning.

    ``gap_id`` is the previous gap of most of its queries, or a new id. ``merged`` lists the
    previous gaps that this group absorbed, ``split_from`` the gap that it was part of before.
    """

    gap_id: str
    questions: tuple[UnansweredQuestion, ...]
    merged: tuple[str, ...] = ()
    split_from: str = ""

    @property
    def queries(self) -> list[QueryEvent]:
        """All searches, oldest first."""
        return sorted(
            (query for question in self.questions for query in question.queries),
            key=lambda query: (query.at, query.query_id),
        )

    @property
    def people(self) -> int:
        """Number of people who searched."""
        return len(frozenset().union(*(question.people for question in self.questions)))

    @property
    def label(self) -> str:
        """The text that most people searched for; the shortest one on a tie."""
        return min(
            self.questions,
            key=lambda question: (-len(question.people), len(question.text), question.text),
        ).text

    def trend(self, now: int) -> tuple[int, int]:
        """(searches in the last 14 days, searches in the 14 days before)."""
        moments = [query.at for query in self.queries]
        return sum(now - TREND < at <= now for at in moments), sum(
            now - 2 * TREND < at <= now - TREND for at in moments
        )


def questions_of(queries: Sequence[QueryEvent]) -> list[UnansweredQuestion]:
    """The distinct query texts among searches, most people first."""
    by_key: dict[str, list[QueryEvent]] = defaultdict(list)
    for query in queries:
        if any(char.isalnum() for char in query.user_query):
            by_key[text_key(query.user_query)].append(query)
    questions = [
        UnansweredQuestion(key, searches[0].user_query, searches[0].language, tuple(searches))
        for key, searches in by_key.items()
    ]
    return sorted(
        questions,
        key=lambda question: (-len(question.people), -len(question.queries), question.key),
    )


def group_gaps(
    questions: Sequence[UnansweredQuestion],
    vectors: Mapping[str, Vectors],
    before: Mapping[str, str],
    threshold: float = SAME_GAP,
) -> list[Group]:
    """Group queries by meaning.

    ``vectors`` (embeddings) and ``before`` (the previous gap of each query) are keyed by text key.
    A query without an embedding forms its own gap.
    """
    import numpy as np

    embedded = [question for question in questions if question.key in vectors][:MOST]
    not_embedded = [question for question in questions if question.key not in vectors]
    centred = (
        without_common(np.stack([vectors[question.key] for question in embedded]))
        if embedded
        else np.zeros((0, 1), np.float32)
    )
    labels = average_linkage(centred, threshold, [question.language for question in embedded])
    members: dict[int, list[UnansweredQuestion]] = defaultdict(list)
    for label, question in zip(labels, embedded, strict=True):
        members[label].append(question)
    groups = [*members.values(), *([question] for question in not_embedded)]
    return _named(groups, before)


def _named(
    groups: Sequence[Sequence[UnansweredQuestion]], before: Mapping[str, str]
) -> list[Group]:
    """Assign gap ids: each group keeps the previous gap of most of its queries.

    If a gap was split, the largest part keeps its id.
    """
    previous = [
        Counter(before[question.key] for question in group if question.key in before)
        for group in groups
    ]
    claims = sorted(
        (
            (count, gap, -place)
            for place, counter in enumerate(previous)
            for gap, count in counter.items()
        ),
        reverse=True,
    )
    assigned: dict[int, str] = {}
    taken: set[str] = set()
    for _count, gap, negative in claims:
        if -negative not in assigned and gap not in taken:
            assigned[-negative] = gap
            taken.add(gap)
    named: list[Group] = []
    for place, group in enumerate(groups):
        others = [gap for gap, _ in previous[place].most_common() if gap != assigned.get(place)]
        merged = tuple(gap for gap in others if gap not in taken)
        split = next((gap for gap in others if gap in taken), "") if place not in assigned else ""
        first = min(group, key=lambda question: question.key)
        named.append(
            Group(
                assigned.get(place) or str(uuid.uuid5(_GAPS, first.key)),
                tuple(group),
                merged,
                split,
            )
        )
    return named


def suggested_action(verdict: str, probability: float) -> str:
    """The action to suggest for a gap: "improve", "check", "extend" or "write".

    ``verdict`` and ``probability`` (0..1) are those of the nearest article. An article that was
    shown as the answer and did not help is improved: another question would show it again. One
    that may answer is read first, since only a person sees whether it does.
    """
    if verdict in ("strict", "weak"):
        return "improve" if verdict == "strict" else "check"
    return "extend" if verdict == "partly" or probability >= NEAR else "write"
