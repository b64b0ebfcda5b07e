"""Cases handed to Zendesk, Freshdesk, a webhook and a mail sink, over real HTTP and SMTP.

Covers the meaning of each response, and that no case is lost or duplicated.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from kb_app import smtp
from kb_app.db.engine import migrate, open_database
from kb_app.durations import DAY, HOUR, MINUTE
from kb_app.support.case_store import CaseStore
from kb_app.support.config.file import parse_support
from kb_app.support.delivery.email import TicketMailSink
from kb_app.support.delivery.freshdesk import FreshdeskSink
from kb_app.support.delivery.outbox import (
    Outbox,
    PermanentDeliveryError,
    Sink,
    TransientDeliveryError,
)
from kb_app.support.delivery.webhook import WebhookSink
from kb_app.support.delivery.webhook_signature import verify
from kb_app.support.delivery.zendesk import ZendeskSink
from kb_app.support.model import Delivery, NewCase
from tests.fake_desks import (
    DeskHandler,
    Freshdesk,
    LocalDesk,
    Receiver,
    Zendesk,
    free_port,
    mail_server,
    running,
)
from tests.integration.kb_app.casework import NOW, SupportFixture, support_fixture
from tests.support import make_settings

SHORT = (1.0, 0.4)
DELIVERY = Delivery(
    "d1",
    "case-1",
    "desk",
    "create",
    "K3F9-1",
    {
        "number": "K3F9K3F9",
        "subject": "[#K3F9K3F9] 返品したい",
        "text": "返品したい\n<b>太字</b>",
        "mail": "hanako@example.com",
        "name": "山田花子",
        "kind": "question",
        "message_id": "<one@example.com>",
    },
)
# Mails need the address of the site, for the links in them.
HERE = {"base_url": "http://localhost"}


def zendesk(desk: LocalDesk) -> ZendeskSink:
    return ZendeskSink(
        desk.url, "agent@example.com", "zendesk-secret", lambda _case: str(min(desk.tickets)), SHORT
    )


def freshdesk(desk: LocalDesk) -> FreshdeskSink:
    return FreshdeskSink(desk.url, "freshdesk-key", lambda _case: str(min(desk.tickets)), SHORT)


def webhook(desk: LocalDesk) -> WebhookSink:
    return WebhookSink(desk.url + "/cases", "hush", SHORT)


DESKS = [(Zendesk, zendesk), (Freshdesk, freshdesk), (Receiver, webhook)]
Make = Callable[[LocalDesk], Sink]


@pytest.fixture(params=DESKS, ids=["zendesk", "freshdesk", "webhook"])
def at(request: pytest.FixtureRequest) -> Iterator[tuple[LocalDesk, Sink]]:
    handler, make = request.param
    with running(handler) as desk:
        yield desk, make(desk)


def test_a_case_is_accepted_and_gets_an_external_id(at: tuple[LocalDesk, Sink]) -> None:
    desk, sink = at
    assert sink.deliver(DELIVERY) in ("33", "1", "crm-1") and len(desk.tickets) == 1


def test_zendesk_gets_a_request_in_the_format_of_its_api() -> None:
    with running(Zendesk) as desk:
        zendesk(desk).deliver(DELIVERY)
        (ticket,) = desk.tickets.values()
        assert ticket["subject"] == "[#K3F9K3F9] 返品したい" and ticket["requester"] == {
            "name": "山田花子",
            "email": "hanako@example.com",
        }
        assert (
            desk.seen[0][2]["Idempotency-Key"] == "K3F9-1"
            and desk.seen[0][1] == "/api/v2/requests.json"
        )


def test_freshdesk_gets_a_ticket_in_the_format_of_its_api() -> None:
    with running(Freshdesk) as desk:
        freshdesk(desk).deliver(
            replace(DELIVERY, payload={**DELIVERY.payload, "kind": "complaint"})
        )
        ticket = desk.tickets[1]
        assert (ticket["status"], ticket["priority"], ticket["source"], ticket["tags"]) == (
            2,
            3,
            2,
            ["kb-K3F9K3F9"],
        )
        assert (
            ticket["description"] == "返品したい<br>&lt;b&gt;太字&lt;/b&gt;"
            and ticket["email"] == "hanako@example.com"
        )
        assert (
            freshdesk(desk).deliver(
                replace(DELIVERY, payload={**DELIVERY.payload, "mail": "", "name": ""})
            )
            == "2"
        )
        assert desk.tickets[2]["unique_external_id"] == "kb-K3F9K3F9"


def test_a_webhook_is_signed_by_convention() -> None:
    from datetime import UTC, datetime

    with running(Receiver) as desk:
        webhook(desk).deliver(DELIVERY)
        _method, _path, headers, body = desk.seen[0]
        verify("hush", headers, body, datetime.now(UTC))


@pytest.mark.parametrize("status", [401, 404, 422])
def test_a_rejection_by_the_ticket_system_needs_a_person_and_says_why(
    at: tuple[LocalDesk, Sink], status: int
) -> None:
    desk, sink = at
    desk.faults = [status]
    with pytest.raises(PermanentDeliveryError, match=str(status)) as refused:
        sink.deliver(DELIVERY)
    assert "返品" not in str(refused.value) and not desk.tickets


@pytest.mark.parametrize(("value", "wait"), [("7", 7_000), ("0", 0), ("soon", 60_000)])
def test_retry_after_of_the_ticket_system_is_respected(
    at: tuple[LocalDesk, Sink], value: str, wait: int
) -> None:
    desk, sink = at
    desk.faults, desk.retry_after = [429], value
    with pytest.raises(TransientDeliveryError) as again:
        sink.deliver(DELIVERY)
    assert again.value.after_ms == wait and not again.value.doubtful


def test_an_error_of_the_ticket_system_is_retried(at: tuple[LocalDesk, Sink]) -> None:
    desk, sink = at
    desk.faults = [500]
    with pytest.raises(TransientDeliveryError):
        sink.deliver(DELIVERY)
    sink.deliver(replace(DELIVERY, doubtful=True))
    assert len(desk.tickets) == 1


@pytest.mark.parametrize("fault", ["slow", "cut"])
@pytest.mark.parametrize("knows_keys", [True, False])
def test_a_lost_response_creates_no_second_case(
    at: tuple[LocalDesk, Sink], fault: str, knows_keys: bool
) -> None:
    desk, sink = at
    desk.faults, desk.knows_keys = [fault], knows_keys
    with pytest.raises(TransientDeliveryError) as again:
        sink.deliver(DELIVERY)
    assert again.value.doubtful
    assert (
        sink.deliver(replace(DELIVERY, doubtful=True)) in ("33", "1", "crm-1")
        and len(desk.tickets) == 1
    )


@pytest.mark.parametrize(("handler", "make"), DESKS[:2], ids=["zendesk", "freshdesk"])
def test_a_customer_comment_is_added_once(handler: type[DeskHandler], make: Make) -> None:
    with running(handler) as desk:
        sink = make(desk)
        sink.deliver(DELIVERY)
        more = replace(
            DELIVERY,
            action="comment",
            key="K3F9-2",
            payload={"text": "箱がありません", "number": "K3F9K3F9", "subject": "", "mail": ""},
        )
        desk.faults = ["slow"]
        with pytest.raises(TransientDeliveryError):
            sink.deliver(more)
        sink.deliver(replace(more, doubtful=True))
        (ticket,) = desk.tickets.values()
        notes = ticket.get("comments") or ticket.get("notes")
        assert len(notes) == 1 and "箱がありません" in notes[0]


def test_ticket_states_are_read() -> None:
    with running(Zendesk) as desk:
        zendesk(desk).deliver(DELIVERY)
        assert not zendesk(desk).solved("33")
        desk.tickets[33]["status"] = "solved"
        assert zendesk(desk).solved("33")
    with running(Freshdesk) as desk:
        freshdesk(desk).deliver(DELIVERY)
        assert not freshdesk(desk).solved("1")
        desk.tickets[1]["status"] = 4
        assert freshdesk(desk).solved("1")


def test_a_wrong_api_key_is_reported() -> None:
    with running(Zendesk) as desk, pytest.raises(PermanentDeliveryError, match="KB_DESK_SECRETS"):
        ZendeskSink(desk.url, "agent@example.com", "wrong", lambda _case: "", SHORT).deliver(
            DELIVERY
        )


def test_a_mail_sink_gets_the_case_and_a_temporary_failure_is_retried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "TIMEOUT_S", 0.5)
    with mail_server() as (mails, url):
        sink = TicketMailSink(
            make_settings(tmp_path, tmp_path, smtp_url=url, **HERE),
            "branch@example.com",
        )
        mails.faults = ["451 later", "slow"]
        for _ in range(2):
            with pytest.raises(TransientDeliveryError):
                sink.deliver(DELIVERY)
        assert sink.deliver(DELIVERY) == "<one@example.com>"
        # Accepted twice, since the first reply was late; mail clients show one Message-ID once.
        assert {mail["Message-ID"] for mail in mails.taken} == {
            "<one@example.com>"
        } and mails.receivers[0] == "branch@example.com"
        mails.faults = ["550 no such box"]
        with pytest.raises(PermanentDeliveryError):
            sink.deliver(DELIVERY)


def test_a_refused_connection_is_retried(tmp_path: Path) -> None:
    with running(Zendesk) as desk:
        gone = desk.url
    with pytest.raises(TransientDeliveryError) as again:
        ZendeskSink(gone, "a@example.com", "x", lambda _case: "", SHORT).deliver(DELIVERY)
    assert not again.value.doubtful
    with pytest.raises(TransientDeliveryError):
        TicketMailSink(
            make_settings(tmp_path, tmp_path, smtp_url="smtp://127.0.0.1:9", **HERE),
            "a@example.com",
        ).deliver(DELIVERY)


# --- the outbox over the sinks ---

ROUTED = (
    "desks: {away: {type: zendesk, url: 'http://127.0.0.1:1', user: agent@example.com}}\n"
    "routes: [{to: away}]"
)


@pytest.fixture
def away(tmp_path: Path) -> SupportFixture:
    engine = open_database(f"sqlite:///{tmp_path}/kb.sqlite")
    migrate(engine)
    return support_fixture(engine, parse_support("support.yml", ROUTED, ZoneInfo("UTC")))


def outbox(away: SupportFixture, make: Callable[[Callable[[str], str]], Sink]) -> Outbox:
    def external(case_id: str) -> str:
        found = CaseStore(away.engine).case(case_id)
        assert found is not None
        return found.external_id

    return Outbox(away.engine, lambda _name: make(external), away.workflow.set_external_id)


@pytest.mark.parametrize(
    "handler", [Zendesk, Freshdesk, Receiver], ids=["zendesk", "freshdesk", "webhook"]
)
def test_a_ticket_system_that_is_down_for_a_day_loses_nothing(
    away: SupportFixture, handler: type[DeskHandler]
) -> None:
    with running(handler) as desk:
        port, url = desk.server_address[1], desk.url

    def make(external: Callable[[str], str]) -> Sink:
        if handler is Zendesk:
            return ZendeskSink(url, "agent@example.com", "zendesk-secret", external, SHORT)
        return (
            FreshdeskSink(url, "freshdesk-key", external, SHORT)
            if handler is Freshdesk
            else WebhookSink(url, "hush", SHORT)
        )

    box = outbox(away, make)
    cases = [
        away.workflow.open(
            NewCase(f"form-{number}", "question", f"質問{number}", mail="a@example.com"), NOW
        )
        for number in range(3)
    ]
    now = NOW
    while now < NOW + DAY:
        now += 20 * MINUTE
        assert not box.run(now).done
    away.workflow.customer_says(cases[0], "まだですか", now)
    with running(handler, port) as desk:
        for _ in range(8):
            now += 2 * HOUR
            box.run(now)
        expected = 4 if handler is Receiver else 3
        assert len(desk.tickets) == expected and box.counts() == {"done": 4}


def test_100_concurrent_cases_with_half_failing_are_delivered_once_in_order(
    away: SupportFixture,
) -> None:
    chance = random.Random(3)
    with running(Zendesk) as desk:
        desk.knows_keys = False
        box = outbox(
            away,
            lambda external: ZendeskSink(
                desk.url, "agent@example.com", "zendesk-secret", external, (1.0, 0.25)
            ),
        )
        for number in range(100):
            case = away.workflow.open(NewCase(f"form-{number}", "question", f"質問{number}"), NOW)
            away.workflow.customer_says(case, f"つけたし{number} 一", NOW + 1)
            away.workflow.customer_says(case, f"つけたし{number} 二", NOW + 2)
        desk.faults = [chance.choice([500, 503, 429, "cut", "", "", "", ""]) for _ in range(300)]
        now = NOW
        for _ in range(40):
            now += HOUR
            box.run(now)
            if box.counts() == {"done": 300}:
                break
        assert box.counts() == {"done": 300}
        subjects = [ticket["subject"] for ticket in desk.tickets.values()]
        assert len(subjects) == len(set(subjects)) == 100
        for ticket in desk.tickets.values():
            number = ticket["subject"].rpartition("質問")[2]
            said = [comment.split("\n")[0] for comment in ticket["comments"]]
            assert said == [f"つけたし{number} 一", f"つけたし{number} 二"]


def test_a_refused_delivery_blocks_later_ones_until_a_person_acts(
    away: SupportFixture,
) -> None:
    with running(Zendesk) as desk:
        box = outbox(
            away,
            lambda external: ZendeskSink(
                desk.url, "agent@example.com", "zendesk-secret", external, SHORT
            ),
        )
        case = away.workflow.open(NewCase("form-1", "question", "質問"), NOW)
        away.workflow.customer_says(case, "つけたし", NOW + 1)
        desk.faults = [422]
        assert box.run(NOW + 1).dead == 1 and box.run(NOW + DAY).done == 0
        (dead, waiting) = box.listed()
        assert (dead.state, waiting.state) == ("dead", "waiting") and "422" in dead.error
        assert box.retry(dead.delivery_id, NOW + DAY) and not box.retry(dead.delivery_id, NOW + DAY)
        assert box.run(NOW + DAY).done == 2 and len(desk.tickets[33]["comments"]) == 1


def test_two_processes_send_each_delivery_once(away: SupportFixture) -> None:
    import threading

    with running(Zendesk) as desk:
        desk.knows_keys = False
        boxes = [
            outbox(
                away,
                lambda external: ZendeskSink(
                    desk.url, "agent@example.com", "zendesk-secret", external, (2.0, 5.0)
                ),
            )
            for _ in range(4)
        ]
        for number in range(20):
            away.workflow.open(NewCase(f"form-{number}", "question", f"質問{number}"), NOW)
        threads = [threading.Thread(target=box.run, args=(NOW + 1,)) for box in boxes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(desk.tickets) == 20


def test_a_run_longer_than_a_lease_sends_nothing_twice(
    away: SupportFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second process starts minutes later while the first waits for a slow ticket system."""
    sent: list[str] = []

    class Slow:
        def deliver(self, delivery: Delivery) -> str:
            sent.append(delivery.key)
            if len(sent) == 1:
                other.run(NOW + 6 * MINUTE)
                raise TransientDeliveryError("late")
            return "1"

    other = Outbox(away.engine, lambda _name: Slow(), away.workflow.set_external_id)
    away.workflow.open(NewCase("form", "question", "件"), NOW)
    other.run(NOW)
    # The lease expired and another process sent it; the late failure of the first changes nothing.
    assert other.counts() == {"done": 1} and len(sent) == 2


