"""Incoming mails: charsets, broken messages, cases, threads, one automatic reply and no loops."""

from email.message import EmailMessage
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb_app.durations import DAY, HOUR
from kb_app.services.support_adapters import question_of
from kb_app.support.attachments import Uploads
from kb_app.support.case_store import Filter
from kb_app.support.config.file import parse_support
from kb_app.support.delivery.mail_templates import Quoted
from kb_app.support.inbound.email_parser import automatic, read_mail
from kb_app.support.inbound.mail_to_case import REPLIES_A_DAY, MailAnswer, MailIntake
from kb_app.support.inbound.quotations import split_reply
from tests.integration.kb_app.casework import NOW, SupportFixture, support_fixture
from tests.support import new_database

STRICT = (Quoted("返品の方法", "https://help.example.com/ja/articles/return", "30日以内です。"),)


def mail(
    subject: str = "返品したい",
    text: str = "箱がありません。",
    sender: str = "山田花子 <hanako@example.com>",
    **headers: str,
) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, "help@example.com", subject
    message["Message-ID"] = headers.pop(
        "message_id", f"<{abs(hash((subject, text, sender)))}@mail.example.com>"
    )
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes()


def bare(charset: str, subject: bytes, body: bytes, declared: str = "") -> bytes:
    """A mail as old clients send it: a raw subject in bytes and a declared charset."""
    head = (
        b"From: =?ISO-2022-JP?B?GyRCOzNFRBsoQg==?= <hanako@example.com>\r\n"
        b"Message-ID: <old@example.com>\r\nSubject: " + subject
    )
    return (
        head
        + (
            "\r\nMIME-Version: 1.0\r\n"
            f"Content-Type: text/plain; charset={declared or charset}\r\n"
            "Content-Transfer-Encoding: 8bit\r\n\r\n"
        ).encode()
        + body
    )


WORDS = "返品したい①、ﾊﾝｶｸ"


@pytest.mark.parametrize(
    "raw",
    [
        bare(
            "iso-2022-jp",
            b"=?ISO-2022-JP?B?GyRCSlZJSiQ3JD8kJBsoQg==?=",
            "返品したい".encode("iso2022_jp"),
        ),
        bare("shift_jis", "返品したい".encode("cp932"), WORDS.encode("cp932")),
        bare("utf-8", "返品したい".encode("cp932"), WORDS.encode("cp932")),
        bare("euc-jp", "返品したい".encode(), "返品したい".encode("euc_jp")),
        bare("utf-8", "返品したい".encode(), WORDS.encode()),
        bare("x-unknown", "返品したい".encode(), WORDS.encode()),
        bare("us-ascii", b"=?utf-8?B?6L+U5ZOB44GX44Gf44GE?=", WORDS.encode()),
    ],
    ids=[
        "ISO-2022-JP",
        "Shift_JIS",
        "said UTF-8, is Shift_JIS",
        "EUC-JP",
        "UTF-8",
        "unknown charset",
        "said ASCII",
    ],
)
def test_japanese_mails_in_every_charset_are_read(raw: bytes) -> None:
    found = read_mail(raw)
    assert (
        found.subject == "返品したい"
        and found.text.startswith("返品したい")
        and (found.sender, found.sender_name) == ("hanako@example.com", "山田")
    )


BROKEN = [
    b"",
    b"\r\n\r\n",
    b"From: <>\r\n\r\nx",
    b"Content-Type: multipart/mixed\r\n\r\nno boundary",
    b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nx",
    b"Subject: =?utf-8?B?broken?=\r\n\r\nx",
    b'Content-Type: text/plain; charset="\xff"\r\n\r\n\xff\xfe',
    b"From: a\r\nFrom: b\r\nSubject: c\r\nSubject: d\r\n\r\n",
    b"Content-Transfer-Encoding: base64\r\n\r\n!!!!",
    b'Content-Type: multipart/mixed; boundary=""\r\n\r\n',
    b"Subject: \x1b$B\r\n\r\n\x1b$B",
]


