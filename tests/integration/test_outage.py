"""A database that is frozen or locked holds nobody for long, and comes back by itself."""

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from kb_app.db.engine import migrate, open_database
from kb_app.db.outage import REMEMBERED_S, Outage
from kb_app.support.notices import Notice, NoticeStore

NOW = 1_800_000_000_000


def seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def ask(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("select 1"))


def refused(engine: Engine) -> None:
    with pytest.raises(OperationalError):
        ask(engine)


def parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # it ended while the processes were listed
        return 0


@pytest.fixture
def send(postgres: str) -> Iterator[Callable[[int], None]]:
    """A function that sends a signal to all processes of the server; it goes on at the end."""
    engine = open_database(postgres)
    with engine.connect() as connection:
        backend = int(connection.execute(text("select pg_backend_pid()")).scalar_one())
        # While it runs: to process 0 a signal would go to this test's own group.
        server = parent_of(backend)
    engine.dispose()
    assert server > 1

    def to_all(sign: int) -> None:
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        for pid in [server, *(pid for pid in pids if _is_child(pid, server))]:
            os.kill(pid, sign)

    yield to_all
    to_all(signal.SIGCONT)


@pytest.fixture
def frozen(send: Callable[[int], None]) -> Callable[[], None]:
    return lambda: send(signal.SIGSTOP)


@pytest.fixture
def thawed(send: Callable[[int], None]) -> Callable[[], None]:
    return lambda: send(signal.SIGCONT)


def _is_child(pid: int, server: int) -> bool:
    try:
        return parent_of(pid) == server
    except OSError:
        return False


def test_a_frozen_server_holds_one_request_and_then_nobody(
    postgres: str, frozen: Callable[[], None]
) -> None:
    engine = open_database(postgres, answer_s=0.5)
    ask(engine)
    frozen()
    assert 0.4 < seconds(lambda: refused(engine)) < 2
    assert seconds(lambda: [refused(engine) for _ in range(200)]) < 0.5
    engine.dispose()


def test_a_server_that_comes_back_is_used_again(
    postgres: str, frozen: Callable[[], None], thawed: Callable[[], None]
) -> None:
    engine = open_database(postgres, answer_s=0.5)
    ask(engine)
    frozen()
    refused(engine)
    thawed()
    time.sleep(REMEMBERED_S + 0.2)
    ask(engine)
    engine.dispose()


def test_a_slow_statement_of_a_server_that_works_is_no_outage(postgres: str) -> None:
    engine = open_database(postgres, answer_s=0.5)
    with engine.connect() as connection, pytest.raises(OperationalError):
        connection.execute(text("select pg_sleep(5)"))
    assert seconds(lambda: ask(engine)) < 0.5
    engine.dispose()


def test_an_idle_connection_that_was_closed_is_replaced_at_once(postgres: str) -> None:
    engine, other = open_database(postgres, answer_s=0.5), open_database(postgres)
    with engine.connect() as connection:
        pid = connection.execute(text("select pg_backend_pid()")).scalar_one()
    with other.connect() as connection:
        connection.execute(text(f"select pg_terminate_backend({pid})"))
    assert seconds(lambda: ask(engine)) < 0.5
    engine.dispose()
    other.dispose()


def test_a_server_that_is_not_there_is_asked_once_in_a_while() -> None:
    engine = open_database("postgresql://nobody@127.0.0.1:9/none", answer_s=0.5)
    refused(engine)
    assert seconds(lambda: [refused(engine) for _ in range(200)]) < 0.5


def test_a_job_may_take_longer(postgres: str) -> None:
    engine = open_database(postgres)
    with engine.connect() as connection:
        connection.execute(text("select pg_sleep(1)"))
    engine.dispose()


def test_after_an_outage_one_request_tries_while_the_others_are_refused() -> None:
    outage = Outage(seconds=0.1)
    outage.failed()
    with pytest.raises(OperationalError):
        outage.check()
    time.sleep(0.15)
    outage.check()
    with ThreadPoolExecutor(1) as others, pytest.raises(OperationalError):
        others.submit(outage.check).result()
    outage.worked()
    with ThreadPoolExecutor(1) as others:
        others.submit(outage.check).result()


def test_a_locked_file_holds_a_request_no_longer_than_its_bound(tmp_path: Path) -> None:
    file = tmp_path / "kb.sqlite"
    engine = open_database(f"sqlite:///{file}", answer_s=0.3)
    migrate(engine)
    other = sqlite3.connect(file)
    other.execute("begin exclusive")

    def write() -> None:
        with pytest.raises(OperationalError), engine.begin() as connection:
            connection.execute(text("delete from audit"))

    assert seconds(write) < 1.5
    other.rollback()
    other.close()


def test_notices_stay_on_the_pages_while_the_database_is_down(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'kb.sqlite'}", answer_s=0.1)
    migrate(engine)
    store = NoticeStore(engine)
    notice = Notice("n", {"ja": "障害"}, {"ja": "調べています"}, NOW, None, (), (), (), by="x")
    store.add(notice)
    assert [one.notice_id for one in store.active(NOW)] == ["n"]
    with engine.begin() as connection:
        connection.execute(text("alter table notices rename to gone"))
    assert [one.notice_id for one in store.active(NOW + 3_600_000)] == ["n"]
