"""Opens the database and migrates its schema."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import time
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, inspect
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from kb_app import metrics, traces
from kb_app.db.outage import Outage, pool_with, watch_answers

log = logging.getLogger("kb_app.db")
MIGRATIONS = Path(__file__).parent / "migrations"
# The newest revision in MIGRATIONS.
HEAD = "0013"
# Time to connect to PostgreSQL, and time a write of a job waits for SQLite's lock.
CONNECT_S, BUSY_S = 2, 10.0
_POSTGRES = re.compile(r"\Apostgres(?:ql)?(?:\+psycopg)?://(?P<rest>.*)\Z", re.DOTALL)
# The account ends at the last @ of what is before the path.
_SEVERAL = re.compile(
    r"\A(?P<account>postgresql\+psycopg://(?:[^/?]*@)?)(?P<servers>[^/?@]*,[^/?@]*)"
    r"(?P<path>/?[^@]*)\Z"
)
_SERVER = re.compile(r"\A(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::(?P<port>[0-9]{1,5}))?\Z")
# Key of the PostgreSQL advisory lock for migrations: an arbitrary unique number.
_UPGRADING = 0x6B625F6462


class DatabaseError(Exception):
    """The database is not usable; the message says why and what to do."""


def open_database(url: str, answer_s: float | None = None) -> Engine:
    """Create an engine for an SQLAlchemy URL; it connects at first use.

    ``answer_s`` bounds each statement; for SQLite, where only locks can block, the wait for one.
    None is for jobs: no bound, and BUSY_S. Raises DatabaseError for an invalid URL.
    """
    outage = Outage()
    try:
        address, servers = _servers(url)
        engine = create_engine(
            address,
            hide_parameters=True,
            **(
                {"connect_args": {"check_same_thread": False}}
                if url.startswith("sqlite")
                else {
                    "poolclass": pool_with(outage),
                    "pool_pre_ping": True,
                    "connect_args": _postgres_arguments(answer_s) | servers,
                }
            ),
        )
    except (ArgumentError, SQLAlchemyError, ImportError, ValueError) as error:
        raise DatabaseError(
            f"KB_DATABASE_URL={_hidden(url)} cannot be used ({type(error).__name__}). "
            "Write sqlite:///path or postgresql://..."
        ) from error
    if engine.dialect.name == "sqlite":
        if engine.url.database and engine.url.database != ":memory:":
            _make_private(Path(engine.url.database))
        event.listen(engine, "connect", partial(_prepare_sqlite, answer_s or BUSY_S))
    else:
        watch_answers(engine, outage, answer_s)
    _time_statements(engine)
    return engine


def _time_statements(engine: Engine) -> None:
    @event.listens_for(engine, "before_cursor_execute")
    def begin(_connection: object, _cursor: object, *rest: Any) -> None:
        rest[2]._kb_started = time.perf_counter()

    @event.listens_for(engine, "after_cursor_execute")
    def end(_connection: object, _cursor: object, statement: str, *rest: Any) -> None:
        seconds = time.perf_counter() - getattr(rest[1], "_kb_started", time.perf_counter())
        metrics.database_seconds.observe(seconds)
        traces.note("database", seconds, **{"db.statement": statement[:1000]})

    @event.listens_for(engine, "handle_error")
    def failed(_context: object) -> None:
        metrics.database_errors.inc()


def _make_private(file: Path) -> None:
    """Let only the owner read the database; SQLite gives its other files the same permissions."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):  # a read-only folder is told at the first use
        file.touch(mode=0o600)
        file.chmod(0o600)


def migrate(engine: Engine) -> None:
    """Migrate the schema to HEAD.

    Raises DatabaseError if the database is newer, damaged or unreachable.
    """
    try:
        if _version(engine) == HEAD:
            return
        _upgrade(engine)
    except SQLAlchemyError as error:
        raise DatabaseError(
            f"The database {_hidden(str(engine.url))} cannot be used: {_reason(error)}. "
            f"{_what_to_do(engine)}"
        ) from error


def _what_to_do(engine: Engine) -> str:
    file = Path(engine.url.database or "") if engine.dialect.name == "sqlite" else None
    for place in (file, file.parent) if file else ():
        if place.exists() and not os.access(place, os.W_OK):
            return f"{place} is not writable by this account. Give it the right to write there."
    return "Check KB_DATABASE_URL and KB_DATA."


def _upgrade(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    try:
        with engine.begin() as connection:
            # Only one of several starting processes migrates; the others wait.
            connection.exec_driver_sql(
                "begin immediate"
                if engine.dialect.name == "sqlite"
                else f"select pg_advisory_xact_lock({_UPGRADING})"
            )
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise DatabaseError(
            "The database is of a newer version of this program. "
            "Update the program, or restore a backup: kb restore."
        ) from error


def _version(engine: Engine) -> str | None:
    """The current revision of the schema; None for an empty database."""
    from sqlalchemy import text

    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("select version_num from alembic_version")).scalar()


def _with_driver(url: str) -> str:
    match = _POSTGRES.match(url)
    return f"postgresql+psycopg://{match['rest']}" if match else url


def _servers(url: str) -> tuple[str, dict[str, str]]:
    """A URL with one server at most, and several ones as libpq takes them beside it."""
    match = _SEVERAL.match(_with_driver(url))
    if match is None:
        return _with_driver(url), {}
    servers = [_SERVER.match(each) for each in match["servers"].split(",")]
    if not all(servers):
        raise ValueError("a server is host, host:port or [address]:port")
    hosts = ",".join(each["host"].strip("[]") for each in servers if each)
    ports = ",".join(each["port"] or "5432" for each in servers if each)
    return f"{match['account']}{match['path']}", {"host": hosts, "port": ports}


def _postgres_arguments(answer_s: float | None) -> dict[str, Any]:
    """libpq's options: who is gone is noticed by the other, and nobody works on for nobody."""
    silent_s = round(answer_s or 60)
    interval_s = max(1, silent_s // 3)
    # The server must notice a client that is gone too: it frees that client's locks then.
    of_server = {
        "tcp_keepalives_idle": silent_s,
        "tcp_keepalives_interval": interval_s,
        "tcp_keepalives_count": 3,
        "tcp_user_timeout": 3 * silent_s * 1000,
    }
    if answer_s:
        of_server["statement_timeout"] = round(answer_s * 1000)
    return {
        "options": " ".join(f"-c {name}={value}" for name, value in of_server.items()),
        "connect_timeout": CONNECT_S,
        "tcp_user_timeout": silent_s * 1000,
        "keepalives_idle": silent_s,
        "keepalives_interval": interval_s,
        "keepalives_count": 3,
    }


def _prepare_sqlite(busy_s: float, connection: Any, _record: object) -> None:
    """Allow reads during a write; only a power failure can lose the last commits."""
    for pragma in (
        "journal_mode=wal",
        "synchronous=normal",
        "foreign_keys=on",
        # What is erased is overwritten, not only taken out of the tables.
        "secure_delete=on",
        f"busy_timeout={round(busy_s * 1000)}",
    ):
        connection.execute(f"pragma {pragma}")


def _hidden(url: str) -> str:
    """The URL with its password masked."""
    from sqlalchemy import make_url

    try:
        found = make_url(_servers(url)[0])
        # A password with a sign that must be written as %40 is not shown in parts.
        return "(hidden)" if "@" in (found.host or "") else found.render_as_string()
    except (SQLAlchemyError, ValueError):
        return "(hidden)"


def _reason(error: SQLAlchemyError) -> str:
    first = str(getattr(error, "orig", None) or error).strip().splitlines()
    return first[0][:200] if first else type(error).__name__
