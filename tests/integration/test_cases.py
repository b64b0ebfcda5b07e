"""Cases, outbox and notices over SQLite and PostgreSQL, and the help address's mailbox over a real IMAP server."""

import imaplib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, func, select

from kb_app.db import schema
from kb_app.durations import DAY, HOUR
from kb_app.support.attachments import Uploads
from kb_app.support.case_store import Filter
from kb_app.support.config.file import parse_support
from kb_app.support.delivery.outbox import Outbox, TransientDeliveryError
from kb_app.support.inbound.imap import fetch
from kb_app.support.inbound.mail_to_case import MailAnswer, MailIntake
from kb_app.support.model import Attachment, Delivery, NewCase
from kb_app.support.notices import Notice, NoticeStore
from tests.fake_desks import free_port
from tests.unit.kb_app.casework import NOW, SupportFixture, house
from tests.unit.kb_app.test_email_parser import mail

AWAY = (
    "desks: {away: {type: webhook, url: 'http://127.0.0.1:9'}}\nroutes: [{kind: problem, to: away}]"
)


@pytest.fixture
def desk(engine: Engine) -> SupportFixture:
    return house(engine, parse_support("support.yml", AWAY, ZoneInfo("UTC")), mails=True)


def count(engine: Engine, table) -> int:  # type: ignore[no-untyped-def]
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def test_a_hundred_people_send_at_once_each_twice(desk: SupportFixture) -> None:
    def send(number: int) -> None:
        for _ in range(2):
            desk.workflow.open(
                NewCase(f"form-{number}", "problem", f"件 {number}", mail="a@example.com"), NOW
            )

    threads = [threading.Thread(target=send, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (
        count(desk.engine, schema.cases) == 100
        and count(desk.engine, schema.outbox) == 200
        and len(desk.log.told) == 100
    )


def test_a_case_and_what_is_to_be_sent_of_it_are_written_together_or_not_at_all(
    desk: SupportFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_args: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(desk.workflow.sending, "hand_over", crash)
    with pytest.raises(RuntimeError):
        desk.workflow.open(NewCase("form", "problem", "件"), NOW)
    assert count(desk.engine, schema.cases) == count(desk.engine, schema.outbox) == 0
    monkeypatch.undo()
    desk.workflow.open(NewCase("form", "problem", "件"), NOW)
    assert count(desk.engine, schema.cases) == count(desk.engine, schema.outbox) == 1


def test_a_life_of_a_case_reads_the_same_on_both(desk: SupportFixture) -> None:
    case = desk.workflow.open(
        NewCase(
            "form",
            "question",
            "返品したい",
            "花子",
            "hanako@example.com",
            "ja",
            trail=({"id": "1", "text": "返品", "kind": "search", "at": 1},),
        ),
        NOW,
    )
    desk.workflow.reply(case, "佐藤", "s@example.com", "はい。", NOW + HOUR)
    desk.workflow.solve(desk.again(case), "佐藤", NOW + 2 * HOUR)
    desk.workflow.run_due(NOW + 2 * DAY)
    desk.workflow.answer(desk.again(case), False, NOW + 3 * DAY)
    desk.workflow.escalate(desk.again(case), NOW + 3 * DAY)
    now = desk.again(case)
    assert (now.state, now.step, now.owner, now.trail[0]["text"]) == (
        "open",
        "supervisor",
        "s@example.com",
        "返品",
    )
    assert (
        desk.workflow.cases.inbox(Filter(words="ﾊｲ。 はい"), NOW).total == 0
        and desk.workflow.cases.inbox(Filter(words="はい"), NOW).total == 1
    )


class Silent:
    """A sink that never answers."""

    def deliver(self, _delivery: Delivery) -> str:
        raise TransientDeliveryError("no answer")


def test_pauses_grow_and_after_days_a_person_is_asked(desk: SupportFixture) -> None:
    box = Outbox(desk.engine, lambda _name: Silent())
    desk.workflow.open(NewCase("form", "problem", "件"), NOW)
    now, waits = NOW, []
    while box.counts().get("dead", 0) == 0:
        before = now
        while (
            box.run(now) == box.run(now)
            and not box.counts().get("dead")
            and box.listed(("waiting",))[0].next_at <= now
        ):
            now += 1
        if box.listed(("waiting",)):
            now = box.listed(("waiting",))[0].next_at
            waits.append(now - before)
    assert waits[1] > waits[0] and max(waits) < 2.3 * HOUR and now - NOW > 5 * DAY


def test_a_delivery_left_by_a_process_that_died_is_taken_up_as_doubtful(
    desk: SupportFixture,
) -> None:
    box = Outbox(desk.engine, lambda _name: None)
    desk.workflow.open(NewCase("form", "problem", "件"), NOW)
    (taken,) = box._take(NOW)
    assert not taken.doubtful and box._take(NOW) == []
    (again,) = box._take(NOW + HOUR)
    assert again.doubtful and again.delivery_id == taken.delivery_id


def test_old_cases_go_with_all_that_was_said_and_their_files(desk: SupportFixture) -> None:
    kept, old = (
        desk.workflow.open(NewCase(name, "question", name), NOW) for name in ("kept", "old")
    )
    desk.workflow.cases.add_attachment(
        Attachment("a1", "old", old.case_id, "x.png", "image/png", 1, NOW)
    )
    desk.workflow.customer_says(old, "つけたし", NOW)
    desk.workflow.solve(desk.again(old), "佐藤", NOW)
    assert [file.name for file in desk.workflow.cases.purge(NOW + DAY)] == ["x.png"]
    assert (
        desk.workflow.cases.case(old.case_id) is None
        and desk.workflow.cases.case(kept.case_id)
        and count(desk.engine, schema.case_messages) == 0
    )


def test_notices_read_the_same_on_both(engine: Engine) -> None:
    notice = Notice(
        "n",
        {"ja": "遅れ"},
        {"ja": "雪"},
        NOW,
        NOW + DAY,
        ("ja",),
        ("delivery",),
        ("荷物", "遅い"),
        by="lead@example.com",
    )
    NoticeStore(engine).add(notice)
    assert NoticeStore(engine).active(NOW) == [notice] == NoticeStore(engine).all()


# --- IMAP ----------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def mailbox() -> Iterator[str]:
    """The address of a mailbox at a real IMAP server, started for the test."""
    port = free_port()
    command = [
        str(Path(sys.executable).parent / "pymap"),
        "--no-tls",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "dict",
        "--demo-user",
        "help@example.com",
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        try:
            with imaplib.IMAP4("127.0.0.1", port):
                break
        except OSError:
            time.sleep(0.1)
    yield f"imap://help%40example.com:demopass@127.0.0.1:{port}/INBOX"
    server.kill()
    server.wait()


def put(url: str, raw: bytes) -> None:
    with imaplib.IMAP4("127.0.0.1", int(url.rpartition(":")[2].split("/")[0])) as box:
        box.login("help@example.com", "demopass")
        box.append("INBOX", None, None, raw)  # type: ignore[arg-type]


def test_mails_of_a_mailbox_become_cases_and_one_that_could_not_be_kept_is_fetched_again(
    mailbox: str, tmp_path: Path
) -> None:
    from kb_app.db.engine import migrate, open_database

    engine = open_database(f"sqlite:///{tmp_path}/kb.sqlite")
    migrate(engine)
    desk = house(engine)
    inbox = MailIntake(
        desk.workflow,
        Uploads(tmp_path / "uploads"),
        lambda _subject, _text: MailAnswer(language="ja"),
        [],
    )
    put(mailbox, mail("返品したい"))
    put(mailbox, mail("電気がつかない"))

    def fails(_raw: bytes) -> str:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fetch(mailbox, fails)
    assert (
        fetch(mailbox, lambda raw: inbox.take(raw, NOW)) == 2
        and fetch(mailbox, lambda raw: inbox.take(raw, NOW)) == 0
    )
    assert sorted(case.subject for case in desk.workflow.cases.inbox(Filter(), NOW).cases) == [
        "返品したい",
        "電気がつかない",
    ]
    engine.dispose()


def test_a_mailbox_with_a_wrong_password_is_an_error(mailbox: str) -> None:
    with pytest.raises(imaplib.IMAP4.error):
        fetch(mailbox.replace("demopass", "wrong"), lambda _raw: "")
