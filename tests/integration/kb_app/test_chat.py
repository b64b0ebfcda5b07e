"""Chat, LINE and WhatsApp over real HTTP: answers, hand-over, replies, and hostile webhooks."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from kb_app import create_app
from kb_app.db import schema
from kb_app.db.personal_data import erase_cases
from kb_app.durations import DAY, MINUTE
from kb_app.services.container import Services
from kb_app.support.case_store import Filter
from kb_app.support.config.file import SupportError, parse_support
from kb_app.support.model import Case, NewCase
from search.embedding.background import DisabledEmbedder
from tests.fake_desks import LocalDesk, running
from tests.fake_messengers import (
    SECRET,
    TOKEN,
    Line,
    WhatsApp,
    line_webhook,
    signed_for_line,
    whatsapp_webhook,
)
from tests.support import NOW, make_services, write_article

AT = int(NOW.timestamp() * 1000)
QUESTION = "返品の送料はいくらですか"
SECRETS = " ".join(
    f"{name}-secret={SECRET} {name}-token={TOKEN} {name}-verify=shake" for name in ("line", "wa")
)


@pytest.fixture(scope="module")
def line() -> Iterator[LocalDesk]:
    with running(Line) as server:
        yield server


@pytest.fixture(scope="module")
def whatsapp() -> Iterator[LocalDesk]:
    with running(WhatsApp) as server:
        yield server


@pytest.fixture
def own(articles: Path, tmp_path: Path, line: LocalDesk, whatsapp: LocalDesk) -> Iterator[Services]:
    for server in (line, whatsapp):
        server.tickets.clear()
        server.keys.clear()
        server.seen.clear()
        server.faults.clear()
    folder = tmp_path / "articles"
    shutil.copytree(articles, folder)
    write_article(
        folder,
        "ja/returns/shipping.md",
        "返品の送料はだれが払うか",
        "不良品の送料は当店が払います。",
        questions=[QUESTION],
        slug="shipping",
    )
    (folder / "support.yml").write_text(
        f"messengers:\n  line: {{type: line, api: {line.url}}}\n"
        f"  wa: {{type: whatsapp, phone_number_id: '12345', api: {whatsapp.url}}}\n",
        "utf-8",
    )
    services = make_services(
        folder, tmp_path / "var", DisabledEmbedder(), desk_secrets=SECRETS, rate_limit="off"
    )
    services.indexing.publish_build(services.indexing.rebuild())
    yield services
    services.close()


@pytest.fixture
def client(own: Services) -> FlaskClient:
    return create_app(own).test_client()


def only(own: Services) -> Case:
    (case,) = own.support.cases.inbox(Filter(state="all"), AT).cases
    return case


def posted(client: FlaskClient, name: str, webhook: tuple[bytes, dict[str, str]]) -> TestResponse:
    body, headers = webhook
    return client.post(f"/api/v1/messengers/{name}", data=body, headers=headers)


def arrived(own: Services, server: LocalDesk, now: int = AT) -> list[dict[str, object]]:
    """What the service has got, after everything due was sent."""
    own.support.run(now)
    return list(server.tickets.values())


# --- LINE -----------------------------------------------------------------------------------------


def test_line_is_answered_with_a_quote_and_choices(
    own: Services, client: FlaskClient, line: LocalDesk
) -> None:
    assert posted(client, "line", line_webhook(QUESTION)).status_code == 200
    (sent,) = arrived(own, line)
    (message,) = sent["messages"]  # type: ignore[misc]
    assert sent["by"] == "reply" and "不良品の送料は当店が払います。" in message["text"]
    assert "/ja/articles/shipping?from=" in message["text"]
    labels = [item["action"]["text"] for item in message["quickReply"]["items"]]
    assert labels == ["はい", "いいえ"]


def test_a_conversation_by_line_is_handed_over_and_answered_there(
    own: Services, client: FlaskClient, line: LocalDesk
) -> None:
    for number, text in enumerate([QUESTION, "いいえ", "はい"]):
        posted(client, "line", line_webhook(text, f"e{number}", reply=f"t{number}"))
    case = only(own)
    assert (case.channel, case.title) == ("line", QUESTION)
    notes = own.support.cases.messages(case.case_id, notes=True)
    assert f"お客様: {QUESTION}" in notes[0].text and "当店が払います" in notes[0].text
    assert own.support.cases.messages(case.case_id) == []
    own.support.workflow.reply(case, "佐藤", "a@example.com", "調べます。", AT - 1)
    told = [one["messages"][0]["text"] for one in arrived(own, line)]  # type: ignore[index]
    handed = next(place for place, text in enumerate(told) if "受付番号" in text)
    assert handed < told.index("調べます。")
    posted(client, "line", line_webhook("お願いします", "e9", reply="t9"))
    said = own.support.cases.messages(case.case_id)
    assert [(one.author, one.text) for one in said][-1] == ("customer", "お願いします")
    assert own.support.cases.inbox(Filter(state="all"), AT).total == 1


def test_a_solved_case_lets_a_new_conversation_begin(
    own: Services, client: FlaskClient, line: LocalDesk
) -> None:
    for number, text in enumerate([QUESTION, "担当者につないで"]):
        posted(client, "line", line_webhook(text, f"e{number}"))
    own.support.workflow.answer(only(own), True, AT)
    arrived(own, line)
    posted(client, "line", line_webhook(QUESTION, "e7"))
    texts = [one["messages"][0]["text"] for one in arrived(own, line)]  # type: ignore[index]
    assert "当店が払います" in texts[-1]
    assert own.support.cases.inbox(Filter(state="all"), AT).total == 1


def test_a_webhook_that_comes_again_is_taken_once(
    own: Services, client: FlaskClient, line: LocalDesk
) -> None:
    for _ in range(3):
        assert posted(client, "line", line_webhook(QUESTION)).status_code == 200
    assert len(arrived(own, line)) == 1
    own.events.flush()
    assert len(own.store.queries(0, 2**60)) == 1


def test_a_reply_token_that_has_expired_is_no_loss(
    own: Services, client: FlaskClient, line: LocalDesk
) -> None:
    posted(client, "line", line_webhook(QUESTION, reply="expired"))
    assert [one["by"] for one in arrived(own, line)] == ["push"]


@pytest.mark.parametrize("fault", [429, 500, "cut"])
def test_a_message_that_fails_is_repeated_and_arrives_once(
    own: Services, client: FlaskClient, line: LocalDesk, fault: int | str
) -> None:
    posted(client, "line", line_webhook(QUESTION, reply=""))
    line.faults[:] = [fault]
    assert len(arrived(own, line)) == (fault == "cut")
    assert len(arrived(own, line, AT + 10 * MINUTE)) == 1
    keys = {seen[2]["X-Line-Retry-Key"] for seen in line.seen}
    assert len(line.seen) == 2 and len(keys) == 1
    assert own.support.outbox.queue(AT + DAY).waiting == 0


def test_a_picture_is_answered_too(own: Services, client: FlaskClient, line: LocalDesk) -> None:
    posted(client, "line", line_webhook(None))
    (sent,) = arrived(own, line)
    assert sent["messages"]


def test_somebody_who_floods_is_told_once_and_then_left_out(
    own: Services, client: FlaskClient, line: LocalDesk
) -> None:
    for number in range(64):
        posted(client, "line", line_webhook("1", f"e{number}"))
    texts = [one["messages"][0]["text"] for one in arrived(own, line)]  # type: ignore[index]
    assert (len(texts) == 61 and "少し時間をおいて" in texts[-1]) or "a while" in texts[-1]
    posted(client, "line", line_webhook(QUESTION, "other", peer="U2"))
    assert len(arrived(own, line)) == 62


# --- WhatsApp -------------------------------------------------------------------------------------


def test_whatsapp_is_answered_with_buttons(
    own: Services, client: FlaskClient, whatsapp: LocalDesk
) -> None:
    posted(client, "wa", whatsapp_webhook(QUESTION))
    (sent,) = arrived(own, whatsapp)
    assert sent["to"] == "819012345678" and sent["interactive"]["type"] == "button"  # type: ignore[index]
    assert "当店が払います" in sent["interactive"]["body"]["text"]  # type: ignore[index]


def test_long_choices_are_a_list_and_a_tap_is_understood(
    own: Services, client: FlaskClient, whatsapp: LocalDesk
) -> None:
    posted(client, "wa", whatsapp_webhook("まったく関係のない天気"))
    posted(client, "wa", whatsapp_webhook("担当者につなぐ", "wamid.B", tapped=True))
    assert only(own).channel == "wa"
    assert len(arrived(own, whatsapp)) == 2


def test_a_reply_after_a_day_is_shown_to_the_team_as_not_delivered(
    own: Services, client: FlaskClient, whatsapp: LocalDesk
) -> None:
    posted(client, "wa", whatsapp_webhook("担当者につないで", peer="old"))
    own.support.run(AT)
    assert own.support.outbox.queue(AT).dead == 1
    (dead,) = own.support.outbox.listed()
    assert "400" in dead.error


def test_whatsapp_makes_sure_whose_address_it_is(client: FlaskClient) -> None:
    asked = {"hub.mode": "subscribe", "hub.challenge": "42", "hub.verify_token": "shake"}
    answer = client.get("/api/v1/messengers/wa", query_string=asked)
    assert (answer.status_code, answer.text) == (200, "42")
    assert answer.mimetype == "text/plain"
    wrong = client.get("/api/v1/messengers/wa", query_string=asked | {"hub.verify_token": "x"})
    assert wrong.status_code == 403 and "42" not in wrong.text


# --- hostile webhooks -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "header", "value"),
    [
        ("line", "X-Line-Signature", "AAAA"),
        ("line", "X-Line-Signature", ""),
        ("line", "X-Line-Signature", "\u00e9"),
        ("wa", "X-Hub-Signature-256", "sha256=00"),
        ("wa", "X-Hub-Signature-256", ""),
    ],
)
def test_a_wrong_signature_is_refused_and_nothing_is_stored(
    own: Services, client: FlaskClient, name: str, header: str, value: str
) -> None:
    body, _headers = line_webhook(QUESTION) if name == "line" else whatsapp_webhook(QUESTION)
    answer = client.post(f"/api/v1/messengers/{name}", data=body, headers={header: value})
    assert answer.status_code == 401 and header in answer.get_json()["detail"]
    assert conversations(own) == 0


def test_the_signature_of_one_service_does_not_hold_for_the_other(client: FlaskClient) -> None:
    body, headers = line_webhook(QUESTION)
    value = headers["X-Line-Signature"]
    answer = client.post("/api/v1/messengers/wa", data=body, headers={"X-Hub-Signature-256": value})
    assert answer.status_code == 401


def test_a_changed_body_is_refused(client: FlaskClient) -> None:
    body, headers = line_webhook(QUESTION)
    answer = client.post("/api/v1/messengers/line", data=body + b" ", headers=headers)
    assert answer.status_code == 401


@pytest.mark.parametrize("name", ["viber", "line2", "..%2fline"])
def test_an_unknown_messenger_is_not_there(client: FlaskClient, name: str) -> None:
    assert posted(client, name, line_webhook(QUESTION)).status_code == 404


def test_a_body_that_is_too_large_is_not_read(client: FlaskClient) -> None:
    body = b"x" * (600 * 1024)
    assert client.post("/api/v1/messengers/line", data=body).status_code == 413


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[" * 5_000, 400),
        (b"null", 200),
        (b'{"events": 3}', 200),
        (b'{"events": [null, {"type": "message", "source": [], "message": 1}]}', 200),
        (b'{"events": [{"type": "message", "message": {"id": 5}}]}', 200),
        (
            json.dumps(
                {
                    "events": [
                        json.loads(line_webhook("x", f"e{n}")[0])["events"][0] for n in range(101)
                    ]
                }
            ).encode(),
            400,
        ),
    ],
    ids=range(8),
)
def test_odd_bodies_of_a_signed_webhook_do_no_harm(
    client: FlaskClient, body: bytes, status: int
) -> None:
    headers = {"X-Line-Signature": signed_for_line(body)}
    assert client.post("/api/v1/messengers/line", data=body, headers=headers).status_code == status


def test_text_that_no_database_takes_is_stored_without_it(
    own: Services, client: FlaskClient, line: LocalDesk
) -> None:
    assert posted(client, "line", line_webhook("a\x00b\ud800 返品")).status_code == 200
    assert len(arrived(own, line)) == 1


# --- the page -------------------------------------------------------------------------------------


def test_the_chat_page_works_without_scripts(own: Services, client: FlaskClient) -> None:
    assert "ひとことで書いてください" in client.get("/ja/chat").text
    page = client.post("/ja/chat", data={"message": QUESTION}, follow_redirects=True)
    assert "当店が払います" in page.text and "記事を読む" in page.text
    address = page.request.path
    page = client.post(address, data={"choice": "いいえ"}, follow_redirects=True)
    assert "担当者につなぐ" in page.text
    page = client.post(address, data={"choice": "担当者につなぐ"}, follow_redirects=True)
    case = only(own)
    assert case.number in page.text and case.channel == "chat"
    own.support.workflow.reply(case, "佐藤", "a@example.com", "お待たせしました。", AT - 1)
    assert "お待たせしました。" in client.get(address).text
    page = client.post(address, data={"message": "ありがとう"}, follow_redirects=True)
    assert page.text.index("お待たせしました。") < page.text.index("ありがとう")


def test_the_page_of_a_conversation_is_secret(client: FlaskClient) -> None:
    page = client.post("/ja/chat", data={"message": QUESTION}, follow_redirects=True)
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert client.get(f"{page.request.path}x").status_code == 404
    case_token = re.sub("chat", "cases", page.request.path)
    assert client.get(case_token).status_code == 404


def test_another_site_cannot_write_into_a_conversation(own: Services, client: FlaskClient) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = client.post("/ja/chat", data={"message": QUESTION}, headers=headers)
    assert answer.status_code == 403 and conversations(own) == 0


def test_a_conversation_is_an_episode_of_its_channel(own: Services, client: FlaskClient) -> None:
    for number, text in enumerate([QUESTION, "はい"]):
        posted(client, "line", line_webhook(text, f"e{number}"))
    own.events.flush()
    (query,) = own.store.queries(0, 2**60)
    assert (query.channel, query.origin) == ("line", "chat")
    (action,) = own.store.actions(0, 2**60)
    assert (action.action_name, action.query_id) == ("solved_yes", query.query_id)
    assert "U1" not in f"{query}{action}"


def test_a_conversation_without_a_case_is_forgotten_after_a_day(
    own: Services, client: FlaskClient, line: LocalDesk
) -> None:
    posted(client, "line", line_webhook(QUESTION))
    posted(client, "line", line_webhook("担当者につないで", "e2", peer="U2"))
    arrived(own, line)
    own.support.run(AT + 2 * DAY)
    assert conversations(own) == 1
    with own.store.engine.connect() as connection:
        rows = connection.execute(select(schema.outbox.c.payload)).all()
    assert {json.loads(row[0])["to"] for row in rows} == {"U2"}


def begun(client: FlaskClient, *texts: str) -> str:
    """A conversation on the page with these messages; its address."""
    page = client.post("/ja/chat", data={"message": texts[0]})
    for text in texts[1:]:
        client.post(page.location.partition("#")[0], data={"message": text})
    return str(page.location.partition("#")[0])


def test_a_merged_case_does_not_open_the_other_one(own: Services, client: FlaskClient) -> None:
    other = own.support.workflow.open(
        NewCase("other", "question", "東京都秘密区1-2-3", mail="v@example.com"), AT
    )
    address = begun(client, QUESTION, "担当者につないで")
    (mine,) = (one for one in cases_of(own) if one.case_id != other.case_id)
    own.support.workflow.mail_link(mine, "v@example.com", AT)
    found = own.support.cases.case(mine.case_id)
    assert found is not None
    own.support.work.merge(found, other, "a@example.com", AT)
    page = client.get(address).text
    assert "秘密区" not in page and "/ja/cases/" not in page
    client.post(address, data={"message": "もう一度お願いしたいことがあります"})
    client.post(address, data={"message": "担当者につないで"})
    assert own.support.cases.messages(other.case_id) == [] or all(
        "もう一度" not in said.text for said in own.support.cases.messages(other.case_id)
    )
    assert len(cases_of(own)) == 3
    (new,) = (one for one in cases_of(own) if one.case_id not in (mine.case_id, other.case_id))
    notes = own.support.cases.messages(new.case_id, notes=True)
    assert "もう一度お願いしたい" in notes[0].text


def cases_of(own: Services) -> list[Case]:
    return list(own.support.cases.inbox(Filter(state="all"), AT).cases)


def test_a_form_that_is_sent_twice_adds_to_the_case_once(
    own: Services, client: FlaskClient
) -> None:
    address = begun(client, QUESTION, "担当者につないで")
    form = {"message": "二重の送信", "form_id": "6b1f6f0a-3c1b-4a77-9d0c-0c0f5c9b8a11"}
    for _ in range(2):
        client.post(address, data=form)
    assert [one.text for one in own.support.cases.messages(only(own).case_id)] == ["二重の送信"]


def test_a_message_to_a_person_may_be_long(own: Services, client: FlaskClient) -> None:
    address = begun(client, QUESTION, "担当者につないで")
    client.post(address, data={"message": "あ" * 4_000})
    assert len(own.support.cases.messages(only(own).case_id)[0].text) == 4_000


def test_nothing_written_is_answered_in_words(client: FlaskClient) -> None:
    assert "文字でお書きください" in client.get(begun(client, " ")).text


def test_too_many_messages_are_refused_in_words(own: Services) -> None:
    object.__setattr__(own.settings, "rate_limit", "600 per minute")
    client = create_app(own).test_client()
    address = begun(client, QUESTION, "担当者につないで")
    for number in range(45):
        client.post(address, data={"message": f"件 {number}"})
    assert len(own.support.cases.messages(only(own).case_id)) < 45
    refused = begun(client, QUESTION, "担当者につないで")
    assert "少し時間をおいて" in client.get(refused).text and len(cases_of(own)) == 1


def test_the_words_of_the_first_message_tell_the_language(
    own: Services, client: FlaskClient, line: LocalDesk
) -> None:
    posted(client, "line", line_webhook("担当者につないでください"))
    posted(client, "line", line_webhook("talk to a person", "e2", peer="U2"))
    posted(client, "line", line_webhook(None, "e3", peer="U3"))
    texts = [one["messages"][0]["text"] for one in arrived(own, line)]  # type: ignore[index]
    assert {case.language for case in cases_of(own)} == {"ja", "en"}
    assert any("文字でお書きください" in text for text in texts)


def test_the_page_of_the_case_is_named_where_there_is_nothing_else(
    own: Services, client: FlaskClient, line: LocalDesk
) -> None:
    posted(client, "line", line_webhook("担当者につないでください"))
    posted(client, "line", line_webhook(None, "e2", reply="t2"))
    for sent in arrived(own, line):
        assert "/ja/cases/" in sent["messages"][0]["text"]  # type: ignore[index]


def test_a_long_reply_of_an_agent_arrives_whole(
    own: Services, client: FlaskClient, line: LocalDesk
) -> None:
    posted(client, "line", line_webhook("担当者につないでください"))
    arrived(own, line)
    own.support.workflow.reply(only(own), "佐藤", "a@example.com", "手順です。\n" * 1_200, AT)
    texts = [part["text"] for part in arrived(own, line)[-1]["messages"]]  # type: ignore[attr-defined]
    assert len(texts) == 2 and "".join(texts).count("手順です。") == 1_200


def test_a_group_gets_no_answer(own: Services, client: FlaskClient, line: LocalDesk) -> None:
    body = json.loads(line_webhook("担当者につないで")[0])
    body["events"][0]["source"] |= {"type": "group", "groupId": "G1"}
    raw = json.dumps(body).encode()
    headers = {"X-Line-Signature": signed_for_line(raw)}
    assert client.post("/api/v1/messengers/line", data=raw, headers=headers).status_code == 200
    assert arrived(own, line) == [] and conversations(own) == 0


def test_erasing_a_visitor_ends_their_conversations(own: Services, client: FlaskClient) -> None:
    begun(client, "私は山田太郎です。返品できますか")
    with own.store.engine.begin() as connection:
        connection.execute(schema.conversations.update().values(client_id="c1"))
    own.erase("c1")
    assert conversations(own) == 0


@pytest.mark.parametrize(
    ("name", "said"),
    [("a-name-that-is-long", "at most 16"), ("chat", "none of"), ("contact", "none of")],
)
def test_a_messenger_has_a_name_of_its_own(name: str, said: str) -> None:
    text = f"messengers:\n  {name}: {{type: line}}\n"
    with pytest.raises(SupportError, match=said):
        parse_support("support.yml", text, ZoneInfo("UTC"))


def test_a_phone_number_id_needs_no_quotes() -> None:
    text = "messengers:\n  wa: {type: whatsapp, phone_number_id: 106540352242922}\n"
    support = parse_support("support.yml", text, ZoneInfo("UTC"))
    assert support.messengers["wa"].phone_number_id == "106540352242922"


def test_what_was_sent_goes_with_an_erased_case(
    own: Services, client: FlaskClient, line: LocalDesk
) -> None:
    for number, text in enumerate([QUESTION, "担当者につないで"]):
        posted(client, "line", line_webhook(text, f"e{number}"))
    arrived(own, line)
    with own.store.engine.begin() as connection:
        erase_cases(connection, [only(own).case_id])
        left = connection.execute(select(schema.outbox.c.payload)).all()
    assert left == [] and conversations(own) == 0


def conversations(own: Services) -> int:
    with own.store.engine.connect() as connection:
        return len(connection.execute(select(schema.conversations.c.at)).all())