@pytest.mark.parametrize("raw", BROKEN)
def test_broken_mails_are_read_as_far_as_possible(raw: bytes) -> None:
    assert isinstance(read_mail(raw).text, str)


@given(st.binary(max_size=400))
def test_arbitrary_bytes_do_not_break_the_reader(raw: bytes) -> None:
    found = read_mail(b"From: a@example.com\r\nSubject: x\r\n" + raw)
    assert "\n" not in found.subject and "\n" not in found.sender_name


def test_html_is_read_as_text() -> None:
    message = EmailMessage()
    message["From"], message["Subject"] = "a@example.com", "x"
    message.set_content(
        "<html><style>p{}</style><p>返品は&amp;交換は<br>どちら?</p><script>alert(1)</script></html>",
        subtype="html",
    )
    assert read_mail(message.as_bytes()).text == "返品は&交換は\nどちら?"


@pytest.mark.parametrize(
    ("headers", "by"),
    [
        ({"Auto_Submitted": "auto-replied"}, "Auto-Submitted"),
        ({"Auto_Submitted": "no"}, ""),
        ({"Precedence": "bulk"}, ""),
        ({"List_Id": "<news.example.com>"}, ""),
        ({"Return_Path": "<>"}, "Return-Path"),
        ({"X_Auto_Response_Suppress": "All"}, ""),
        ({}, ""),
    ],
)
def test_automatic_mails_are_detected(headers: dict[str, str], by: str) -> None:
    import email

    assert automatic(email.message_from_bytes(mail(**headers))) == by


@pytest.fixture
def support(tmp_path: Path) -> SupportFixture:
    engine = new_database(tmp_path)
    config = (
        "desks: {branch: {type: smtp, mail: branch@example.com}}\n"
        "ladder: {supervisor: {mail: boss@example.com}}"
    )
    return support_fixture(
        engine, parse_support("support.yml", config, ZoneInfo("UTC")), mails=True
    )


@pytest.fixture
def inbox(support: SupportFixture, tmp_path: Path) -> MailIntake:
    return MailIntake(support.workflow, Uploads(support.engine), read, ["help@example.com"])


def read(subject: str, text: str) -> MailAnswer:
    return MailAnswer(language="ja", section="returns", answers=STRICT if "返品" in subject else ())


def only(support: SupportFixture):  # type: ignore[no-untyped-def]
    (case,) = support.workflow.cases.inbox(Filter(state="all"), NOW).cases
    return support.again(case)


def test_a_mail_becomes_a_case_and_is_answered_once_with_an_article(
    support: SupportFixture, inbox: MailIntake
) -> None:
    assert [inbox.take(mail(), NOW), inbox.take(mail(), NOW + HOUR)] == ["created", "known"]
    case, (reply,) = only(support), support.mails()
    assert (case.mail, case.name, case.channel, case.state, case.message) == (
        "hanako@example.com",
        "山田花子",
        "mail",
        "answered",
        "箱がありません。",
    )
    assert (
        "30日以内です。" in reply["body"]
        and "solved?answer=yes" in reply["body"]
        and "solved?answer=no" in reply["body"]
    )
    assert reply["automatic"] == "auto-replied" and reply["in_reply_to"].endswith(
        "@mail.example.com>"
    )


def test_a_mail_that_no_article_answers_goes_to_a_person(
    support: SupportFixture, inbox: MailIntake
) -> None:
    inbox.take(mail("電気がつかない"), NOW)
    assert (
        only(support).state == "open"
        and support.log.names == ["ticket_created"]
        and "受け付けました" in support.mails()[0]["subject"]
    )


