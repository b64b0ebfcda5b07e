"""Database URLs as operators write them."""

import pytest

from kb_app.db.engine import DatabaseError, open_database


@pytest.mark.parametrize(
    ("url", "host", "query"),
    [
        ("postgres://kb:s%40fe@db.example/kb", "db.example", {}),
        (
            "postgresql://kb:s%40fe@db1:5432,db2:5433/kb?target_session_attrs=read-write",
            None,
            {"host": ("db1:5432", "db2:5433"), "target_session_attrs": "read-write"},
        ),
        ("postgresql+psycopg://db1,db2/kb", None, {"host": ("db1", "db2")}),
    ],
)
def test_one_server_or_several(url: str, host: str | None, query: dict[str, object]) -> None:
    found = open_database(url).url
    assert (found.host, dict(found.query), found.database) == (host, query, "kb")
    assert found.password in (None, "s@fe")


@pytest.mark.parametrize("url", ["postgresql://db:port/kb"])
def test_what_is_no_url_is_refused_without_the_password(url: str) -> None:
    with pytest.raises(DatabaseError, match="KB_DATABASE_URL"):
        open_database(url)
