"""Gaps and learned queries in the database: refreshed from the log, edited by the team."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, func, select, update

from kb_app.analytics.event_store import EventStore, to_query
from kb_app.analytics.gaps.gaps import (
    MOST,
    STATES,
    Group,
    UnansweredQuestion,
    group_gaps,
    questions_of,
    suggested_action,
)
from kb_app.analytics.model import QueryEvent
from kb_app.analytics.ports import FindArticle, NearestArticle
from kb_app.analytics.question_vectors import QuestionVectors
from kb_app.analytics.text_key import text_key
from kb_app.db import schema
from kb_app.db.writing import insert_new, upsert
from kb_app.durations import DAY, MINUTE

# Older searches are ignored.
WINDOW = 90 * DAY
# Share of queries that must find the article with a strict verdict at rank AMONG or better.
CLOSES_AT, AMONG = 0.9, 3
MOST_REPLAYED = 200
# Lifetime of the cache; each run of the job also clears it.
FRESH = 5 * MINUTE


@dataclass(frozen=True)
class Gap:
    """A group of unanswered queries and the decisions about it."""

    gap_id: str
    label: str
    state: str
    owner: str
    reason: str
    notes: str
    article_id: str
    questions: tuple[UnansweredQuestion, ...]
    trend: tuple[int, int]
    tickets: int = 0
    merged: tuple[str, ...] = ()
    replay: str = ""

    @property
    def people(self) -> int:
        """Number of people who searched."""
        return len(frozenset().union(*(question.people for question in self.questions)))

    @property
    def queries(self) -> int:
        """Number of searches."""
        return sum(len(question.queries) for question in self.questions)

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of the queries, sorted."""
        return tuple(
            sorted({question.language for question in self.questions if question.language})
        )


@dataclass(frozen=True)
class _Unanswered:
    """Unanswered queries as of ``at`` (ms), and the ids of searches followed by a contact."""

    at: int
    questions: list[UnansweredQuestion]
    tickets: frozenset[str]


class UnansweredCache:
    """Caches the unanswered queries: reading them from a large log takes seconds."""

    def __init__(self) -> None:
        self.unanswered: _Unanswered | None = None