def test_a_reply_finds_its_case_by_references_and_reopens_it(
    support: SupportFixture, inbox: MailIntake
) -> None:
    inbox.take(mail(), NOW)
    sent = support.mails()[0]["message_id"]
    text = "まだです。\n\n> これは自動の返信です\n> 解決しましたか"
    assert (
        inbox.take(
            mail("Re: 返品したい", text, message_id="<r1@x>", References=f"<other@x> {sent}"),
            NOW + HOUR,
        )
        == "added"
    )
    assert (
        inbox.take(mail("Re: 返品したい", text, message_id="<r1@x>", References=sent), NOW + HOUR)
        == "known"
    )
    assert [one.text for one in support.workflow.cases.messages(only(support).case_id)] == [
        "まだです。"
    ] and only(support).state == "open"
    # And a reply to that reply, which references only the customer's own mail.
    assert (
        inbox.take(
            mail("Re: 返品したい", "もう一つ", message_id="<r2@x>", In_Reply_To="<r1@x>"),
            NOW + 2 * HOUR,
        )
        == "added"
    )


def test_a_number_in_the_subject_joins_only_mails_of_the_case_sender(
    support: SupportFixture, inbox: MailIntake
) -> None:
    inbox.take(mail("電気がつかない"), NOW)
    number = only(support).number
    assert inbox.take(mail(f"Re: [#{number}]", "つづき", message_id="<a@x>"), NOW) == "added"
    assert (
        inbox.take(
            mail(f"Re: [#{number}]", "見せて", sender="eve@example.com", message_id="<b@x>"), NOW
        )
        == "created"
    )
    assert [
        one.text for one in support.workflow.cases.messages(only_of(support, number).case_id)
    ] == ["つづき"]


def only_of(support: SupportFixture, number: str):  # type: ignore[no-untyped-def]
    return support.workflow.cases.by_number(number)


def test_the_branch_that_has_a_case_replies_by_mail(
    support: SupportFixture, inbox: MailIntake
) -> None:
    inbox.take(mail("電気がつかない"), NOW)
    support.workflow.transfer(only(support), "branch", "佐藤", NOW)
    import json

    from sqlalchemy import text

    with support.engine.connect() as connection:
        sent = json.loads(
            connection.execute(
                text("select payload from outbox where sink = 'branch'")
            ).scalar_one()
        )["message_id"]
    assert (
        inbox.take(
            mail(
                "Re: x",
                "電球を替えてください。",
                sender="Branch <branch@example.com>",
                References=sent,
            ),
            NOW + HOUR,
        )
        == "answered"
    )
    assert (
        only(support).state == "waiting"
        and support.mails()[-1]["to"] == "hanako@example.com"
        and "電球を替えて" in support.mails()[-1]["body"]
    )


@pytest.mark.parametrize(
    "header",
    [{"Auto_Submitted": "auto-replied"}, {"Precedence": "list"}, {"List_Id": "<l.example.com>"}],
)
def test_automatic_mails_get_no_automatic_reply(
    support: SupportFixture, inbox: MailIntake, header: dict[str, str]
) -> None:
    assert inbox.take(mail(**header), NOW) == "created"
    assert only(support).state == "open" and all(
        sent["automatic"] != "auto-replied" for sent in support.mails()
    )


def test_two_autoresponders_do_not_loop(support: SupportFixture, inbox: MailIntake) -> None:
    inbox.take(mail("電気がつかない"), NOW)
    before = len(support.mails())
    for number in range(20):
        last = support.mails()[-1]["message_id"]
        assert (
            inbox.take(
                mail(
                    "Re: 不在です",
                    "休みです",
                    message_id=f"<v{number}@x>",
                    References=last,
                    Auto_Submitted="auto-replied",
                ),
                NOW + number,
            )
            == "noted"
        )
    assert len(support.mails()) == before


def test_many_bounces_create_no_case_and_no_mail(
    support: SupportFixture, inbox: MailIntake
) -> None:
    for number in range(200):
        raw = mail(
            "Undelivered Mail Returned to Sender",
            "550",
            sender="MAILER-DAEMON@mx.example.com",
            message_id=f"<b{number}@x>",
            Return_Path="<>",
        )
        assert inbox.take(raw, NOW + number) == "ignored"
    assert (
        support.mails() == [] and support.workflow.cases.inbox(Filter(state="all"), NOW).total == 0
    )


