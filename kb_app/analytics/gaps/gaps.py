"""Questions that found no answer, grouped by meaning into gaps that keep their identity. Pure functions."""

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

# Mean cosine between centred question vectors from which on two groups are one gap; docs/analytics.md has the table.
SAME_GAP = 0.38
# Questions that are grouped at once; more would not fit into memory as pairs.
MOST = 4_000
TREND = 14 * DAY
STATES = ("open", "assigned", "drafted", "answered", "dismissed")
_GAPS = uuid.UUID("0d6a4b35-2f1c-54f7-8f7a-5a3c7c1a9be2")


@dataclass(frozen=True)
class UnansweredQuestion:
    """The same words asked once or more without an answer."""

    key: str
    text: str
    language: str
    queries: tuple[QueryEvent, ...]

    @property
    def people(self) -> frozenset[str]:
        """Who asked; each unrecognised search counts as somebody."""
        return frozenset(query.client_id or query.query_id for query in self.queries)


@dataclass(frozen=True)
class Group:
    """Questions of one meaning. ``gap_id`` is kept from before where most of them stood in that gap; ``merged`` are gaps that went up in it."""

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
        """How many asked."""
        return len(frozenset().union(*(question.people for question in self.questions)))

    @property
    def label(self) -> str:
        """The question asked by most, the shortest of equals."""
        return min(
            self.questions,
            key=lambda question: (-len(question.people), len(question.text), question.text),
        ).text

    def trend(self, now: int) -> tuple[int, int]:
        """(searches in the last fortnight, in the one before)."""
        moments = [query.at for query in self.queries]
        return sum(now - TREND < at <= now for at in moments), sum(
            now - 2 * TREND < at <= now - TREND for at in moments
        )


def questions_of(queries: Sequence[QueryEvent]) -> list[UnansweredQuestion]:
    """The different questions among searches, those asked by most first."""
    same: dict[str, list[QueryEvent]] = defaultdict(list)
    for query in queries:
        if any(char.isalnum() for char in query.user_query):
            same[text_key(query.user_query)].append(query)
    found = [
        UnansweredQuestion(key, asked[0].user_query, asked[0].language, tuple(asked))
        for key, asked in same.items()
    ]
    return sorted(
        found, key=lambda question: (-len(question.people), -len(question.queries), question.key)
    )


def group_gaps(
    questions: Sequence[UnansweredQuestion],
    vectors: Mapping[str, Vectors],
    before: Mapping[str, str],
    threshold: float = SAME_GAP,
) -> list[Group]:
    """Groups of questions by meaning; ``vectors`` and ``before`` (the gap that each stood in) are by a question's key.

    Without vectors each question is a gap of its own.
    """
    import numpy as np

    known = [question for question in questions if question.key in vectors][:MOST]
    alone = [question for question in questions if question.key not in vectors]
    meant = (
        without_common(np.stack([vectors[question.key] for question in known]))
        if known
        else np.zeros((0, 1), np.float32)
    )
    labels = average_linkage(meant, threshold, [question.language for question in known])
    members: dict[int, list[UnansweredQuestion]] = defaultdict(list)
    for label, question in zip(labels, known, strict=True):
        members[label].append(question)
    groups = [*members.values(), *([question] for question in alone)]
    return _named(groups, before)


def _named(
    groups: Sequence[Sequence[UnansweredQuestion]], before: Mapping[str, str]
) -> list[Group]:
    """Give each group the gap that most of its questions stood in; a gap that fell apart stays with its largest part."""
    stood = [
        Counter(before[question.key] for question in group if question.key in before)
        for group in groups
    ]
    claims = sorted(
        (
            (count, gap, -place)
            for place, counter in enumerate(stood)
            for gap, count in counter.items()
        ),
        reverse=True,
    )
    given: dict[int, str] = {}
    taken: set[str] = set()
    for _count, gap, negative in claims:
        if -negative not in given and gap not in taken:
            given[-negative] = gap
            taken.add(gap)
    named: list[Group] = []
    for place, group in enumerate(groups):
        others = [gap for gap, _ in stood[place].most_common() if gap != given.get(place)]
        merged = tuple(gap for gap in others if gap not in taken)
        split = next((gap for gap in others if gap in taken), "") if place not in given else ""
        first = min(group, key=lambda question: question.key)
        named.append(
            Group(
                given.get(place) or str(uuid.uuid5(_GAPS, first.key)), tuple(group), merged, split
            )
        )
    return named


def suggested_action(verdict: str, probability: float, others: int) -> str:
    """What to do about a gap, from the nearest article's verdict and probability and the number of other wordings.

    A near miss wants the question added to the article; a little further the article wants extending; else it is to be written.
    """
    if verdict == "strict":
        return "add question"
    if verdict == "weak":
        return "add synonym" if others == 0 else "extend"
    return "extend" if probability >= 0.15 else "write"
