"""The outbox: a persistent queue of mails and ticket-system requests, ordered by case and sink.

Deliveries are written in the same transaction as the case, so a crash loses nothing. Transient
errors are retried with exponential backoff. Permanent errors are listed for an agent, and later
deliveries of the same case and sink wait behind them.
"""

from __future__ import annotations

import logging
import random
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from sqlalchemy import Connection, Engine, delete, func, select, update

from kb_app.db import schema
from kb_app.db.writing import insert_once
from kb_app.durations import HOUR, MINUTE
from kb_app.support.model import Delivery

log = logging.getLogger("kb_app.workflow")
WAITING, SENDING, DONE, DEAD, DROPPED = "waiting", "sending", "done", "dead", "dropped"
# Exponential backoff; after GIVE_UP an agent must decide.
FIRST_PAUSE, LONGEST_PAUSE, GIVE_UP = MINUTE, 2 * HOUR, 5 * 24 * HOUR
# A delivery taken by a process that died is free again after this time.
LEASE = 5 * MINUTE
WORKERS = 4
# Small enough that every delivery of a batch is sent before its lease ends.
BATCH = 2 * WORKERS


# The action of what is said in a conversation.
MESSAGE = "message"


class PermanentDeliveryError(Exception):
    """The receiver rejects the delivery; a retry is useless and an agent must decide.

    ``status`` is that of the HTTP response; 0 where there was none.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class TransientDeliveryError(Exception):
    """The delivery failed for now.

    ``after_ms`` is the wait that the receiver asked for, in ms. ``doubtful`` means that it may have
    accepted the delivery.
    """

    def __init__(self, message: str, after_ms: int = 0, doubtful: bool = False) -> None:
        super().__init__(message)
        self.after_ms = after_ms
        self.doubtful = doubtful


class Sink(Protocol):
    """A destination of deliveries."""

    def deliver(self, delivery: Delivery) -> str:
        """Send a delivery; returns the external id, "" if there is none.

        Raises PermanentDeliveryError or TransientDeliveryError.
        """
        ...


@dataclass(frozen=True)
class Round:
    """The results of one round: numbers of deliveries done, to retry, and dead."""

    done: int = 0
    again: int = 0
    dead: int = 0

    def __add__(self, other: Round) -> Round:
        return Round(self.done + other.done, self.again + other.again, self.dead + other.dead)


@dataclass(frozen=True)
class Queue:
    """Deliveries that wait, those that need an agent, and the age of the one that waits longest."""

    waiting: int
    dead: int
    oldest_s: float


def enqueue(
    connection: Connection,
    case_id: str,
    sink: str,
    action: str,
    key: str,
    payload: Mapping[str, Any],
    at: int,
) -> bool:
    """Queue a delivery; returns False if its ``key`` is queued already."""
    row = {
        "delivery_id": str(uuid.uuid4()),
        "case_id": case_id,
        "sink": sink,
        "action": action,
        "key": key[:64],
        "payload": orjson.dumps(dict(payload)).decode(),
        "state": WAITING,
        "created_at": at,
        "next_at": at,
    }
    return insert_once(connection, schema.outbox, row)


def handed_over(connection: Connection, case_id: str, sink: str) -> bool:
    """Whether a ticket system was sent a case, or the delivery is queued."""
    table = schema.outbox
    given = (
        (table.c.case_id == case_id)
        & (table.c.sink == sink)
        & (table.c.action == "create")
        & (table.c.state != DROPPED)
    )
    return connection.execute(select(table.c.number).where(given)).first() is not None


def drop_waiting(connection: Connection, case_id: str, sink: str) -> None:
    """Drop the unsent deliveries of a case to a ticket system: the case was transferred."""
    table = schema.outbox
    gone = (
        (table.c.case_id == case_id) & (table.c.sink == sink) & table.c.state.in_([WAITING, DEAD])
    )
    connection.execute(update(table).where(gone).values(state=DROPPED))


def pause(attempts: int, chance: Callable[[], float] = random.random) -> int:
    """The wait before the next attempt in ms: exponential backoff with jitter."""
    full = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempts - 1, 20))
    return int(full * (0.9 + 0.2 * chance()))


class Outbox:
    """Sends due deliveries; safe with several threads and processes."""

    def __init__(
        self,
        engine: Engine,
        sink_of: Callable[[str], Sink | None],
        on_done: Callable[[Delivery, str], None] = lambda _d, _n: None,
    ) -> None:
        self._engine = engine
        self._sink_of = sink_of
        self._on_done = on_done

    def queue(self, now: int) -> Queue:
        """How many deliveries wait; ``now`` is in ms."""
        table = schema.outbox
        wait = table.c.state.in_([WAITING, SENDING])
        with self._engine.connect() as connection:
            waiting, oldest = connection.execute(
                select(func.count(), func.min(table.c.created_at)).where(wait)
            ).one()
            dead = connection.execute(
                select(func.count()).select_from(table).where(table.c.state == DEAD)
            ).scalar()
        return Queue(int(waiting), int(dead or 0), (now - int(oldest)) / 1000 if oldest else 0.0)

    def run(self, now: int) -> Round:
        """Send deliveries until none is due; returns the results."""
        total, started = Round(), time.monotonic()
        while True:
            at = now + int((time.monotonic() - started) * 1000)
            due = self._take(at)
            if not due:
                return total
            with ThreadPoolExecutor(WORKERS) as workers:
                total = sum(
                    workers.map(lambda delivery, at=at: self._send(delivery, at), due), total
                )

    def _take(self, now: int) -> list[Delivery]:
        """Lease the next due delivery of each case and sink, at most BATCH."""
        table = schema.outbox
        # A message that a messenger refused does not hold up the next one.
        holds = (table.c.state == DEAD) & (table.c.action != MESSAGE)
        first = (
            select(func.min(table.c.number).label("number"))
            .where(table.c.state.in_([WAITING, SENDING]) | holds)
            .group_by(table.c.case_id, table.c.sink)
            .subquery()
        )
        mine = str(uuid.uuid4())
        free = table.c.state.in_([WAITING, SENDING]) & (table.c.next_at <= now)
        with self._engine.begin() as connection:
            numbers = [
                number
                for (number,) in connection.execute(
                    select(table.c.number)
                    .join(first, first.c.number == table.c.number)
                    .where(free)
                    .limit(BATCH)
                )
            ]
            taken = []
            for number in numbers:
                # A delivery left in SENDING by a process that died may have arrived.
                left = table.c.doubtful | (table.c.state == SENDING)
                changed = connection.execute(
                    update(table)
                    .where(table.c.number == number, free)
                    .values(state=SENDING, next_at=now + LEASE, error=mine, doubtful=left)
                )
                if changed.rowcount:
                    taken.append(number)
            rows = connection.execute(
                select(table)
                .where(table.c.number.in_(taken), table.c.error == mine)
                .order_by(table.c.number)
            ).mappings()
            return [to_delivery(row) for row in rows]

    def _send(self, delivery: Delivery, now: int) -> Round:
        try:
            sink = self._sink_of(delivery.sink)
            if sink is None:
                raise PermanentDeliveryError(
                    f"The ticket system {delivery.sink} is no longer in support.yml: "
                    "add it under desks."
                )
            name = sink.deliver(delivery)
        except PermanentDeliveryError as error:
            return self._end(delivery, DEAD, str(error), now)
        except TransientDeliveryError as error:
            return self._again(delivery, str(error), now, error.after_ms, error.doubtful)
        except Exception as error:  # a bug must not lose the delivery
            log.error("delivery to %s failed (%s)", delivery.sink, type(error).__name__)
            return self._again(delivery, f"{type(error).__name__}", now, 0, True)
        self._on_done(delivery, name)
        return self._end(delivery, DONE, "", now)

    def _again(
        self, delivery: Delivery, reason: str, now: int, after_ms: int, doubtful: bool
    ) -> Round:
        if delivery.attempts and now - delivery.created_at > GIVE_UP:
            return self._end(
                delivery, DEAD, f"Given up after {delivery.attempts + 1} attempts: {reason}", now
            )
        attempts = delivery.attempts + 1
        wait = max(after_ms, pause(attempts))
        log.warning("delivery to %s failed, attempt %d", delivery.sink, attempts)
        begun = {} if delivery.attempts else {"created_at": now}
        self._set(
            delivery,
            **begun,
            state=WAITING,
            attempts=attempts,
            next_at=now + wait,
            error=reason[:500],
            doubtful=delivery.doubtful or doubtful,
        )
        return Round(again=1)

    def _end(self, delivery: Delivery, state: str, reason: str, now: int) -> Round:
        if state == DEAD:
            log.error("delivery to %s given up: see /desk/outbox", delivery.sink)
        self._set(
            delivery, state=state, attempts=delivery.attempts + 1, next_at=now, error=reason[:500]
        )
        return Round(done=state == DONE, dead=state == DEAD)

    def _set(self, delivery: Delivery, **values: Any) -> None:
        table = schema.outbox
        # If the lease expired and another process took the delivery, its result counts.
        mine = (
            (table.c.delivery_id == delivery.delivery_id)
            & (table.c.state == SENDING)
            & (table.c.error == delivery.error)
        )
        with self._engine.begin() as connection:
            connection.execute(update(table).where(mine).values(**values))

    def forget(self, before: int) -> int:
        """Delete deliveries done or dropped before a time; returns how many."""
        table = schema.outbox
        with self._engine.begin() as connection:
            return int(
                connection.execute(
                    delete(table).where(
                        table.c.state.in_([DONE, DROPPED]), table.c.next_at < before
                    )
                ).rowcount
            )

    # --- failed deliveries -----------------------------------------------------------------------

    def listed(
        self, states: tuple[str, ...] = (DEAD, WAITING, SENDING), limit: int = 200
    ) -> list[Delivery]:
        """Deliveries in the given states, dead ones first."""
        table = schema.outbox
        query = (
            select(table)
            .where(table.c.state.in_(states))
            .order_by(table.c.state != DEAD, table.c.number)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return [to_delivery(row) for row in connection.execute(query).mappings()]

    def counts(self) -> dict[str, int]:
        """The number of deliveries by state."""
        table = schema.outbox
        with self._engine.connect() as connection:
            return {
                str(state): int(count)
                for state, count in connection.execute(
                    select(table.c.state, func.count()).group_by(table.c.state)
                )
            }

    def retry(self, delivery_id: str, now: int) -> bool:
        """Restart a dead delivery; returns False if it is not dead."""
        return self._decide(
            delivery_id, state=WAITING, attempts=0, next_at=now, created_at=now, doubtful=True
        )

    def drop(self, delivery_id: str) -> bool:
        """Drop a dead delivery, which unblocks those behind it; returns False if it is not dead."""
        return self._decide(delivery_id, state=DROPPED)

    def _decide(self, delivery_id: str, **values: Any) -> bool:
        table = schema.outbox
        with self._engine.begin() as connection:
            return bool(
                connection.execute(
                    update(table)
                    .where(table.c.delivery_id == delivery_id, table.c.state == DEAD)
                    .values(**values)
                ).rowcount
            )


def to_delivery(row: Any) -> Delivery:
    """Convert a database row to a Delivery."""
    values = {name: value for name, value in row.items() if name != "number"}
    return Delivery(**values | {"payload": orjson.loads(values["payload"])})
