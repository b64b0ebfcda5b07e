"""Cases, outbox and notices on SQLite and PostgreSQL; the mailbox on a real IMAP server."""

import imaplib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, func, select

from kb_app.db import schema
from kb_app.durations import DAY, HOUR
from kb_app.support.attachments import Uploads
from kb_app.support.case_store import Filter
from kb_app.support.config.file import parse_support
from kb_app.support.delivery.outbox import Outbox, TransientDeliveryError
from kb_app.support.inbound.imap import Mailbox, MailboxError, modified_utf7
from kb_app.support.inbound.mail_to_case import MailAnswer, MailIntake
from kb_app.support.model import Attachment, Delivery, NewCase
from kb_app.support.notices import Notice, NoticeStore
from tests.fake_desks import free_port
from tests.integration.kb_app.casework import NOW, SupportFixture, support_fixture
from tests.integration.kb_app.test_email_parser import mail

AWAY = (
    "desks: {away: {type: webhook, url: 'http://127.0.0.1:9'}}\nroutes: [{kind: problem, to: away}]"
)


@pytest.fixture
def support(engine: Engine) -> SupportFixture:
    return support_fixture(engine, parse_support("support.yml", AWAY, ZoneInfo("UTC")), mails=True)


def count(engine: Engine, table) -> int:  # type: ignore[no-untyped-def]
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def test_100_people_send_concurrently_each_twice(support: SupportFixture) -> None:
    def send(number: int) -> None:
        for _ in range(2):
            mail = f"a{number}@example.com"
            new = NewCase(f"form-{number}", "problem", f"件 {number}", mail=mail)
            support.workflow.open(new, NOW)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (
        count(support.engine, schema.cases) == 100
        and count(support.engine, schema.outbox) == 200
        and len(support.log.told) == 100
    )


