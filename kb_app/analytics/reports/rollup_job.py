"""Recomputes the daily counts in the database."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta, tzinfo

from sqlalchemy import ColumnElement, Connection, delete, exists, select

from kb_app.analytics.event_store import EventStore
from kb_app.analytics.model import Episode
from kb_app.analytics.reports import rollup
from kb_app.analytics.reports.vendor_counts import MARGIN, count_for_vendors
from kb_app.db import schema
from kb_app.db.writing import insert_new
from kb_app.durations import DAY


def bounds(day: str, zone: tzinfo) -> tuple[int, int]:
    """Start of a day (YYYY-MM-DD) in ``zone`` and of the next day, in ms."""
    first = datetime.fromisoformat(day).replace(tzinfo=zone)
    after = (datetime.fromisoformat(day) + timedelta(days=1)).replace(tzinfo=zone)
    return int(first.timestamp() * 1000), int(after.timestamp() * 1000)


def roll_up(store: EventStore, day: str, zone: tzinfo) -> None:
    """Recompute and replace the counts of one day (YYYY-MM-DD) in ``zone``."""
    start, end = bounds(day, zone)
    # A click can follow later; it counts on the day of its search.
    around = store.actions(start - MARGIN, end + DAY)
    clicks = [action for action in around if action.at >= start]
    began = (schema.episodes.c.first_at >= start) & (schema.episodes.c.first_at < end)
    with store.engine.connect() as connection:
        episodes = stored_episodes(connection, began)
    by_query = rollup.count_queries(
        store.each_query(start, end, bots=True), clicks, _asked_again(store, start, end)
    )
    by_episode = rollup.count_episodes(episodes)
    for_vendors = count_for_vendors(
        store.each_query(start - MARGIN, end + MARGIN), around, start, end
    )
    rows = [
        {
            "day": day,
            "channel": key[0],
            "language": key[1],
            "section": key[2],
            "audience": key[3],
            "measure": measure,
            "value": float(value),
        }
        for counts in (by_query, by_episode, {rollup.ALL: for_vendors})
        for key, counter in counts.items()
        for measure, value in counter.items()
        if value
    ]
    questions = [
        {
            "day": day,
            "text_key": name,
            "channel": key[0],
            "language": key[1],
            "section": key[2],
            "audience": key[3],
            **vars(count),
        }
        for (name, key), count in rollup.count_questions(
            store.each_query(start, end), clicks
        ).items()
    ]
    that_day = [action for action in clicks if action.at < end]
    articles = [
        {"day": day, "article_id": article, "measure": measure, "value": value}
        for (article, measure), value in rollup.count_articles(that_day, episodes).items()
    ]
    with store.engine.begin() as connection:
        for table, new_rows in (
            (schema.daily, rows),
            (schema.daily_questions, questions),
            (schema.daily_articles, articles),
        ):
            connection.execute(delete(table).where(table.c.day == day))
            insert_new(connection, table, new_rows)


def asked_again() -> ColumnElement[bool]:
    """Whether a search was followed, in the same episode, by one in other words."""
    queries, later = schema.queries, schema.queries.alias()
    here, there = schema.episode_queries.alias(), schema.episode_queries.alias()
    return exists(
        select(1)
        .select_from(here)
        .join(there, there.c.episode_id == here.c.episode_id)
        .join(later, later.c.query_id == there.c.query_id)
        .where(
            here.c.query_id == queries.c.query_id,
            later.c.text_key != queries.c.text_key,
            later.c.at > queries.c.at,
        )
    )


def _asked_again(store: EventStore, start: int, end: int) -> frozenset[str]:
    queries = schema.queries
    asked = select(queries.c.query_id).where(
        queries.c.at >= start, queries.c.at < end, asked_again()
    )
    with store.engine.connect() as connection:
        return frozenset(connection.execute(asked).scalars())


def stored_episodes(connection: Connection, condition: ColumnElement[bool]) -> list[Episode]:
    """The episodes of a condition, each with its query ids in order of time."""
    table, members, queries = schema.episodes, schema.episode_queries, schema.queries
    trails: dict[str, list[str]] = defaultdict(list)
    joined = (
        select(members.c.episode_id, members.c.query_id)
        .join(table, table.c.episode_id == members.c.episode_id)
        .join(queries, queries.c.query_id == members.c.query_id)
        .where(condition)
        .order_by(queries.c.at, queries.c.query_id)
    )
    for episode_id, query_id in connection.execute(joined):
        trails[episode_id].append(query_id)
    return [
        to_episode(row, tuple(trails[row["episode_id"]]))
        for row in connection.execute(select(table).where(condition)).mappings()
    ]


def to_episode(row: object, query_ids: tuple[str, ...] = ()) -> Episode:
    """Convert a row of the table episodes to an episode."""
    values = dict(row)  # type: ignore[call-overload]
    values.pop("queries")
    return Episode(query_ids=query_ids, **values)