class GapStore:
    """Reads and writes gaps and learned queries. Thread-safe."""

    def __init__(
        self, store: EventStore, vectors: QuestionVectors, cache: UnansweredCache | None = None
    ) -> None:
        self.store = store
        self._cache = cache or UnansweredCache()
        self._vectors = vectors
        self._engine: Engine = store.engine

    # --- from the log ----------------------------------------------------------------

    def refresh(self, now: int) -> int:
        """Regroup the unanswered queries; returns the number of gaps.

        States, owners and notes stay with their gaps. An answered gap with newer unanswered
        searches opens again.
        """
        self._cache.unanswered = None
        groups = self._grouped(now)
        known, members = self._rows(), self._members()
        with self._engine.begin() as connection:
            for group in groups:
                for merged in group.merged:
                    connection.execute(
                        update(schema.gaps)
                        .where(schema.gaps.c.gap_id == merged)
                        .values(merged_into=group.gap_id, changed_at=now)
                    )
                if group.gap_id not in known:
                    note = f"split from {group.split_from}" if group.split_from else ""
                    row = {
                        "gap_id": group.gap_id,
                        "label": group.label,
                        "notes": note,
                        "created_at": now,
                        "changed_at": now,
                    }
                    insert_new(connection, schema.gaps, [row])
                else:
                    values: dict[str, Any] = {"label": group.label, "merged_into": ""}
                    if known[group.gap_id]["state"] == "answered" and _asked_since(
                        group, known[group.gap_id]["changed_at"]
                    ):
                        values |= {"state": "open", "changed_at": now, "replay": "came back"}
                    connection.execute(
                        update(schema.gaps)
                        .where(schema.gaps.c.gap_id == group.gap_id)
                        .values(**values)
                    )
                for question in group.questions:
                    if members.get(question.key) == group.gap_id:
                        continue
                    upsert(
                        connection,
                        schema.gap_members,
                        {"text_key": question.key, "gap_id": group.gap_id},
                    )
        return len(groups)

    def gaps(self, now: int, states: Iterable[str] = STATES) -> list[Gap]:
        """Gaps in the given states, sorted by people, then by rising trend."""
        selected, rows = set(states), self._rows()
        members = self._members()
        grouped: dict[str, list[UnansweredQuestion]] = defaultdict(list)
        unanswered = self._read(now)
        for question in unanswered.questions:
            if question.key in members:
                grouped[members[question.key]].append(question)
        merged: dict[str, list[str]] = defaultdict(list)
        for row in rows.values():
            if row["merged_into"]:
                merged[row["merged_into"]].append(row["label"])
        results = [
            _gap(rows[name], tuple(questions), now, unanswered.tickets, tuple(merged.get(name, ())))
            for name, questions in grouped.items()
            if name in rows and rows[name]["state"] in selected and not rows[name]["merged_into"]
        ]
        return sorted(
            results, key=lambda gap: (-gap.people, -(gap.trend[0] - gap.trend[1]), gap.gap_id)
        )

    def gap(self, gap_id: str, now: int) -> Gap | None:
        """The gap with this id, or None."""
        return next((gap for gap in self.gaps(now) if gap.gap_id == gap_id), None)

    # --- decisions -------------------------------------------------------------------

    def change(self, gap_id: str, now: int, **values: str) -> bool:
        """Set state, owner, reason, notes, article_id or replay of a gap.

        Returns False for an unknown gap, field or state.
        """
        if values.get("state", "open") not in STATES or not set(values) <= {
            "state",
            "owner",
            "reason",
            "notes",
            "article_id",
            "replay",
        }:
            return False
        with self._engine.begin() as connection:
            result = connection.execute(
                update(schema.gaps)
                .where(schema.gaps.c.gap_id == gap_id)
                .values(**values, changed_at=now)
            )
        return bool(result.rowcount)

    def drafted_for(self, articles: Collection[str]) -> bool:
        """Whether a gap waits for one of these articles."""
        table = schema.gaps
        waits = table.c.article_id.in_(list(articles)) & table.c.state.in_(["drafted", "answered"])
        with self._engine.connect() as connection:
            return (
                connection.execute(select(table.c.gap_id).where(waits).limit(1)).first() is not None
            )

    def replay(
        self, now: int, find: FindArticle, articles: Collection[str] | None = None
    ) -> list[tuple[str, str]]:
        """Repeat the logged queries of drafted and answered gaps; returns (gap id, new state).

        A gap closes when a share of CLOSES_AT finds its article. An answered gap opens again when
        its queries no longer find the article. With ``articles`` only the gaps of these.
        """
        changed: list[tuple[str, str]] = []
        for gap in self.gaps(now, ("drafted", "answered")):
            if not gap.article_id or (articles is not None and gap.article_id not in articles):
                continue
            places = [
                find.place_of(gap.article_id, question.text, question.language)
                for question in gap.questions[:MOST_REPLAYED]
            ]
            hits = sum(
                place is not None and place.verdict == "strict" and place.rank <= AMONG
                for place in places
            )
            share = hits / len(places) if places else 0.0
            state = (
                "answered"
                if share >= CLOSES_AT
                else "drafted"
                if gap.state == "drafted"
                else "open"
            )
            self.change_quietly(gap.gap_id, replay=f"{hits}/{len(places)}")
            if state != gap.state:
                self.change(gap.gap_id, now, state=state)
                changed.append((gap.gap_id, state))
        return changed

    def days_to_articles(self, start: int, end: int) -> list[float]:
        """Days from a gap's first question to its article, for articles new in [start, end).

        An article that customers could read before the question is no answer to it.
        """
        gaps, members, queries = schema.gaps, schema.gap_members, schema.queries
        served = schema.served_articles
        first = func.coalesce(func.min(queries.c.at), gaps.c.created_at)
        statement = (
            select(served.c.since, first)
            .select_from(gaps)
            .join(served, served.c.article_id == gaps.c.article_id)
            .outerjoin(members, members.c.gap_id == gaps.c.gap_id)
            .outerjoin(queries, queries.c.text_key == members.c.text_key)
            .where(
                gaps.c.state == "answered", served.c.since >= max(start, 1), served.c.since < end
            )
            .group_by(gaps.c.gap_id, gaps.c.created_at, served.c.since)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(statement)
            return [(since - asked) / DAY for since, asked in rows if asked <= since]

    def change_quietly(self, gap_id: str, **values: str) -> None:
        """Set columns of a gap without updating ``changed_at``."""
        with self._engine.begin() as connection:
            connection.execute(
                update(schema.gaps).where(schema.gaps.c.gap_id == gap_id).values(**values)
            )

    def advice(self, gap: Gap, find: FindArticle) -> tuple[NearestArticle | None, str]:
        """(nearest article or None, suggested action)."""
        nearest = find.nearest(gap.label, gap.questions[0].language if gap.questions else "")
        return nearest, suggested_action(
            nearest.verdict if nearest else "none", nearest.probability if nearest else 0.0
        )

    # --- learned queries -------------------------------------------------------------

    def offer_learned(self, now: int, least_people: int = 1) -> int:
        """Offer queries of the confirmed episodes of the last WINDOW to their articles.

        A query needs ``least_people`` different clients. Returns the number of new offers.
        """
        episodes, members, queries = schema.episodes, schema.episode_queries, schema.queries
        people = func.count(func.distinct(queries.c.client_id))
        joined = (
            select(func.min(queries.c.user_query), episodes.c.article_id)
            .join(members, members.c.query_id == queries.c.query_id)
            .join(episodes, episodes.c.episode_id == members.c.episode_id)
            .where(
                episodes.c.outcome == "confirmed",
                episodes.c.first_at >= now - WINDOW,
                episodes.c.provisional.is_(False),
                episodes.c.article_id != "",
                queries.c.origin != "suggestion",
            )
            .group_by(func.lower(queries.c.user_query), episodes.c.article_id)
            .having(people >= least_people)
        )
        with self._engine.begin() as connection:
            rows = [
                {
                    "text_key": text_key(text),
                    "article_id": article,
                    "text": text,
                    "state": "offered",
                    "by": "",
                    "at": now,
                }
                for text, article in connection.execute(joined)
                if len(text.strip()) > 1 and "[" not in text
            ]
            before = connection.execute(
                select(func.count()).select_from(schema.learned)
            ).scalar_one()
            insert_new(connection, schema.learned, rows)
            return int(
                connection.execute(select(func.count()).select_from(schema.learned)).scalar_one()
                - before
            )

    def learned(self, state: str = "offered", limit: int = 200) -> list[dict[str, Any]]:
        """Learned queries in a state with the number of ``people`` who asked, most people first."""
        table, queries = schema.learned, schema.queries
        people = func.count(func.distinct(func.coalesce(queries.c.client_id, queries.c.query_id)))
        asked = (
            select(queries.c.text_key, people.label("people"))
            .where(queries.c.text_key.in_(select(table.c.text_key).where(table.c.state == state)))
            .group_by(queries.c.text_key)
            .subquery()
        )
        known = func.coalesce(asked.c.people, 0)
        with self._engine.connect() as connection:
            query = (
                select(table, known.label("people"))
                .outerjoin(asked, asked.c.text_key == table.c.text_key)
                .where(table.c.state == state)
                .order_by(known.desc(), table.c.article_id, table.c.text)
                .limit(limit)
            )
            return [dict(row) for row in connection.execute(query).mappings()]

    def learned_texts(self, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """The texts of offered queries, by (text key, article id)."""
        table, wanted = schema.learned, set(pairs)
        keys = sorted({key for key, _article in wanted})
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(table.c.text_key, table.c.article_id, table.c.text).where(
                    table.c.state == "offered", table.c.text_key.in_(keys)
                )
            )
            return {(key, article): text for key, article, text in rows if (key, article) in wanted}

    def offered(self) -> int:
        """The number of learned queries that wait for a decision."""
        query = select(func.count()).where(schema.learned.c.state == "offered")
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def decide_learned(
        self, keys: Sequence[tuple[str, str]], state: str, by: str, now: int
    ) -> None:
        """Approve or refuse learned queries, by (text key, article id)."""
        table = schema.learned
        with self._engine.begin() as connection:
            for key, article in keys:
                connection.execute(
                    update(table)
                    .where(
                        table.c.text_key == key,
                        table.c.article_id == article,
                        table.c.state == "offered",
                    )
                    .values(state=state, by=by, at=now)
                )

    # --- helpers ---------------------------------------------------------------------

    def _grouped(self, now: int) -> list[Group]:
        questions = self._read(now).questions[:MOST]
        by_text = self._vectors.of([(question.text, question.language) for question in questions])
        vectors = {
            question.key: by_text[question.text, question.language]
            for question in questions
            if (question.text, question.language) in by_text
        }
        return group_gaps(questions, vectors, self._members())

    def _read(self, now: int) -> _Unanswered:
        """The unanswered queries, from the cache if it is fresh."""
        cached = self._cache.unanswered
        if cached is None or not 0 <= now - cached.at <= FRESH:
            cached = _Unanswered(now, questions_of(self._unanswered(now)), self._tickets(now))
            self._cache.unanswered = cached
        return cached

    def _unanswered(self, now: int) -> list[QueryEvent]:
        """Searches without a strict verdict or in unanswered episodes, except confirmed ones."""
        table, episodes, members = schema.queries, schema.episodes, schema.episode_queries
        # A search is in one episode at most. Joins, since IN over a long log does not end.
        joined = table.outerjoin(members, members.c.query_id == table.c.query_id).outerjoin(
            episodes, episodes.c.episode_id == members.c.episode_id
        )
        outcome = func.coalesce(episodes.c.outcome, "")
        query = (
            select(table)
            .select_from(joined)
            .where(
                table.c.at >= now - WINDOW,
                table.c.at <= now,
                table.c.bot.is_(False),
                (table.c.verdict != "strict") | (outcome == "unanswered"),
                outcome != "confirmed",
            )
            .order_by(table.c.at, table.c.query_id)
        )
        with self._engine.connect() as connection:
            return [to_query(row) for row in connection.execute(query).mappings()]

    def _rows(self) -> dict[str, dict[str, Any]]:
        with self._engine.connect() as connection:
            return {
                row["gap_id"]: dict(row)
                for row in connection.execute(select(schema.gaps)).mappings()
            }

    def _members(self) -> dict[str, str]:
        with self._engine.connect() as connection:
            return {
                str(key): str(gap)
                for key, gap in connection.execute(
                    select(schema.gap_members.c.text_key, schema.gap_members.c.gap_id)
                )
            }

    def _tickets(self, now: int) -> frozenset[str]:
        """Ids of searches in episodes that reached an agent."""
        table, episodes = schema.episode_queries, schema.episodes
        query = select(table.c.query_id).join(episodes, episodes.c.episode_id == table.c.episode_id)
        with self._engine.connect() as connection:
            rows = connection.execute(
                query.where(episodes.c.outcome == "escalated", episodes.c.last_at >= now - WINDOW)
            )
            return frozenset(str(name) for (name,) in rows)


def _gap(
    row: Mapping[str, Any],
    questions: tuple[UnansweredQuestion, ...],
    now: int,
    tickets: frozenset[str],
    merged: tuple[str, ...],
) -> Gap:
    group = Group(row["gap_id"], questions)
    ticket_count = sum(query.query_id in tickets for query in group.queries)
    values = {
        name: row[name]
        for name in ("gap_id", "label", "state", "owner", "reason", "notes", "article_id", "replay")
    }
    return Gap(
        **values, questions=questions, trend=group.trend(now), tickets=ticket_count, merged=merged
    )


def _asked_since(group: Group, moment: int) -> bool:
    """Whether the group has unanswered searches after ``moment`` (ms)."""
    return any(query.at > moment for query in group.queries)
