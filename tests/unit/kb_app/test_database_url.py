"""Database URLs as operators write them."""

import pytest
from sqlalchemy import make_url

from kb_app.db.engine import DatabaseError, _servers, open_database


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("postgres://kb:s%40fe@db.example/kb", {}),
        (
            "postgresql://kb:s%40fe@db1:5432,db2:5433/kb?target_session_attrs=read-write",
            {"host": "db1,db2", "port": "5432,5433"},
        ),
        ("postgresql+psycopg://db1,db2/kb", {"host": "db1,db2", "port": "5432,5432"}),
        (
            "postgresql://kb:s%40fe@[::1],[fd00::2]:5433/kb",
            {"host": "::1,fd00::2", "port": "5432,5433"},
        ),
        ("postgresql://kb:a,b@db/kb", {}),
    ],
)
def test_one_server_or_several(url: str, servers: dict[str, str]) -> None:
    address, found = _servers(url)
    assert found == servers and make_url(address).database == "kb"
    assert make_url(address).password in (None, "s@fe", "a,b")
    open_database(url)


@pytest.mark.parametrize(
    "url", ["postgresql://db:port/kb", "postgresql://a,b:x/kb", "postgresql://kb:se,c/ret@h:x/db"]
)
def test_what_is_no_url_is_refused_without_the_password(url: str) -> None:
    with pytest.raises(DatabaseError, match="KB_DATABASE_URL") as refused:
        open_database(url)
    assert "ret" not in str(refused.value)