def test_a_truncated_response_is_doubtful() -> None:
    class Cut(Receiver):
        def answer(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"5\r\nab")

    with running(Cut) as desk, pytest.raises(TransientDeliveryError) as again:
        webhook(desk).deliver(DELIVERY)
    assert again.value.doubtful


def test_an_accepted_mail_is_sent_whatever_the_reply_to_quit(tmp_path: Path) -> None:
    with mail_server() as (mails, url):
        mails.parting = "421 bye"
        smtp.send(
            make_settings(tmp_path, tmp_path, smtp_url=url, **HERE),
            smtp.Mail("a@example.com", "題", "本文"),
        )
        assert len(mails.taken) == 1


def test_a_mail_sink_that_is_down_for_a_day_loses_nothing(
    away: SupportFixture, tmp_path: Path
) -> None:
    port = free_port()
    settings = make_settings(tmp_path, tmp_path, smtp_url=f"smtp://127.0.0.1:{port}", **HERE)
    box = Outbox(
        away.engine,
        lambda _name: TicketMailSink(settings, "branch@example.com"),
        away.workflow.set_external_id,
    )
    for number in range(3):
        away.workflow.open(NewCase(f"form-{number}", "question", f"質問{number}"), NOW)
    now = NOW
    while now < NOW + DAY:
        now += 20 * MINUTE
        assert not box.run(now).done
    with mail_server(port) as (mails, _url):
        for _ in range(3):
            now += 3 * HOUR
            box.run(now)
        assert box.counts() == {"done": 3} and sorted(
            text.split("質問")[1][0] for text in mails.texts()
        ) == ["0", "1", "2"]
