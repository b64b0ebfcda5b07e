"""Mail as people and their programs write it: every character of the customer's words arrives."""

from __future__ import annotations

import itertools
from email.message import EmailMessage
from email.mime.base import MIMEBase
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest

from kb_app.support.inbound.charsets import decode
from kb_app.support.inbound.email_parser import Incoming, read_mail
from kb_app.support.inbound.html_text import html_to_text
from kb_app.support.inbound.quotations import split_reply

JA = "注文番号①の髙橋です。㈱つばめ、№5。ご確認ください。"
PLAIN_JA = "注文した商品が届きません。返金してください。"


def jis(text: str) -> bytes:
    """ISO-2022-JP as Windows writes it: NEC's and IBM's characters in JIS rows."""
    out = b""
    for char in text:
        if char.isascii():
            out += b"\x1b(B" + char.encode() + b"\x1b$B"
            continue
        lead, trail = char.encode("cp932")
        row = ((lead - (0x71 if lead <= 0x9F else 0xB1)) * 2) + 1
        cell = trail - (1 if trail >= 0x80 else 0)
        row, cell = (row + 1, cell - 0x7D) if cell >= 0x9E else (row, cell - 0x1F)
        out += bytes([row, cell])
    return b"\x1b$B" + out + b"\x1b(B"


