"""Queries for the dashboard: sums of daily counts, lists, and the rows behind each figure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta, tzinfo
from statistics import fmean
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table, exists, func, select, union
from sqlalchemy.sql import ColumnElement

from kb_app.analytics.model import CLICK, OUTCOMES, TICKET_CREATED, VOTE_REASON, Episode
from kb_app.analytics.reports.metrics import (
    Counts,
    Figure,
    episode_figures,
    probable_calibration,
    query_figures,
    season,
    survey_response,
)
from kb_app.analytics.reports.rollup_job import asked_again, bounds, to_episode
from kb_app.analytics.reports.vendor_definitions import Users
from kb_app.db import schema

MOST_ROWS = 500
MOST_DAYS_OF_USERS = 92
Row = TypeVar("Row")
TOP = 15


@dataclass(frozen=True)
class Period:
    """Calendar days from ``first`` to ``last``, both included, in ``zone``.

    The other fields filter by dimension; "" means all.
    """

    first: date
    last: date
    zone: tzinfo
    channel: str = ""
    language: str = ""
    section: str = ""
    audience: str = ""

    @property
    def days(self) -> int:
        """Number of days."""
        return (self.last - self.first).days + 1

    @property
    def before(self) -> Period:
        """The preceding period of the same length."""
        return replace(
            self, first=self.first - timedelta(days=self.days), last=self.first - timedelta(days=1)
        )

    @property
    def start(self) -> int:
        """Start of the first day, in ms."""
        return bounds(self.first.isoformat(), self.zone)[0]

    @property
    def end(self) -> int:
        """End of the last day (exclusive), in ms."""
        return bounds(self.last.isoformat(), self.zone)[1]

    @property
    def narrowed(self) -> dict[str, str]:
        """The active dimension filters, by name."""
        values = {
            "channel": self.channel,
            "language": self.language,
            "section": self.section,
            "audience": self.audience,
        }
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True)
class Line:
    """A row of a list: a query text or article id and its numbers.

    ``season`` is (month, factor relative to the mean month) for a seasonal query.
    """

    text: str
    numbers: Mapping[str, float]
    key: str = ""
    season: tuple[int, float] | None = None


@dataclass(frozen=True)
class Rows(Sequence[Row]):
    """One page of the rows behind a figure. ``total`` is the number of all of them."""

    rows: list[Row]
    total: int
    page: int = 1

    @property
    def pages(self) -> int:
        """The number of pages."""
        return max(1, -(-self.total // MOST_ROWS))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        return self.rows[index]


def _count(connection: Connection, table: Table, conditions: Sequence[ColumnElement[bool]]) -> int:
    counted = select(func.count()).select_from(table).where(*conditions)
    return int(connection.execute(counted).scalar_one())


class Reports:
    """Reads the figures and lists from the database. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # --- sums ------------------------------------------------------------------------

    def counts(self, period: Period) -> Counts:
        """Sums of all measures of a period, and the reading times."""
        with self._engine.connect() as connection:
            return self._measures(connection, period) | self._reading_times(connection, period)

    def _measures(self, connection: Connection, period: Period) -> dict[str, float]:
        table = schema.daily
        query = (
            select(table.c.measure, func.sum(table.c.value))
            .where(*self._days(period))
            .group_by(table.c.measure)
        )
        return {str(name): float(value) for name, value in connection.execute(query)}

    def _reading_times(self, connection: Connection, period: Period) -> dict[str, float]:
        """Number of episodes with an article read, and the median of their seconds."""
        table = schema.episodes
        seconds = table.c.seconds_to_answer
        conditions = [*self._began(period), seconds.is_not(None)]
        total = _count(connection, table, conditions)
        if not total:
            return {}
        middle = connection.execute(
            select(seconds)
            .where(*conditions)
            .order_by(seconds)
            .limit(2 - total % 2)
            .offset((total - 1) // 2)
        ).scalars()
        return {"read_episodes": float(total), "median_seconds": fmean(map(float, middle))}

    @staticmethod
    def _began(period: Period) -> list[ColumnElement[bool]]:
        table = schema.episodes
        began = [table.c.first_at >= period.start, table.c.first_at < period.end]
        return [*began, *(table.c[name] == value for name, value in period.narrowed.items())]

    def by_day(self, period: Period, measures: Sequence[str]) -> dict[str, Counter[str]]:
        """Measures by day (YYYY-MM-DD); includes days without data."""
        table = schema.daily
        query = select(table.c.day, table.c.measure, func.sum(table.c.value)).where(
            *self._days(period), table.c.measure.in_(measures)
        )
        by_day: dict[str, Counter[str]] = {
            (period.first + timedelta(days=n)).isoformat(): Counter() for n in range(period.days)
        }
        with self._engine.connect() as connection:
            for day, measure, value in connection.execute(
                query.group_by(table.c.day, table.c.measure)
            ):
                by_day[day][measure] = int(value)
        return by_day

    def figures(self, period: Period) -> list[Figure]:
        """All figures of a period."""
        counts = self.counts(period)
        return [
            *episode_figures(counts),
            probable_calibration(counts),
            survey_response(counts),
            *query_figures(counts),
        ]

    def values(self, dimension: str) -> list[str]:
        """The filter values of a dimension, sorted."""
        column = schema.daily.c[dimension]
        with self._engine.connect() as connection:
            return [
                str(value)
                for (value,) in connection.execute(select(column).distinct().order_by(column))
                if value
            ]

    def unseen(self, period: Period) -> dict[str, int]:
        """Searches and events missing from the figures, by reason."""
        table = schema.losses
        with self._engine.connect() as connection:
            counts = self._measures(connection, period)
            rows = connection.execute(
                select(table.c.reason, func.sum(table.c.count))
                .where(
                    table.c.day >= period.first.isoformat(), table.c.day <= period.last.isoformat()
                )
                .group_by(table.c.reason)
            )
            lost = {str(reason): int(count) for reason, count in rows}
        return {
            "no cookie": int(counts.get("queries_unrecognised", 0)),
            "bots": int(counts.get("bots", 0)),
            **lost,
        }

    def users(self, period: Period) -> Users | None:
        """Different visitors; None for a period over MOST_DAYS_OF_USERS, in which none is counted.

        Visitors of several days cannot be summed, and counting those of a year takes too long.
        """
        if period.days > MOST_DAYS_OF_USERS:
            return None
        queries, actions = schema.queries, schema.actions
        within = (actions.c.at >= period.start) & (actions.c.at < period.end)
        searched = (queries.c.at >= period.start) & (queries.c.at < period.end)
        people = union(
            select(queries.c.client_id).where(searched, queries.c.bot.is_(False)),
            select(actions.c.client_id).where(within),
        ).subquery()
        writers = select(
            func.count(func.distinct(func.coalesce(actions.c.client_id, actions.c.event_id)))
        ).where(within, actions.c.action_name == TICKET_CREATED)
        with self._engine.connect() as connection:
            found = select(func.count(people.c.client_id))
            return Users(
                int(connection.execute(found).scalar_one()),
                int(connection.execute(writers).scalar_one()),
            )

    @staticmethod
    def _days(period: Period, table: Table = schema.daily) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = [
            table.c.day >= period.first.isoformat(),
            table.c.day <= period.last.isoformat(),
        ]
        return conditions + [table.c[name] == value for name, value in period.narrowed.items()]

    # --- lists -----------------------------------------------------------------------

    def top_questions(self, period: Period, limit: int = TOP) -> list[Line]:
        """The most frequent queries, with people and searches without an answer."""
        rows = self._questions(period, schema.daily_questions.c.searches, limit)
        people = self._people(period, [key for key, *_ in rows])
        return [
            Line(text, {"searches": n, "people": people.get(key, 0), "no answer": unanswered}, key)
            for key, text, n, unanswered, _ in rows
        ]

    def without_click(self, period: Period, limit: int = TOP) -> list[Line]:
        """Queries with results but without a click, most frequent first."""
        rows = self._questions(period, schema.daily_questions.c.unopened, limit)
        return [
            Line(text, {"searches": unopened}, key)
            for key, text, _n, _nothing, unopened in rows
            if unopened
        ]

    def articles(self, period: Period, limit: int = 50) -> list[Line]:
        """Articles with views, votes and contacts after reading; most contacts first."""
        table = schema.daily_articles
        numbers: dict[str, Counter[str]] = defaultdict(Counter)
        query = select(table.c.article_id, table.c.measure, func.sum(table.c.value)).where(
            table.c.day >= period.first.isoformat(), table.c.day <= period.last.isoformat()
        )
        with self._engine.connect() as connection:
            for article, measure, count in connection.execute(
                query.group_by(table.c.article_id, table.c.measure)
            ):
                numbers[article][measure] = int(count)
        order = sorted(
            numbers,
            key=lambda name: (
                -numbers[name]["contacts after reading"],
                -numbers[name]["no"],
                -numbers[name]["views"],
                name,
            ),
        )
        return [Line(name, dict(numbers[name]), key=name) for name in order[:limit]]

    def _questions(
        self, period: Period, by: ColumnElement[int], limit: int
    ) -> list[tuple[str, str, int, int, int]]:
        """(key, text, searches, unanswered, unopened) of the queries with the highest ``by``.

        Most of a long log is texts that were asked once. A text with at most one in every row has
        at most one for each day and combination of dimensions: where the last one listed has more,
        those texts need not be summed up.
        """
        table = schema.daily_questions
        within = self._days(period, table)
        often = select(table.c.text_key).where(*within, by > 1)
        with self._engine.connect() as connection:
            found = self._sums(connection, [*within, table.c.text_key.in_(often)], by, limit)
            if len(found) < limit or found[-1][1] <= period.days * self._combinations(connection):
                found = self._sums(connection, within, by, limit)
            keys = [key for key, *_ in found]
            named = connection.execute(
                select(table.c.text_key, func.min(table.c.text))
                .where(*within, table.c.text_key.in_(keys))
                .group_by(table.c.text_key)
            )
            texts = {str(key): str(text) for key, text in named}
        return [(key, texts[key], n, none, shut) for key, _, n, none, shut in found]

    @staticmethod
    def _sums(
        connection: Connection,
        conditions: Sequence[ColumnElement[bool]],
        by: ColumnElement[int],
        limit: int,
    ) -> list[tuple[str, int, int, int, int]]:
        """(key, sum of ``by``, searches, unanswered, unopened), highest first."""
        table = schema.daily_questions
        highest = func.sum(by)
        sums = [
            func.sum(column) for column in (table.c.searches, table.c.unanswered, table.c.unopened)
        ]
        rows = connection.execute(
            select(table.c.text_key, highest, *sums)
            .where(*conditions)
            .group_by(table.c.text_key)
            .order_by(highest.desc(), table.c.text_key)
            .limit(limit)
        )
        return [
            (str(key), int(most), int(n), int(unanswered), int(unopened))
            for key, most, n, unanswered, unopened in rows
        ]

    @staticmethod
    def _combinations(connection: Connection) -> int:
        """How many rows a text can have on one day."""
        table = schema.daily
        dimensions = (table.c.channel, table.c.language, table.c.section, table.c.audience)
        distinct = select(*dimensions).distinct().subquery()
        return int(connection.execute(select(func.count()).select_from(distinct)).scalar_one())

    def _people(self, period: Period, keys: Sequence[str]) -> dict[str, int]:
        """Number of people per text key; each search without a client counts as a person."""
        table = schema.queries
        people = func.count(func.distinct(func.coalesce(table.c.client_id, table.c.query_id)))
        query = (
            select(table.c.text_key, people)
            .where(*self._asked(period), table.c.text_key.in_(keys))
            .group_by(table.c.text_key)
        )
        with self._engine.connect() as connection:
            return {str(key): int(count) for key, count in connection.execute(query)}

    def reasons(self, period: Period) -> list[dict[str, Any]]:
        """Reasons given with negative votes, newest first."""
        table = schema.actions
        query = select(table.c.at, table.c.object_id, table.c.attributes).where(
            table.c.at >= period.start, table.c.at < period.end, table.c.action_name == VOTE_REASON
        )
        with self._engine.connect() as connection:
            return [
                dict(row)
                for row in connection.execute(
                    query.order_by(table.c.at.desc()).limit(50)
                ).mappings()
            ]

    def inventory(self, period: Period, limit: int = 100) -> list[Line]:
        """The most frequent queries with their searches in the period before and their season."""
        now = {line.text.casefold(): line for line in self.top_questions(period, limit)}
        before = {
            line.text.casefold(): line.numbers["searches"]
            for line in self.top_questions(period.before, 4 * limit)
        }
        seasons = self.seasons([line.key for line in now.values()])
        return [
            Line(
                line.text,
                dict(line.numbers) | {"before": before.get(key, 0)},
                line.key,
                seasons.get(line.key),
            )
            for key, line in now.items()
        ]

    def seasons(self, keys: Sequence[str]) -> dict[str, tuple[int, float]]:
        """Seasonal queries by text key: (month 1..12, factor relative to the mean month)."""
        table = schema.daily_questions
        month = func.substr(table.c.day, 1, 7)
        with self._engine.connect() as connection:
            first, last = connection.execute(
                select(func.min(table.c.day), func.max(table.c.day))
            ).one()
            if not first:
                return {}
            rows = connection.execute(
                select(table.c.text_key, month, func.sum(table.c.searches))
                .where(table.c.text_key.in_(keys))
                .group_by(table.c.text_key, month)
            )
            by_key: dict[str, dict[str, float]] = defaultdict(dict)
            for key, name, searches in rows:
                by_key[key][name] = float(searches)
        months = (int(last[:4]) - int(first[:4])) * 12 + int(last[5:7]) - int(first[5:7]) + 1
        return {key: peak for key, counts in by_key.items() if (peak := season(counts, months))}

    # --- rows ------------------------------------------------------------------------

    def episodes(
        self,
        period: Period,
        outcomes: Sequence[str] = (),
        frustrated: bool = False,
        surveyed: str = "",
        read: bool = False,
        page: int = 1,
    ) -> Rows[Episode]:
        """Episodes that began in a period, newest first, filtered by the given conditions.

        ``read`` selects episodes with an article read.
        """
        table = schema.episodes
        conditions = self._began(period)
        conditions += (
            [table.c.outcome.in_([name for name in outcomes if name in OUTCOMES])]
            if outcomes
            else []
        )
        conditions += [table.c.frustrated.is_(True)] if frustrated else []
        conditions += [table.c.surveyed.in_(surveyed.split(","))] if surveyed else []
        conditions += [table.c.seconds_to_answer.is_not(None)] if read else []
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(table)
                .where(*conditions)
                .order_by(table.c.first_at.desc(), table.c.episode_id)
                .limit(MOST_ROWS)
                .offset((page - 1) * MOST_ROWS)
            ).mappings()
            total = _count(connection, table, conditions)
            episodes = [to_episode(row) for row in rows]
            ids = self._queries_of(connection, [episode.episode_id for episode in episodes])
        found = [replace(episode, query_ids=tuple(ids[episode.episode_id])) for episode in episodes]
        return Rows(found, total, page)

    def episode(self, episode_id: str) -> Episode | None:
        """The episode with this id and its query ids, or None."""
        table = schema.episodes
        with self._engine.connect() as connection:
            row = (
                connection.execute(select(table).where(table.c.episode_id == episode_id))
                .mappings()
                .first()
            )
            ids = self._queries_of(connection, [episode_id])
        return replace(to_episode(row), query_ids=tuple(ids[episode_id])) if row else None

    def searches(
        self,
        period: Period,
        verdict: str = "",
        clicked: bool | None = None,
        reworded: bool = False,
        page: int = 1,
    ) -> Rows[dict[str, Any]]:
        """Searches of a period, newest first, filtered by the given conditions.

        ``reworded`` selects searches that were asked again in other words.
        """
        table, actions = schema.queries, schema.actions
        conditions = self._asked(period)
        conditions += [table.c.verdict == verdict] if verdict else []
        if clicked is not None:
            click = exists().where(
                actions.c.query_id == table.c.query_id, actions.c.action_name == CLICK
            )
            conditions.append(click if clicked else ~click)
        conditions += [asked_again()] if reworded else []
        with self._engine.connect() as connection:
            query = (
                select(table)
                .where(*conditions)
                .order_by(table.c.at.desc(), table.c.query_id)
                .limit(MOST_ROWS)
                .offset((page - 1) * MOST_ROWS)
            )
            found = [dict(row) for row in connection.execute(query).mappings()]
            return Rows(found, _count(connection, table, conditions), page)

    def known_queries(self) -> list[tuple[str, str, bool]]:
        """(text, language, answered) of queries in confirmed or unanswered final episodes.

        Queries with both outcomes are left out.
        """
        queries, members, episodes = schema.queries, schema.episode_queries, schema.episodes
        joined = (
            select(queries.c.user_query, queries.c.language, episodes.c.outcome)
            .join(members, members.c.query_id == queries.c.query_id)
            .join(episodes, episodes.c.episode_id == members.c.episode_id)
            .where(
                episodes.c.outcome.in_(["confirmed", "unanswered"]),
                episodes.c.provisional.is_(False),
            )
            .distinct()
        )
        outcomes: dict[tuple[str, str], set[str]] = defaultdict(set)
        with self._engine.connect() as connection:
            for text, lang, outcome in connection.execute(joined):
                outcomes[str(text), str(lang)].add(str(outcome))
        return [
            (text, lang, found == {"confirmed"})
            for (text, lang), found in sorted(outcomes.items())
            if len(found) == 1
        ]

    @staticmethod
    def _asked(period: Period) -> list[ColumnElement[bool]]:
        table = schema.queries
        conditions: list[ColumnElement[bool]] = [
            table.c.at >= period.start,
            table.c.at < period.end,
            table.c.bot.is_(False),
        ]
        return conditions + [table.c[name] == value for name, value in period.narrowed.items()]

    @staticmethod
    def _queries_of(connection: Any, episode_ids: Sequence[str]) -> dict[str, list[str]]:
        members, queries = schema.episode_queries, schema.queries
        ids_by_episode: dict[str, list[str]] = defaultdict(list)
        query = select(members.c.episode_id, members.c.query_id).join(
            queries, queries.c.query_id == members.c.query_id
        )
        for episode_id, query_id in connection.execute(
            query.where(members.c.episode_id.in_(episode_ids)).order_by(queries.c.at)
        ):
            ids_by_episode[episode_id].append(query_id)
        return ids_by_episode
