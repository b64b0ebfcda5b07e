"""The job that computes episodes and daily counts from the event log.

It is repeatable: the same log gives the same episodes.
"""

from __future__ import annotations

import logging
import os
import socket
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from itertools import groupby

from sqlalchemy import ColumnElement, Connection, Table, delete, insert, select, union, update
from sqlalchemy.exc import IntegrityError

from kb_app.analytics.episodes.outcomes import REVOCABLE, classify_outcome, to_row
from kb_app.analytics.episodes.task_detection import EPISODE, by_client, group, searches_of_tickets
from kb_app.analytics.event_store import EventStore
from kb_app.analytics.model import CONTACT_OPEN, CONTACTS, YES, ActionEvent, Episode
from kb_app.analytics.question_vectors import QuestionVectors
from kb_app.analytics.reports import rollup
from kb_app.analytics.reports.rollup_job import roll_up, stored_episodes
from kb_app.analytics.reports.vendor_counts import MARGIN
from kb_app.db import schema
from kb_app.db.personal_data import RECOUNT
from kb_app.db.writing import ROWS, insert_new, upsert
from kb_app.durations import HOUR, MINUTE

log = logging.getLogger("kb_app.analytics")
CLIENTS = 400
FAR_FUTURE = 2**62
# Events written in the background may arrive late.
OVERLAP = HOUR
# Days begin on a quarter of an hour in every time zone.
QUARTER = 15 * MINUTE
# A lock that was not renewed for this long belongs to a killed run.
STALE_LOCK = HOUR
ALREADY_RUNNING = (
    "The analytics job is already running in another process. Try again when it has finished."
)


class JobAlreadyRunningError(Exception):
    """Another process runs the job."""


@dataclass(frozen=True)
class JobReport:
    """Counts of one run: clients, episodes and days processed, and its duration in seconds."""

    clients: int
    episodes: int
    days: int
    seconds: float


def run(
    store: EventStore, vectors: QuestionVectors, now: int, zone: tzinfo, everything: bool = False
) -> JobReport:
    """Update episodes and daily counts up to ``now`` (ms).

    Processes the clients with changes since the last run, or all clients with ``everything``. Days
    are calendar days in ``zone``. Raises JobAlreadyRunningError if another process runs the job.
    """
    started = time.perf_counter()
    with _locked(store) as renew_lock:
        since = 0 if everything else max(0, _state(store, "episodes_until") - OVERLAP)
        linked = _link_tickets(store, vectors, since, now)
        clients = _clients(store, since, now, linked)
        days = {
            rollup.day_of(at + shift, zone)
            for at in _touched(store, since)
            # The visits of the days beside it may begin or go on then.
            for shift in (-MARGIN, 0, QUARTER - 1 + MARGIN)
        }
        count = 0
        for start in range(0, len(clients), CLIENTS):
            chunk = clients[start : start + CLIENTS]
            episodes = _episodes_of(store, vectors, chunk, now)
            _replace(store, chunk, episodes, zone)
            count += len(episodes)
            renew_lock()
        marked = _days_to_recount(store)
        for day in sorted(days | marked):
            roll_up(store, day, zone)
            renew_lock()
        _counted_again(store, marked)
        _remember(store, "episodes_until", now)
    return JobReport(
        len(clients), count, len(days | marked), round(time.perf_counter() - started, 2)
    )


def _days_to_recount(store: EventStore) -> set[str]:
    """Days of changed episodes and of erased texts, also those that a killed run has left."""
    table = schema.job_state
    with store.engine.connect() as connection:
        names = connection.execute(select(table.c.name).where(table.c.name.startswith(RECOUNT)))
        return {str(name).removeprefix(RECOUNT) for (name,) in names}


def _counted_again(store: EventStore, days: set[str]) -> None:
    table = schema.job_state
    with store.engine.begin() as connection:
        names = [RECOUNT + day for day in days]
        connection.execute(delete(table).where(table.c.name.in_(names)))


# --- episodes -----------------------------------------------------------------------