def test_a_case_and_its_outbox_entries_are_written_atomically(
    support: SupportFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_args: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(support.workflow.sending, "hand_over", crash)
    with pytest.raises(RuntimeError):
        support.workflow.open(NewCase("form", "problem", "件"), NOW)
    assert count(support.engine, schema.cases) == count(support.engine, schema.outbox) == 0
    monkeypatch.undo()
    support.workflow.open(NewCase("form", "problem", "件"), NOW)
    assert count(support.engine, schema.cases) == count(support.engine, schema.outbox) == 1


def test_the_lifecycle_of_a_case_is_the_same_on_both_databases(support: SupportFixture) -> None:
    case = support.workflow.open(
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
    support.workflow.reply(case, "佐藤", "s@example.com", "はい。", NOW + HOUR)
    support.workflow.solve(support.again(case), "佐藤", NOW + 2 * HOUR)
    support.workflow.run_due(NOW + 2 * DAY)
    support.workflow.answer(support.again(case), False, NOW + 3 * DAY)
    support.workflow.escalate(support.again(case), NOW + 3 * DAY)
    now = support.again(case)
    assert (now.state, now.step, now.owner, now.trail[0]["text"]) == (
        "open",
        "supervisor",
        "s@example.com",
        "返品",
    )
    assert (
        support.workflow.cases.inbox(Filter(words="ﾊｲ。 はい"), NOW).total == 0
        and support.workflow.cases.inbox(Filter(words="はい"), NOW).total == 1
    )


class Silent:
    """A sink that never answers."""

    def deliver(self, _delivery: Delivery) -> str:
        raise TransientDeliveryError("no answer")


def test_retry_pauses_grow_and_after_days_a_person_is_needed(support: SupportFixture) -> None:
    box = Outbox(support.engine, lambda _name: Silent())
    support.workflow.open(NewCase("form", "problem", "件"), NOW)
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


def test_a_delivery_of_a_dead_process_is_retried_as_doubtful(
    support: SupportFixture,
) -> None:
    box = Outbox(support.engine, lambda _name: None)
    support.workflow.open(NewCase("form", "problem", "件"), NOW)
    (taken,) = box._take(NOW)
    assert not taken.doubtful and box._take(NOW) == []
    (again,) = box._take(NOW + HOUR)
    assert again.doubtful and again.delivery_id == taken.delivery_id


def test_old_cases_are_purged_with_their_messages_and_files(support: SupportFixture) -> None:
    kept, old = (
        support.workflow.open(NewCase(name, "question", name), NOW) for name in ("kept", "old")
    )
    support.workflow.cases.add_attachment(
        Attachment("a1", "old", old.case_id, "x.png", "image/png", 1, NOW)
    )
    support.workflow.customer_says(old, "つけたし", NOW)
    support.workflow.solve(support.again(old), "佐藤", NOW)
    assert [file.name for file in support.workflow.cases.purge(NOW + DAY)] == ["x.png"]
    assert (
        support.workflow.cases.case(old.case_id) is None
        and support.workflow.cases.case(kept.case_id)
        and count(support.engine, schema.case_messages) == 0
    )


def test_notices_are_the_same_on_both_databases(engine: Engine) -> None:
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


# --- IMAP ---


@pytest.fixture
def mailbox() -> Iterator[str]:
    """URL of a mailbox on a real IMAP server started for the test."""
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


def fetch(url: str, take: Callable[[bytes], str]) -> int:
    return Mailbox(url).fetch(take)[0]


def put(url: str, raw: bytes) -> None:
    with imaplib.IMAP4("127.0.0.1", int(url.rpartition(":")[2].split("/")[0])) as box:
        box.login("help@example.com", "demopass")
        box.append("INBOX", None, None, raw)  # type: ignore[arg-type]


def test_mails_become_cases_and_a_mail_that_failed_to_save_is_fetched_again(
    mailbox: str, tmp_path: Path
) -> None:
    from kb_app.db.engine import migrate, open_database

    engine = open_database(f"sqlite:///{tmp_path}/kb.sqlite")
    migrate(engine)
    support = support_fixture(engine)
    inbox = MailIntake(
        support.workflow,
        Uploads(engine),
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
    assert sorted(case.subject for case in support.workflow.cases.inbox(Filter(), NOW).cases) == [
        "返品したい",
        "電気がつかない",
    ]
    engine.dispose()


def test_folders_have_names_in_any_language(mailbox: str) -> None:
    with imaplib.IMAP4("127.0.0.1", int(mailbox.rpartition(":")[2].split("/")[0])) as box:
        box.login("help@example.com", "demopass")
        box.create('"&U9dP4Xux-"')
        box.append('"&U9dP4Xux-"', None, None, mail("返品したい"))  # type: ignore[arg-type]
    taken: list[bytes] = []
    url = mailbox.replace("INBOX", quote("受信箱"))
    assert fetch(url, lambda raw: str(taken.append(raw))) == 1 and len(taken) == 1
    assert fetch(mailbox.replace("INBOX", "&U9dP4Xux-"), lambda _raw: "") == 0


def test_a_folder_that_is_not_there_is_named(mailbox: str) -> None:
    with pytest.raises(MailboxError, match="KB_IMAP_URL: there is no folder no such"):
        fetch(mailbox.replace("INBOX", "no%20such"), lambda _raw: "")


def test_a_mail_that_somebody_opened_elsewhere_is_fetched(mailbox: str) -> None:
    port = int(mailbox.rpartition(":")[2].split("/")[0])

    def open_all() -> None:
        with imaplib.IMAP4("127.0.0.1", port) as box:
            box.login("help@example.com", "demopass")
            box.select("INBOX")
            box.store("1:*", "+FLAGS", "(\\Seen)")

    put(mailbox, mail("前からあるメール"))
    open_all()
    box = Mailbox(mailbox)
    count, start = box.fetch(lambda _raw: "")
    assert count == 0
    put(mailbox, mail("返品したい"))
    open_all()
    assert box.fetch(lambda _raw: "", start) == (1, start)
    assert box.fetch(lambda _raw: "", start) == (0, start)
    # After a restart it is fetched once more, and known by its Message-ID.
    assert Mailbox(mailbox).fetch(lambda _raw: "", start) == (1, start)


@pytest.mark.parametrize(
    ("name", "written"),
    [("INBOX", "INBOX"), ("受信箱", "&U9dP4Xux-"), ("A&B", "A&-B"), ("&U9dP4Xux-", "&U9dP4Xux-")],
)
def test_names_of_folders_in_modified_utf7(name: str, written: str) -> None:
    assert modified_utf7(name) == written


def test_a_mailbox_with_a_wrong_password_is_an_error(mailbox: str) -> None:
    with pytest.raises(imaplib.IMAP4.error):
        fetch(mailbox.replace("demopass", "wrong"), lambda _raw: "")
