"""Slows wrong passwords down: the more failed, the longer the pause, and nobody is locked out.

Failures are counted three ways: by network, by account and network, and by account. A browser on
which the owner has signed in before shows a device cookie and is counted by itself, so that
others' failures do not slow the owner down (OWASP, "device cookies").
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, delete, select

from kb_app.db import schema
from kb_app.db.writing import inserting
from kb_app.durations import DAY, MINUTE, SECOND


@dataclass(frozen=True)
class Limit:
    """Failures without a pause, and the longest pause in ms; pauses double from one second."""

    name: str
    free: int
    longest: int

    def pause(self, failures: int) -> int:
        """The pause in ms after a number of failures."""
        over = failures - self.free
        return 0 if over < 0 else min(SECOND * 2 ** min(over, 20), self.longest)


BY_DEVICE = Limit("device", free=10, longest=MINUTE)
BY_NETWORK = Limit("network", free=20, longest=15 * MINUTE)
BY_ACCOUNT_AND_NETWORK = Limit("account and network", free=5, longest=5 * MINUTE)
BY_ACCOUNT = Limit("account", free=50, longest=MINUTE)


@dataclass(frozen=True)
class Attempt:
    """A sign-in: the address that was typed, the client's network, and its device, if known."""

    mail: str
    network: str
    device: str = ""

    @property
    def counters(self) -> Sequence[tuple[Limit, str]]:
        """(limit, key) of each way in which the failure is counted."""
        account = self.mail.strip().casefold()[:200]
        if self.device:
            return [(BY_DEVICE, _key("device", account, self.device))]
        return [
            (BY_NETWORK, _key("network", self.network)),
            (BY_ACCOUNT_AND_NETWORK, _key("both", account, self.network)),
            (BY_ACCOUNT, _key("account", account)),
        ]


class SignInThrottle:
    """Counts failed sign-ins in the database, for all web processes; forgets them after a day."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def wait(self, attempt: Attempt, now: int) -> int:
        """The ms until this attempt may be made; 0 for at once."""
        table, counters = schema.sign_in_failures, attempt.counters
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(table).where(table.c.key.in_([key for _, key in counters]))
            ).mappings()
            known = {str(row["key"]): (int(row["failures"]), int(row["at"])) for row in rows}
        waits = [
            known[key][1] + limit.pause(known[key][0]) - now
            for limit, key in counters
            if key in known
        ]
        return max(0, *waits) if waits else 0

    def failed(self, attempt: Attempt, now: int) -> None:
        """Count a failure."""
        table = schema.sign_in_failures
        with self._engine.begin() as connection:
            connection.execute(delete(table).where(table.c.at < now - DAY))
            for _, key in attempt.counters:
                counted = inserting(connection, table).values(key=key, failures=1, at=now)
                connection.execute(
                    counted.on_conflict_do_update(
                        index_elements=[table.c.key],
                        set_={"failures": table.c.failures + 1, "at": now},
                    )
                )

    def succeeded(self, attempt: Attempt) -> None:
        """Forget the failures of this account on this device or network."""
        table = schema.sign_in_failures
        own = (BY_DEVICE, BY_ACCOUNT_AND_NETWORK)
        keys = [key for limit, key in attempt.counters if limit in own]
        with self._engine.begin() as connection:
            connection.execute(delete(table).where(table.c.key.in_(keys)))


def _key(*parts: str) -> str:
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "ignore")).hexdigest()
