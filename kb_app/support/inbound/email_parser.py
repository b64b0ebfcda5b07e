"""A mail that came in, read: who writes, what, in which thread, and whether a machine wrote it. Pure; never fails on broken mail."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import policy
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.utils import getaddresses, quote

from kb_app.db.writing import storable
from kb_app.support.model import LONGEST_MAIL, MAIL

MAX_BYTES = 25 * 1024 * 1024
_ID = re.compile(r"<[^<>\s]{1,240}>")
_TAG = re.compile(r"\[#([2-9A-HJ-NP-Z]{8})\]")
# Charsets that mails name and Python knows under another name, or knows too strictly.
# One encoded word after another (RFC 2047), also between the quotes that some programs put around them.
_ENCODED_WORDS = re.compile(
    r'"?(=\?[^?\s]+\?[BbQq]\?[^?\r\n]*\?=(?:\s+=\?[^?\s]+\?[BbQq]\?[^?\r\n]*\?=)*)"?'
)
_CHARSETS = {
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "iso-2022-jp": "iso2022_jp_ext",
    "gb2312": "gb18030",
    "ks_c_5601-1987": "cp949",
}
_BREAKS = re.compile(r"(?i)<(?:br|/p|/div|/li|/tr|/h[1-6])[^>]*>")


@dataclass(frozen=True)
class Incoming:
    """A mail as far as it could be read. ``automatic`` names the sign of a machine, "" for a person's mail; ``bounce`` is a failed delivery."""

    message_id: str
    thread: tuple[str, ...]
    sender: str
    sender_name: str
    subject: str
    text: str
    automatic: str = ""
    bounce: bool = False
    files: tuple[tuple[str, bytes], ...] = ()

    @property
    def case_number(self) -> str:
        """The case's number in the subject."""
        found = _TAG.search(self.subject)
        return found[1] if found else ""


def read_mail(raw: bytes) -> Incoming:
    """Read a mail in whatever charset and state it comes; of one that cannot be read at all, its bytes as text."""
    try:
        return _read(raw)
    except (
        Exception
    ):  # the reader has many depths, and a mail that is refused would come again for ever
        return _as_it_is(raw)


def _as_it_is(raw: bytes) -> Incoming:
    """What can be picked out of the bytes of a mail that no reader understands."""
    head = raw[:100_000]
    sender = re.search(rb"(?im)^From:[^\r\n]*?([\w.+-]{1,64}@[\w.-]{1,190})", head)
    name = re.search(rb"(?im)^Message-ID:\s*(<[^<>\s]{1,240}>)", head)
    return Incoming(
        message_id=name[1].decode("ascii", "ignore") if name else "",
        thread=(),
        sender=sender[1].decode("ascii", "ignore") if sender else "",
        sender_name="",
        subject="",
        text=storable(_decode(head, ""))[:LONGEST_MAIL].strip(),
        # Never answered by a machine: nobody knows what it is.
        automatic="unreadable",
    )


def _read(raw: bytes) -> Incoming:
    message = BytesParser(policy=policy.compat32).parsebytes(raw[:MAX_BYTES])
    name, address = next(_addresses(message, "From"), ("", ""))
    name = storable(name)
    files = tuple(_files(message))
    thread = tuple(
        dict.fromkeys(
            _ID.findall(_raw(message, "References")) + _ID.findall(_raw(message, "In-Reply-To"))
        )
    )
    ids = _ID.findall(_raw(message, "Message-ID"))
    return Incoming(
        message_id=ids[0] if ids else "",
        thread=thread[-50:],
        sender=address if MAIL.match(address) else "",
        sender_name=" ".join(name.split())[:200],
        subject=" ".join(storable(_header(message, "Subject")).split())[:300],
        text=storable(_text(message))[:LONGEST_MAIL].strip(),
        automatic=automatic(message),
        bounce=_is_bounce(message, address),
        files=files,
    )