def _clients(store: EventStore, since: int, now: int, new_links: Collection[str]) -> list[str]:
    """Clients with new events, and clients with episodes that may have become final.

    ``new_links`` are searches to which a ticket was linked.
    """
    queries, actions, links, episodes = (
        schema.queries,
        schema.actions,
        schema.ticket_links,
        schema.episodes,
    )
    recent = select(actions.c.query_id).where(
        actions.c.at >= since, actions.c.query_id.is_not(None)
    )
    linked = (
        select(links.c.query_id)
        .join(actions, actions.c.event_id == links.c.event_id)
        .where(actions.c.at >= since)
    )
    clients = set(store.active_clients(since))
    clients |= {query.client_id for query in store.queries_of(list(new_links)) if query.client_id}
    with store.engine.connect() as connection:
        for ids in (recent, linked):
            clients |= {
                str(name)
                for (name,) in connection.execute(
                    select(queries.c.client_id).where(queries.c.query_id.in_(ids))
                )
                if name
            }
        # Bots and clients without searches are included but yield no episodes.
        due = select(episodes.c.client_id).where(
            episodes.c.provisional.is_(True), episodes.c.first_at <= now - REVOCABLE
        )
        clients |= {str(name) for (name,) in connection.execute(due)}
    return sorted(clients)


def _episodes_of(
    store: EventStore, vectors: QuestionVectors, clients: Sequence[str], now: int
) -> list[Episode]:
    queries = [query for query in store.queries(0, FAR_FUTURE, clients) if query.at <= now]
    actions = {
        action.event_id: action
        for action in [
            *store.actions(0, FAR_FUTURE, clients),
            *store.actions_of([query.query_id for query in queries]),
        ]
    }
    past_actions = [action for action in actions.values() if action.at <= now]
    vectors_by_id = vectors.of_events(
        queries, [action for action in past_actions if not action.query_id]
    )
    episodes: list[Episode] = []
    for _client, client_queries, client_actions in by_client(queries, past_actions):
        episodes += [
            classify_outcome(trail, now, fingerprint=vectors.fingerprint)
            for trail in group(client_queries, client_actions, vectors_by_id)
        ]
    return episodes


def _replace(
    store: EventStore, clients: Sequence[str], new_episodes: Sequence[Episode], zone: tzinfo
) -> None:
    """Replace the changed episodes of some clients and mark their days, in one transaction."""
    table, members = schema.episodes, schema.episode_queries
    new = {episode.episode_id: episode for episode in new_episodes}
    with store.engine.begin() as connection:
        stored = stored_episodes(connection, table.c.client_id.in_(clients))
        old = {episode.episode_id: episode for episode in stored}
        changed = sorted(name for name in old | new if old.get(name) != new.get(name))
        for start in range(0, len(changed), ROWS):
            chunk = changed[start : start + ROWS]
            connection.execute(delete(members).where(members.c.episode_id.in_(chunk)))
            connection.execute(delete(table).where(table.c.episode_id.in_(chunk)))
        written = [new[name] for name in changed if name in new]
        _insert(connection, table, [dict(to_row(episode)) for episode in written])
        rows = [
            {"query_id": query_id, "episode_id": episode.episode_id}
            for episode in written
            for query_id in episode.query_ids
        ]
        insert_new(connection, members, rows)
        replaced = [old[name] for name in changed if name in old]
        days = {day for episode in [*replaced, *written] for day in _days(episode, zone)}
        marks = [{"name": f"{RECOUNT}{day}", "value": ""} for day in sorted(days)]
        insert_new(connection, schema.job_state, marks)


def _days(episode: Episode, zone: tzinfo) -> set[str]:
    """The days of an episode, from its first event to its last."""
    first, last = (
        date.fromisoformat(rollup.day_of(at, zone)) for at in (episode.first_at, episode.last_at)
    )
    return {(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)}


def _link_tickets(
    store: EventStore, vectors: QuestionVectors, since: int, now: int
) -> frozenset[str]:
    """Link tickets without a client and a query id to the most likely search.

    Returns the ids of the searches that were linked.
    """
    links = schema.ticket_links
    with store.engine.connect() as connection:
        rows = connection.execute(select(links.c.event_id, links.c.query_id))
        linked = {str(event): str(query) for event, query in rows}
    orphans = [
        action
        for action in store.actions(max(0, since - EPISODE), now + 1, names=CONTACTS)
        if _is_orphan(action) and action.event_id not in linked
    ]
    before = frozenset(linked.values())
    taken = set(before)
    for some in _by_week(orphans):
        matches = _searches_of(some, store, vectors, now, frozenset(taken))
        taken |= set(matches.values())
        found = [{"event_id": event, "query_id": query} for event, query in matches.items()]
        with store.engine.begin() as connection:
            insert_new(connection, links, found)
    return frozenset(taken - before)