def raw_mail(head: str, body: bytes) -> Incoming:
    lines = ["From: Hanako <hanako@example.com>", "Subject: x", *head.split("\n")]
    return read_mail("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


# --- charsets ---


@pytest.mark.parametrize(
    "head",
    [
        "X-None: 1",
        "Content-Type: text/plain",
        "Content-Type: text/plain; charset=us-ascii",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Type: text/plain; charset=iso-2022-jp",
        "Content-Type: text/plain; charset=iso-2022-jp-ms",
        "Content-Type: text/plain; charset=cp50220",
        "Content-Type: text/plain; charset=cp50221",
        "Content-Type: text/plain; charset=x-nonsense",
    ],
)
def test_jis_is_read_whatever_the_header_says(head: str) -> None:
    assert raw_mail(head, jis(JA)).text == JA


def test_one_bad_byte_costs_one_character() -> None:
    good = jis(PLAIN_JA)
    text = decode(good[:9] + b"\xff" + good[10:], "iso-2022-jp")
    assert text.endswith("返金してください。") and text.startswith("注文")
    broken = PLAIN_JA.encode()[:-6] + b"\xff" + PLAIN_JA.encode()[-3:]
    assert decode(broken, "utf-8").startswith(PLAIN_JA[:-2])


@pytest.mark.parametrize("codec", ["cp932", "euc_jp", "utf-8", "utf-16"])
@pytest.mark.parametrize("declared", ["", "us-ascii", "unknown-8bit"])
def test_japanese_without_a_charset_is_recognised(codec: str, declared: str) -> None:
    assert decode(PLAIN_JA.encode(codec), declared) == PLAIN_JA


@pytest.mark.parametrize("declared", ["iso-8859-1", "windows-1252", "windows1252", "latin1", ""])
def test_nameless_latin_is_windows_1252(declared: str) -> None:
    text = "I can’t log in – it says “wrong”. I paid €20. Café Müller"
    assert decode(text.encode("cp1252"), declared) == text


@pytest.mark.parametrize("codec", ["iso-2022-jp", "euc_jp", "cp932"])
def test_the_charset_in_meta_counts(codec: str) -> None:
    name = {"cp932": "shift_jis"}.get(codec, codec.replace("_", "-"))
    markup = f'<html><head><meta charset="{name}"></head><p>{PLAIN_JA}</p>'
    found = raw_mail("Content-Type: text/html", markup.encode(codec))
    assert found.text == PLAIN_JA


@pytest.mark.parametrize("codec", ["cp932", "iso-2022-jp", "euc_jp", "utf-8"])
def test_raw_bytes_in_subject_and_file_name(codec: str) -> None:
    head = (
        b"From: a@example.com\r\nSubject: " + "返品の写真".encode(codec) + b"\r\n"
        b'Content-Type: image/png\r\nContent-Disposition: attachment; filename="'
        + "写真.png".encode(codec)
        + b'"\r\n\r\nx'
    )
    found = read_mail(head)
    assert (found.subject, found.files[0][0]) == ("返品の写真", "写真.png")


# --- parts ---


def attached(mail: MIMEMultipart, *parts: MIMEBase) -> Incoming:
    mail["From"], mail["Subject"] = "hanako@example.com", "x"
    for part in parts:
        mail.attach(part)
    return read_mail(mail.as_bytes())


def picture() -> MIMEBase:
    part = MIMEBase("image", "png")
    part.set_payload(b"\x89PNG")
    return part


def test_all_parts_of_a_mixed_mail_are_read_in_order() -> None:
    found = attached(
        MIMEMultipart("mixed"),
        MIMEText("Look at this:"),
        picture(),
        MIMEText("<p>and please <b>cancel</b> order 12345.</p>", "html"),
        MIMEText("-- \nSent by a gateway"),
    )
    assert found.text == "Look at this:\n\nand please cancel order 12345.\n\n-- \nSent by a gateway"
    assert [name for name, _ in found.files] == ["file.png"]


@pytest.mark.parametrize(
    "plain", ["", "\u00a0\n", "Your mail program does not show HTML.", "HTMLメールを表示できません"]
)
def test_the_best_alternative_is_read(plain: str) -> None:
    html = "<p>The lamp does not go on, please send me another one.</p>"
    found = attached(
        MIMEMultipart("alternative"), MIMEText(plain, _charset="utf-8"), MIMEText(html, "html")
    )
    assert found.text == "The lamp does not go on, please send me another one."


def test_plain_text_is_read_where_both_say_the_same() -> None:
    found = attached(
        MIMEMultipart("alternative"), MIMEText("Hello *you*"), MIMEText("<p>Hello you", "html")
    )
    assert found.text == "Hello *you*"


def test_a_mail_attached_to_a_mail_is_a_file() -> None:
    stranger = MIMEMultipart()
    stranger["From"], stranger["Subject"] = "bank@evil.example", "Urgent"
    stranger.attach(MIMEText("Cancel my account."))
    stranger.attach(picture())
    found = attached(
        MIMEMultipart(), MIMEText("Is this mail really from you?"), MIMEMessage(stranger)
    )
    assert found.text == "Is this mail really from you?" and found.sender == "hanako@example.com"
    ((name, data),) = found.files
    assert name == "Urgent.eml" and b"Cancel my account." in data


def test_an_invitation_is_read_and_kept() -> None:
    ics = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260105T100000Z\r\n"
        "SUMMARY:Repair visit\r\nLOCATION:Tokyo\r\nDESCRIPTION:Please come at ten.\r\n"
        "END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    part = MIMEText(ics, "calendar")
    found = attached(MIMEMultipart("alternative"), part)
    assert "Repair visit" in found.text and "Please come at ten." in found.text
    assert "2026-01-05 10:00" in found.text and found.files[0][0] == "invitation.ics"


@pytest.mark.parametrize(
    ("parameters", "body", "text"),
    [
        (
            "format=flowed",
            "This is a \nlong line.\n\n> quoted \n> on\n",
            "This is a long line.\n\n> quoted on",
        ),
        ("format=flowed; delsp=yes", "どう \nすれば \nよいですか。", "どうすればよいですか。"),
    ],
)
def test_flowed_lines_are_joined(parameters: str, body: str, text: str) -> None:
    head = f"Content-Type: text/plain; charset=utf-8; {parameters}"
    assert raw_mail(head, body.encode()).text == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        (
            "<table><tr><td>Order<td>12345<tr><td>Quantity<td>2</table>",
            "Order | 12345\nQuantity | 2",
        ),
        ("<ul><li>blue<li>red</ul>Screenshot", "- blue\n- red\n\nScreenshot"),
        ("<ol><li>a</li><li>b</li></ol>", "1. a\n2. b"),
        ("<pre>error 1\n  error 2</pre>", "error 1\n  error 2"),
        ('<a href="https://x.example/a">here</a>', "here <https://x.example/a>"),
        ('<a href="https://x.example/a">https://x.example/a</a>', "https://x.example/a"),
        ("a<br>b<hr>c", "a\nb\n---\nc"),
        ("<style>p{}</style><p>返品は&amp;交換は<br>どちら?</p>", "返品は&交換は\nどちら?"),
        ("<p>yes</p><blockquote><p>old</p></blockquote>", "yes\n\n> old"),
        ('<img alt="the lamp" src="x">', "[the lamp]"),
        ('<div style="display:none">preheader</div>Hello', "Hello"),
    ],
)
def test_html_as_text(markup: str, text: str) -> None:
    assert html_to_text(markup) == text


