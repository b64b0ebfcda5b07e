"""Which node does what must be done once: the one that holds a lock in the shared database.

PostgreSQL frees the lock when the connection of its holder ends, so a node that dies or loses the
database stops leading without a word from it. A database in a file belongs to one node.
"""

from __future__ import annotations

import logging
from contextlib import suppress

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from kb_app.db.engine import open_database

log = logging.getLogger("kb_app.db.leadership")
# Key of the PostgreSQL advisory lock: an arbitrary unique number.
_LEADING = 0x6B625F6C6431
# A server that does not answer in this time has lost this node.
ANSWER_S = 5.0


class Leadership:
    """Whether this node leads. One thread checks; others read ``leads``."""

    def __init__(self, url: str) -> None:
        is_shared = not url.startswith("sqlite")
        self._engine = open_database(url, ANSWER_S) if is_shared else None
        self._connection: Connection | None = None
        self.leads = not is_shared

    def check(self) -> bool:
        """Keep the lock, or try to get it; returns whether this node leads now."""
        if self._engine is None:
            return True
        before = self.leads
        try:
            self.leads = self._holds() or self._gets()
        except SQLAlchemyError as error:
            self._let_go()
            log.debug("the lock cannot be had: %s", type(error).__name__)
        except Exception:  # who cannot tell whether it leads must not
            self._let_go()
            log.exception("whether this node leads cannot be told")
        if self.leads != before:
            log.info("this node leads now" if self.leads else "this node no longer leads")
        return self.leads

    def close(self) -> None:
        """Give the lock back, so that another node leads at once."""
        if self._connection is not None:
            # The server notices the end of a connection a moment later.
            with suppress(Exception):
                self._connection.execute(text("select pg_advisory_unlock(:key)"), {"key": _LEADING})
        self._let_go()
        if self._engine is not None:
            self._engine.dispose()

    def _holds(self) -> bool:
        if self._connection is None:
            return False
        try:
            self._connection.execute(text("select 1"))
        except SQLAlchemyError:
            self._let_go()
            return False
        return True

    def _gets(self) -> bool:
        if self._engine is None:
            return False
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        taken = connection.execute(text("select pg_try_advisory_lock(:key)"), {"key": _LEADING})
        if not taken.scalar():
            connection.close()
            return False
        self._connection = connection
        return True

    def _let_go(self) -> None:
        self.leads = self._engine is None
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(Exception):
                # Closed for real: a pooled connection would keep the lock.
                connection.invalidate()
                connection.close()