def test_our_own_mails_are_not_answered(inbox: MailIntake) -> None:
    assert inbox.take(mail(sender="help@example.com"), NOW) == "ignored"


def test_automatic_replies_per_address_and_day_are_limited(
    support: SupportFixture, inbox: MailIntake
) -> None:
    for number in range(10):
        inbox.take(mail(f"返品 {number}"), NOW + number)
    assert sum(sent["automatic"] == "auto-replied" for sent in support.mails()) == REPLIES_A_DAY
    inbox.take(mail("返品 again"), NOW + DAY + HOUR)
    assert sum(sent["automatic"] == "auto-replied" for sent in support.mails()) == REPLIES_A_DAY + 1


def test_headers_cannot_be_injected_by_a_subject_or_a_name(
    support: SupportFixture, inbox: MailIntake
) -> None:
    raw = (
        b"From: =?utf-8?Q?a=0ABcc:_eve@example.com?= <hanako@example.com>\r\n"
        b"Subject: =?utf-8?Q?x=0D=0ABcc:_eve@example.com?=\r\nMessage-ID: <s@x>\r\n\r\nhi"
    )
    inbox.take(raw, NOW)
    case = only(support)
    # The address inside the encoded name is part of the name.
    assert (case.mail, case.name, case.subject) == (
        "hanako@example.com",
        "a Bcc: eve@example.com",
        "x Bcc: eve@example.com",
    )
    from kb_app.smtp import Mail, _message
    from tests.support import make_settings

    made = _message(
        make_settings(Path(), Path(), mail_from="help@example.com"),
        Mail("a@example.com", "x\r\nBcc: eve@example.com", "", to_name="a\nBcc: e"),
    )
    assert made["Bcc"] is None and "\n" not in made["Subject"]


def test_files_are_kept_and_rejected_files_are_noted(
    support: SupportFixture, inbox: MailIntake
) -> None:
    message = EmailMessage()
    message["From"], message["Subject"], message["Message-ID"] = (
        "hanako@example.com",
        "電気",
        "<f@x>",
    )
    message.set_content("写真です")
    message.add_attachment(
        b"%PDF-1.7 x", maintype="application", subtype="pdf", filename="領収書.pdf"
    )
    message.add_attachment(
        b"MZ", maintype="application", subtype="octet-stream", filename="写真.exe"
    )
    inbox.take(message.as_bytes(), NOW)
    case = only(support)
    assert [file.name for file in support.workflow.cases.attachments(case.case_id)] == [
        "領収書.pdf"
    ]
    assert "写真.exe (type)" in support.workflow.cases.messages(case.case_id, notes=True)[0].text


def test_a_long_mail_is_kept_completely(support: SupportFixture, inbox: MailIntake) -> None:
    text = "長い。" * 5_000
    inbox.take(mail("電気", text), NOW)
    case = only(support)
    assert (
        case.message
        + "".join(one.text for one in support.workflow.cases.messages(case.case_id, notes=True))
        == text
    )


def said(text: str) -> str:
    return split_reply(text).said


def test_a_reply_is_kept_without_the_quoted_mail() -> None:
    assert said("はい。\n\n> 前の\n> 文") == "はい。" and said("> だけ") == "> だけ"
    assert (
        said(
            "まだです。\n\n"
            "2026年11月22日(日) 21:30 つばめ商店 <help@example.com>:\n> 解決しましたか"
        )
        == "まだです。"
    )
    assert (
        said("Not yet.\n\nOn Sun, 22 Nov 2026, Tsubame <help@example.com> wrote:\n> x")
        == "Not yet."
    )
    assert said("だめでした\n\n-----Original Message-----\nFrom: x") == "だめでした"