# --- who writes ---


def sent(**headers: str) -> Incoming:
    mail = EmailMessage()
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return read_mail("\r\n".join([*lines, "", str(mail.get_payload() or "text")]).encode())


def test_answers_go_to_reply_to() -> None:
    found = sent(From="noreply@shop.example", Reply_To="Hanako <hanako@example.com>")
    assert (found.sender, found.answer_to) == ("noreply@shop.example", "hanako@example.com")


@pytest.mark.parametrize(
    ("address", "answer_to"),
    [
        ("jan@müller.example", "jan@xn--mller-kva.example"),
        ("yamada@例え.jp", "yamada@xn--r8jz45g.jp"),
        ("山田@例え.jp", ""),
        ('"jan smith"@example.com', ""),
        ("scanner@copier", ""),
    ],
)
def test_senders_of_all_kinds_are_somebody(address: str, answer_to: str) -> None:
    found = sent(From=f"Somebody <{address}>")
    assert found.answer_to == answer_to and address.strip('"').split("@")[0] in found.written_by


def test_a_mail_without_from_is_from_its_sender() -> None:
    assert sent(Sender="a@example.com").answer_to == "a@example.com"


@pytest.mark.parametrize(
    ("headers", "machine", "quiet"),
    [
        ({"X_Auto_Response_Suppress": "All"}, "", True),
        ({"List_Id": "<team.example.com>"}, "", True),
        ({"Precedence": "bulk"}, "", True),
        ({"Auto_Submitted": "auto-replied"}, "Auto-Submitted", True),
        ({"Auto_Submitted": "no"}, "", False),
        ({"Subject": "自動返信: 不在のお知らせ"}, "Subject", True),
        ({"Subject": "Automatic reply: Re: order"}, "Subject", True),
        ({"Subject": "Abwesenheitsnotiz: Urlaub"}, "Subject", True),
        ({"Subject": "The automatic door does not open"}, "", False),
    ],
)
def test_machines_and_people(headers: dict[str, str], machine: str, quiet: bool) -> None:
    found = sent(From="a@example.com", **headers)
    assert (found.automatic, found.quiet) == (machine, quiet)


# --- quotations ---


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "Still broken.\n\nFrom: Help <h@x.example>\nSent: Monday\nTo: H\nSubject: Re\n\nOld",
            "Still broken.",
        ),
        (
            "まだです。\n\n差出人: つばめ <h@x.ex>\n送信日時: 5日\n宛先: 佐藤\n件名: 注文\n\n前",
            "まだです。",
        ),
        (
            "It fails.\n\nOn Tue, Mar 6, 2018 at 7:33 PM, The desk <h@x.example>\nwrote:\n\n> a",
            "It fails.",
        ),
        ("まだ。\n\n2026年1月5日(月) 10:12 つばめ商店\n<help@x.example>:\n\n> 文", "まだ。"),
        ("まだ。\n\n2026/01/05 つばめ商店さんのメール：\n> 文", "まだ。"),
        ("Still.\n\nOn Mon Help <h@x.example> wrote:\n> a\n\n-- \nHanako", "Still."),
        ("Oui.\n\nLe lun. 5 janv. 2026, Aide <h@x.example> a écrit :\n> a", "Oui."),
        ("Below.\n\n-----Original Message-----\nFrom: Help\n\nWhich?\nBLUE", "Below."),
    ],
)
def test_what_is_quoted_is_split_off_and_kept(text: str, said: str) -> None:
    found = split_reply(text)
    assert found.said == said
    assert sorted((found.said + found.quoted).replace("\n", "")) == sorted(text.replace("\n", ""))