def _by_week(tickets: Sequence[ActionEvent]) -> Iterator[list[ActionEvent]]:
    """Tickets in parts of a week, oldest first: the searches of a year do not fit in memory."""
    for _week, some in groupby(tickets, lambda ticket: ticket.at // EPISODE):
        yield list(some)


def _searches_of(
    tickets: Sequence[ActionEvent],
    store: EventStore,
    vectors: QuestionVectors,
    now: int,
    taken: frozenset[str],
) -> dict[str, str]:
    # The week of the tickets and those beside it: the same for whichever tickets are left, and a
    # search up to EPISODE later revokes positive feedback.
    week = tickets[0].at // EPISODE * EPISODE
    first, last = week - EPISODE, min(week + 2 * EPISODE, now + 1)
    searches = store.queries(first, last)
    actions = store.actions(first, last, names=CONTACTS | YES | {CONTACT_OPEN})
    return searches_of_tickets(
        tickets, searches, actions, vectors.of_events(searches, tickets), taken=taken
    )


def _is_orphan(action: ActionEvent) -> bool:
    """Whether the action is a contact with a text but without a client and a query id."""
    return (
        action.action_name in CONTACTS
        and not action.query_id
        and not action.client_id
        and bool(action.attributes.get("text"))
    )


# --- daily counts -------------------------------------------------------------------


def _touched(store: EventStore, since: int) -> Iterator[int]:
    """Start times (ms) of the quarters of an hour whose days need a recount.

    These are those with searches or actions since ``since``, and of searches acted on since then.
    """
    queries, actions = schema.queries, schema.actions
    acted_on = select(actions.c.query_id).where(actions.c.at >= since)
    quarters = union(
        select(_quarter(queries)).where(queries.c.at >= since),
        select(_quarter(actions)).where(actions.c.at >= since),
        select(_quarter(queries)).where(queries.c.query_id.in_(acted_on)),
    )
    with store.engine.connect() as connection:
        for (value,) in connection.execute(quarters):
            yield int(value)


def _quarter(table: Table) -> ColumnElement[int]:
    return table.c.at - table.c.at % QUARTER


def _insert(connection: Connection, table: object, rows: Sequence[dict[str, object]]) -> None:
    for start in range(0, len(rows), ROWS):
        chunk = list(rows[start : start + ROWS])
        connection.execute(insert(table), chunk)  # type: ignore[arg-type]


# --- one run at a time --------------------------------------------------------------


@contextmanager
def _locked(store: EventStore) -> Iterator[Callable[[], None]]:
    """Hold the job lock; a stale lock is replaced. Yields what says that the run still lives.

    Raises JobAlreadyRunningError if another process holds the lock, or has taken it over.
    """
    table = schema.job_state
    owner = f"{socket.gethostname()} {os.getpid()} {uuid.uuid4()}"
    held = f"{_clock()} {owner}"
    try:
        with store.engine.begin() as connection:
            lock_value = connection.execute(
                select(table.c.value).where(table.c.name == "lock")
            ).scalar()
            if lock_value and _clock() - int(lock_value.split()[0]) > STALE_LOCK:
                connection.execute(
                    delete(table).where(table.c.name == "lock", table.c.value == lock_value)
                )
            connection.execute(insert(table).values(name="lock", value=held))
    except IntegrityError as error:
        raise JobAlreadyRunningError(ALREADY_RUNNING) from error

    def renew() -> None:
        nonlocal held
        mine = (table.c.name == "lock") & (table.c.value == held)
        held = f"{_clock()} {owner}"
        with store.engine.begin() as connection:
            if not connection.execute(update(table).where(mine).values(value=held)).rowcount:
                raise JobAlreadyRunningError(ALREADY_RUNNING)

    try:
        yield renew
    finally:
        with store.engine.begin() as connection:
            connection.execute(delete(table).where(table.c.name == "lock", table.c.value == held))


def _clock() -> int:
    return int(time.time() * 1000)


def _state(store: EventStore, name: str) -> int:
    with store.engine.connect() as connection:
        value = connection.execute(
            select(schema.job_state.c.value).where(schema.job_state.c.name == name)
        ).scalar()
    return int(value) if value else 0


def _remember(store: EventStore, name: str, value: int) -> None:
    with store.engine.begin() as connection:
        upsert(connection, schema.job_state, {"name": name, "value": str(value)})