@pytest.mark.parametrize(
    ("subject", "text", "asked"),
    [
        ("Re: 返品の送料はいくらですか", "本文", "返品の送料はいくらですか"),
        ("お問い合わせ", "返品したい", "お問い合わせ 返品したい"),
        ("", "> 引用\n返品", "返品"),
        ("Fwd: RE: where is my parcel", "x", "where is my parcel"),
    ],
)
def test_the_query_of_a_mail(subject: str, text: str, asked: str) -> None:
    assert question_of(subject, text) == asked


# --- adversarial cases ---

HOSTILE = [
    b"From: a@example.com\r\nSubject: =?utf-8?B?a?=\r\n\r\nwords",
    b"From: =?utf-8?B?a?= <a@example.com>\r\n\r\nwords",
    b"From: a@example.com\r\nContent-Type: text/html; charset=utf-7\r\n\r\n+2AA- words",
    b"From: a@example.com\r\nContent-Type: text/plain; charset=unicode_escape\r\n\r\n\\ud800 words",
    b"From: a@example.com\r\nContent-Type: text/plain; name*=a%00b'en'x\r\n\r\nwords",
    b"From: a@example.com\r\n"
    + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
        for n in range(1_500)
    )
    + b"\r\nwords",
]


@pytest.mark.parametrize(
    "raw", HOSTILE, ids=["subject", "from", "utf-7", "surrogate", "charset of a name", "nested"]
)
def test_hostile_mails_become_ordinary_cases(
    support: SupportFixture, inbox: MailIntake, raw: bytes
) -> None:
    assert inbox.take(raw, NOW) == "created"
    assert only(support).mail == "a@example.com"


def test_automatic_mails_get_no_confirmation(support: SupportFixture, inbox: MailIntake) -> None:
    for number in range(60):
        inbox.take(
            mail("電気", f"{number}", Auto_Submitted="auto-replied", Precedence="bulk"),
            NOW + number,
        )
    assert support.mails() == []
    # Nothing is lost: mails over the limit are kept separately.
    cases = support.workflow.cases
    assert (
        cases.inbox(Filter(state="all"), NOW).total
        + cases.inbox(Filter(state="all", spam=True), NOW).total
        == 60
    )


def test_only_a_mail_sent_to_the_branch_can_be_answered_as_the_branch(
    support: SupportFixture, inbox: MailIntake
) -> None:
    inbox.take(mail("電気がつかない"), NOW)
    support.workflow.transfer(only(support), "branch", "佐藤", NOW)
    sent = support.mails()[0]["message_id"]
    assert (
        inbox.take(
            mail("Re: x", "解決です", sender="branch@example.com", References=sent), NOW + HOUR
        )
        == "added"
    )
    (said,) = [
        one
        for one in support.workflow.cases.messages(only(support).case_id)
        if one.author == "customer"
    ]
    assert said.who == "branch@example.com" and only(support).state == "open"


def test_a_long_reply_and_its_files_are_kept_completely_and_once(
    support: SupportFixture, inbox: MailIntake
) -> None:
    inbox.take(mail("電気がつかない"), NOW)
    message = EmailMessage()
    message["From"], message["Subject"], message["Message-ID"] = (
        "hanako@example.com",
        "Re",
        f"<{'r' * 90}@x>",
    )
    message["References"] = support.mails()[0]["message_id"]
    message.set_content("長い。" * 4_000)
    message.add_attachment(b"%PDF-1.7 x", maintype="application", subtype="pdf", filename="a.pdf")
    assert inbox.take(message.as_bytes(), NOW + HOUR) == "added"
    case = only(support)
    assert (
        sum(len(one.text) for one in support.workflow.cases.messages(case.case_id, notes=True))
        == 12_000
    )
    assert len(support.workflow.cases.attachments(case.case_id)) == 1


def test_long_message_ids_are_written_unfolded(tmp_path: Path) -> None:
    from kb_app.smtp import Mail, _message
    from tests.support import make_settings

    name = f"<PAXPR{'0' * 80}@PAXPR.eurprd04.prod.outlook.com>"
    made = _message(
        make_settings(tmp_path, tmp_path),
        Mail("a@example.com", "題", "本文", in_reply_to=name, references=f"{name} {name}"),
    )
    assert name in made.as_string() and "=?utf-8?q?=3C" not in made.as_string()