@pytest.mark.parametrize(
    "text",
    [
        "The form:\n____________________________\nSerial number: 12345\n\nPlease repair it.",
        "See:\n\n------- Forwarded message -------\nFrom: A <a@x.ex>\nSubject: S\nDate: D\n\nLost.",
        "Hello,\n\nSend the new one to Taro Yamada <taro@example.com>:",
        "> Which colour?\nblue\n> How many?\ntwo",
        "> only a quotation",
    ],
)
def test_what_is_no_quotation_is_said(text: str) -> None:
    assert split_reply(text) == (text, "")


# --- the crossing of charset, header, client and parts ---

CHARSETS = {
    "utf-8": ("utf-8", JA),
    "iso-2022-jp": ("iso-2022-jp", PLAIN_JA),
    "shift_jis": ("cp932", JA),
    "euc-jp": ("euc_jp", PLAIN_JA),
    "windows-1252": ("cp1252", "Café “Müller” – €20, s’il vous plaît"),
}
HEADERS = ("right", "none", "us-ascii", "latin", "quoted")
CLIENTS = ("8bit", "base64", "quoted-printable", "flowed")
SHAPES = ("single", "mixed", "alternative", "related-html", "html")


def crossing(charset: str, header: str, client: str, shape: str) -> tuple[bytes, str]:
    """A mail, and the words that must arrive."""
    import base64
    import quopri

    codec, words = CHARSETS[charset]
    named = {
        "right": charset,
        "us-ascii": "us-ascii",
        "latin": "iso-8859-1",
        "quoted": f'"{charset}"',
    }
    label = f"; charset={named[header]}" if header in named else ""
    is_html = shape in ("html", "related-html")
    data = (f"<p>{words}</p>" if is_html else words).encode(codec)
    kind = "text/html" if is_html else "text/plain"
    flowed = "; format=flowed" if client == "flowed" else ""
    encoding = client if client in ("base64", "quoted-printable") else "8bit"
    body = {"base64": base64.encodebytes, "quoted-printable": quopri.encodestring}.get(
        encoding, bytes
    )(data)
    part = (
        f"Content-Type: {kind}{label}{flowed}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    ).encode() + body
    top = b"From: =?utf-8?B?6Iqx5a2Q?= <hanako@example.com>\r\nSubject: x\r\n"
    if shape in ("single", "html"):
        return top + part, words
    sub = {"mixed": "mixed", "alternative": "alternative", "related-html": "related"}[shape]
    parts = b"--b\r\n" + part + b"\r\n"
    if shape == "alternative":
        parts += b"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>other</p>\r\n"
    if shape == "mixed":
        parts += b"--b\r\nContent-Type: image/png\r\nContent-Disposition: inline\r\n\r\nx\r\n"
    return (
        top + f"Content-Type: multipart/{sub}; boundary=b\r\n\r\n".encode() + parts + b"--b--",
        words,
    )


@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("header", HEADERS)
def test_every_word_arrives_through_every_way(charset: str, header: str) -> None:
    ways = list(itertools.product(CLIENTS, SHAPES))
    assert len(ways) * len(CHARSETS) * len(HEADERS) >= 200
    for client, shape in ways:
        raw, words = crossing(charset, header, client, shape)
        found = read_mail(raw)
        assert found.text == words, (client, shape)
        assert found.sender_name == "花子"