def automatic(message: Message) -> str:
    """Which header says that a machine wrote a mail, or that it went to a list (RFC 3834, RFC 2919); "" for a person's."""
    submitted = _raw(message, "Auto-Submitted").split(";")[0].strip().lower()
    if submitted and submitted != "no":
        return "Auto-Submitted"
    if _raw(message, "Precedence").strip().lower() in ("bulk", "junk", "list", "auto_reply"):
        return "Precedence"
    for name in (
        "List-Id",
        "List-Unsubscribe",
        "X-Auto-Response-Suppress",
        "X-Autoreply",
        "X-Autorespond",
        "X-Loop",
    ):
        if message.get(name) is not None:
            return name
    return "Return-Path" if _raw(message, "Return-Path").strip() == "<>" else ""


def _is_bounce(message: Message, address: str) -> bool:
    local = address.partition("@")[0].casefold()
    report = message.get_content_type() == "multipart/report" and "delivery-status" in str(
        message.get_param("report-type", "")
    )
    return (
        report
        or local in ("mailer-daemon", "postmaster")
        or (_raw(message, "Return-Path").strip() == "<>" and not _raw(message, "From").strip())
    )


def _raw(message: Message, name: str) -> str:
    return " ".join(str(message.get(name, "")).split())


def _header(message: Message, name: str) -> str:
    """A header decoded."""
    return _decoded(_as_sent(message, name))


def _addresses(message: Message, header: str) -> Iterator[tuple[str, str]]:
    """(name, address) of each one that a header names. Encoded names are quoted first: an address in such a name is part of the name."""
    quoted = _ENCODED_WORDS.sub(
        lambda words: f'"{quote(_decoded(words[1]))}"', _as_sent(message, header)
    )
    return ((name, address) for name, address in getaddresses([quoted]) if address)


def _as_sent(message: Message, name: str) -> str:
    """A header as it was sent, also where that was in bytes of some charset without saying so."""
    text = next(
        (
            " ".join(str(value).split())
            for key, value in message.raw_items()
            if key.casefold() == name.casefold()
        ),
        "",
    )
    if any(0xDC80 <= ord(char) <= 0xDCFF for char in text):
        return _decode(text.encode("ascii", "surrogateescape"), "")
    return text


def _decode(data: bytes, charset: str) -> str:
    """Bytes as text: in the charset they say, else in the likeliest."""
    wanted = _CHARSETS.get(charset.strip().casefold(), charset.strip())
    for name in dict.fromkeys(
        (wanted, "utf-8", "iso2022_jp_ext" if b"\x1b$" in data else "utf-8", "cp932", "euc_jp")
    ):
        try:
            return data.decode(name)
        except (UnicodeDecodeError, LookupError, ValueError):
            continue
    return data.decode("utf-8", "replace")


def _text(message: Message) -> str:
    """The plain part, else the HTML one as text."""
    plain: list[str] = []
    rich: list[str] = []
    for part in message.walk():
        if part.is_multipart() or part.get_content_disposition() == "attachment":
            continue
        kind = part.get_content_type()
        if kind in ("text/plain", "text/html"):
            payload = part.get_payload(decode=True)
            data = payload if isinstance(payload, bytes) else b""
            (plain if kind == "text/plain" else rich).append(
                _decode(data, part.get_content_charset() or "")
            )
    return (
        "\n".join(plain).replace("\r\n", "\n")
        if any(text.strip() for text in plain)
        else "\n".join(map(_as_plain, rich))
    )


def _as_plain(markup: str) -> str:
    import nh3

    text = nh3.clean(
        _BREAKS.sub("\n", markup.replace("\n", " ")),
        tags=set(),
        clean_content_tags={"script", "style", "head", "title"},
    )
    return "\n".join(
        " ".join(line.split()) for line in html.unescape(text).splitlines() if line.strip()
    )


def _files(message: Message) -> Iterator[tuple[str, bytes]]:
    for part in message.walk():
        if part.is_multipart():
            continue
        name = part.get_filename()
        if not name and part.get_content_disposition() != "attachment":
            continue
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes) and payload:
            yield storable(_decoded(name or "file")), payload


def _decoded(text: str) -> str:
    """Encoded words as text; anything broken stays as it is."""
    try:
        return "".join(
            part if isinstance(part, str) else _decode(part, charset or "ascii")
            for part, charset in decode_header(text)
        )
    except (ValueError, MessageError):
        return text