def test_disabled_analytics_record_no_mail(support: SupportFixture, tmp_path: Path) -> None:
    box = MailIntake(
        support.workflow,
        Uploads(support.engine),
        lambda _subject, _text: MailAnswer(language="ja", recorded=False),
        [],
    )
    box.take(mail("電気がつかない"), NOW)
    assert support.log.told == []


# --- nothing a customer wrote is thrown away ---


def test_the_mail_as_it_came_is_kept_for_the_desk(
    support: SupportFixture, inbox: MailIntake
) -> None:
    raw = mail("電気がつかない")
    inbox.take(raw, NOW)
    cases, case = support.workflow.cases, only(support)
    assert cases.attachments(case.case_id) == []
    (kept,) = cases.attachments(case.case_id, mails=True)
    assert b"".join(inbox._uploads.read(kept) or ()) == raw
    assert (kept.type, kept.name) == ("message/rfc822", "mail.eml")


def test_what_a_reply_quotes_is_kept_as_a_note(support: SupportFixture, inbox: MailIntake) -> None:
    inbox.take(mail("電気がつかない"), NOW)
    reply = EmailMessage()
    reply["From"], reply["Subject"] = "hanako@example.com", "Re"
    reply["References"] = support.mails()[0]["message_id"]
    reply.set_content("まだです。\n\n-----Original Message-----\nFrom: x\n\n色は？\n青です。")
    assert inbox.take(reply.as_bytes(), NOW + HOUR) == "added"
    messages = support.workflow.cases.messages(only(support).case_id, notes=True)
    assert [(one.who, one.text) for one in messages if one.author == "customer"] == [
        ("", "まだです。")
    ] or messages
    (quoted,) = [one.text for one in messages if one.who == "quoted"]
    assert quoted.endswith("青です。")


def test_a_machine_in_a_case_is_noted_with_all_its_text_and_files(
    support: SupportFixture, inbox: MailIntake
) -> None:
    inbox.take(mail("電気がつかない"), NOW)
    reply = EmailMessage()
    reply["From"], reply["Subject"] = "hanako@example.com", "自動返信: 不在のお知らせ"
    reply["References"] = support.mails()[0]["message_id"]
    reply.set_content("不在です。" * 500)
    reply.add_attachment(b"%PDF-1.7 x", maintype="application", subtype="pdf", filename="a.pdf")
    assert inbox.take(reply.as_bytes(), NOW + HOUR) == "noted"
    case = only(support)
    noted = support.workflow.cases.messages(case.case_id, notes=True)
    assert sum(one.text.count("不在です。") for one in noted) == 500
    assert [file.name for file in support.workflow.cases.attachments(case.case_id)] == ["a.pdf"]


@pytest.mark.parametrize(
    "sender", ["山田 <山田@例え.jp>", '"jan smith"@example.com', "scanner@copier"]
)
def test_who_cannot_be_answered_has_a_case_too(
    support: SupportFixture, inbox: MailIntake, sender: str
) -> None:
    raw = f"From: {sender}\nSubject: x\nMessage-ID: <q@x>\n\n電気がつかない".encode()
    assert inbox.take(raw, NOW) == "created"
    case = only(support)
    assert case.mail == "" and sender.split("@", maxsplit=1)[0].strip('"').split()[0] in case.name
    assert support.mails() == []


def test_a_web_form_is_answered_at_reply_to(support: SupportFixture, inbox: MailIntake) -> None:
    raw = (
        b"From: noreply@shop.example\nReply-To: Hanako <hanako@example.com>\n"
        b"Subject: Form\nMessage-ID: <f@x>\n\nno light"
    )
    assert inbox.take(raw, NOW) == "created"
    assert only(support).mail == "hanako@example.com"
