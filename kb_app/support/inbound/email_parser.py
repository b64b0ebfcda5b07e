"""Parses incoming mail: sender, text, thread, attachments and automatic-mail detection.

Never fails on malformed mail.
"""

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
from itertools import islice

from kb_app.db.writing import storable
from kb_app.support.model import LONGEST_MAIL, MAIL

# Parts of a mail beyond these are not read; no person writes so many.
MAX_BYTES = 25 * 1024 * 1024
MAX_PARTS = 200
MAX_HTML_CHARS = 200_000
_ID = re.compile(r"<[^<>\s]{1,240}>")
_TAG = re.compile(r"\[#([2-9A-HJ-NP-Z]{8})\]")
# Consecutive encoded words (RFC 2047), with or without the quotes that some programs add.
_ENCODED_WORDS = re.compile(
    r'"?(=\?[^?\s]+\?[BbQq]\?[^?\r\n]*\?=(?:\s+=\?[^?\s]+\?[BbQq]\?[^?\r\n]*\?=)*)"?'
)
# Charset names in mails -> Python codecs, or more tolerant supersets of them.
_CHARSETS = {
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "iso-2022-jp": "iso2022_jp_ext",
    "gb2312": "gb18030",
    "ks_c_5601-1987": "cp949",
}
_BREAKS = re.compile(r"(?i)<(?:br|/p|/div|/li|/tr|/h[1-6])[^<>]*>")


@dataclass(frozen=True)
class Incoming:
    """A parsed mail.

    ``automatic`` names the header that marks an automatic or list mail, "unreadable" for a mail
    that could not be parsed, "" for a mail from a person. ``bounce`` is a delivery failure report.
    """

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
        """The case number in the subject, "" if there is none."""
        match = _TAG.search(self.subject)
        return match[1] if match else ""


def read_mail(raw: bytes) -> Incoming:
    """Parse a mail in any charset; if that fails, return its bytes as text."""
    try:
        return _read(raw)
    except Exception:  # a rejected mail would be fetched again and again
        return unreadable_mail(raw)


def unreadable_mail(raw: bytes) -> Incoming:
    """Sender, Message-ID and text of a mail that the parser cannot handle."""
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
        # Marked as automatic, so that it gets no automatic reply.
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
    """The header that marks an automatic or list mail (RFC 3834, RFC 2919), "" if there is none."""
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
    """A decoded header."""
    return _decoded(_as_sent(message, name))


def _addresses(message: Message, header: str) -> Iterator[tuple[str, str]]:
    """(name, address) of each address in a header.

    Encoded names are quoted first, so that an address inside a name stays part of the name.
    """
    quoted = _ENCODED_WORDS.sub(
        lambda words: f'"{quote(_decoded(words[1]))}"', _as_sent(message, header)
    )
    return ((name, address) for name, address in getaddresses([quoted]) if address)


def _as_sent(message: Message, name: str) -> str:
    """A header before decoding of encoded words; raw 8-bit headers are decoded by guessing."""
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
    """Decode bytes in the declared charset, else in the first likely one that works."""
    declared = _CHARSETS.get(charset.strip().casefold(), charset.strip())
    for name in dict.fromkeys(
        (declared, "utf-8", "iso2022_jp_ext" if b"\x1b$" in data else "utf-8", "cp932", "euc_jp")
    ):
        try:
            return data.decode(name)
        except (UnicodeDecodeError, LookupError, ValueError):
            continue
    return data.decode("utf-8", "replace")


def _text(message: Message) -> str:
    """The plain text parts, else the HTML parts converted to text."""
    plain: list[str] = []
    rich: list[str] = []
    for part in _parts(message):
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


def _parts(message: Message) -> Iterator[Message]:
    return islice(message.walk(), MAX_PARTS)


def _as_plain(markup: str) -> str:
    import nh3

    text = nh3.clean(
        _BREAKS.sub("\n", markup[:MAX_HTML_CHARS].replace("\n", " ")),
        tags=set(),
        clean_content_tags={"script", "style", "head", "title"},
    )
    return "\n".join(
        " ".join(line.split()) for line in html.unescape(text).splitlines() if line.strip()
    )


def _files(message: Message) -> Iterator[tuple[str, bytes]]:
    for part in _parts(message):
        if part.is_multipart():
            continue
        name = part.get_filename()
        if not name and part.get_content_disposition() != "attachment":
            continue
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes) and payload:
            yield storable(_decoded(name or "file")), payload


def _decoded(text: str) -> str:
    """Decode encoded words; malformed ones stay unchanged."""
    try:
        return "".join(
            part if isinstance(part, str) else _decode(part, charset or "ascii")
            for part, charset in decode_header(text)
        )
    except (ValueError, MessageError):
        return text
