"""Parses incoming mail: sender, text, thread, files, and whether a machine wrote it.

Never fails on malformed mail.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import policy
from email.message import Message
from email.parser import BytesParser
from email.utils import getaddresses, quote

import idna

from kb_app.db.writing import storable
from kb_app.support.inbound.charsets import decode
from kb_app.support.inbound.mail_parts import contents_of, decoded_words
from kb_app.support.model import LONGEST_MAIL, MAIL

MAX_BYTES = 25 * 1024 * 1024
_ID = re.compile(r"<[^<>\s]{1,240}>")
_TAG = re.compile(r"\[#([2-9A-HJ-NP-Z]{8})\]")
# Consecutive encoded words (RFC 2047), with or without the quotes that some programs add.
_ENCODED_WORDS = re.compile(
    r'"?(=\?[^?\s]+\?[BbQq]\?[^?\r\n]*\?=(?:\s+=\?[^?\s]+\?[BbQq]\?[^?\r\n]*\?=)*)"?'
)
# Subjects of absences and other automatic answers, whatever the headers say.
_AUTOMATIC_SUBJECT = re.compile(
    r"\A(?:re: ?)?(?:automatic reply|auto(?:matic)?[ -]?(?:reply|response|antwort)|autoreply"
    r"|out of (?:the )?office|自動返信|自動応答|【自動返信】|\[自動返信\]|不在のお知らせ|不在通知"
    r"|abwesenheitsnotiz|automatische antwort|réponse automatique)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Incoming:
    """A parsed mail.

    ``automatic`` names what marks a mail of a machine, "unreadable" for a mail that could not be
    parsed, "" for a mail from a person. ``quiet`` is true where nobody wants an automatic answer:
    lists, and senders that say so. ``bounce`` is a delivery failure report. ``answer_to`` is where
    answers go, "" if nowhere; ``written_by`` is the sender as written.
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
    quiet: bool = False
    answer_to: str = ""
    written_by: str = ""

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
        text=storable(decode(head))[:LONGEST_MAIL].strip(),
        # Marked as automatic, so that it gets no automatic reply.
        automatic="unreadable",
        quiet=True,
        answer_to=sender[1].decode("ascii", "ignore") if sender else "",
    )


def _read(raw: bytes) -> Incoming:
    message = BytesParser(policy=policy.compat32).parsebytes(raw[:MAX_BYTES])
    name, address = _sender(message)
    reply_to = next((found for _, found in _addresses(message, "Reply-To")), "")
    contents = contents_of(message)
    thread = tuple(
        dict.fromkeys(
            _ID.findall(_raw(message, "References")) + _ID.findall(_raw(message, "In-Reply-To"))
        )
    )
    ids = _ID.findall(_raw(message, "Message-ID"))
    subject = " ".join(storable(_header(message, "Subject")).split())[:300]
    machine = automatic(message, subject)
    return Incoming(
        message_id=ids[0] if ids else "",
        thread=thread[-50:],
        sender=mailable(address),
        sender_name=" ".join(storable(name).split())[:200],
        subject=subject,
        text=storable(contents.text)[:LONGEST_MAIL].strip(),
        automatic=machine,
        bounce=_is_bounce(message, address),
        files=tuple((storable(file), data) for file, data in contents.files),
        quiet=bool(machine) or _wants_no_answer(message),
        answer_to=mailable(reply_to) or mailable(address),
        written_by=storable(" ".join(f"{name} <{address}>".split()))[:300] if address else "",
    )


def _sender(message: Message) -> tuple[str, str]:
    """(name, address) of who wrote the mail: From, or else what comes nearest to it."""
    for header in ("From", "Sender", "Reply-To", "Return-Path"):
        found = next(_addresses(message, header), None)
        if found is not None:
            return found
    return "", ""


def mailable(address: str) -> str:
    """The address as mail servers take it, a domain of other letters by its ASCII name; or ""."""
    local, _, domain = address.strip().rpartition("@")
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except idna.IDNAError:
            return ""
    full = f"{local}@{domain}"
    return full if local and MAIL.match(full) else ""


def automatic(message: Message, subject: str = "") -> str:
    """What marks a mail of a machine (RFC 3834), "" if a person wrote it.

    Lists and X-Auto-Response-Suppress say nothing of it: they ask others not to answer.
    """
    submitted = _raw(message, "Auto-Submitted").split(";")[0].strip().lower()
    if submitted and submitted != "no":
        return "Auto-Submitted"
    if _raw(message, "Precedence").strip().lower() in ("junk", "auto_reply"):
        return "Precedence"
    for name in ("X-Autoreply", "X-Autorespond", "X-Autogenerated", "X-Loop"):
        if message.get(name) is not None:
            return name
    if _raw(message, "Return-Path").strip() == "<>":
        return "Return-Path"
    return "Subject" if _AUTOMATIC_SUBJECT.match(subject) else ""


def _wants_no_answer(message: Message) -> bool:
    """Whether an automatic answer would go to a list, or to somebody who asked for none."""
    names = ("List-Id", "List-Unsubscribe", "X-Auto-Response-Suppress")
    return any(message.get(name) is not None for name in names) or (
        _raw(message, "Precedence").strip().lower() in ("bulk", "list")
    )


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
    return decoded_words(_as_sent(message, name))


def _addresses(message: Message, header: str) -> Iterator[tuple[str, str]]:
    """(name, address) of each address in a header.

    Encoded names are quoted first, so that an address inside a name stays part of the name.
    """
    quoted = _ENCODED_WORDS.sub(
        lambda words: f'"{quote(decoded_words(words[1]))}"', _as_sent(message, header)
    )
    return ((name, address) for name, address in getaddresses([quoted]) if address)


def _as_sent(message: Message, name: str) -> str:
    """A header before decoding of encoded words; raw 8-bit and JIS headers are decoded."""
    text = next(
        (
            " ".join(str(value).split())
            for key, value in message.raw_items()
            if key.casefold() == name.casefold()
        ),
        "",
    )
    if "\x1b" in text or any(0xDC80 <= ord(char) <= 0xDCFF for char in text):
        return decode(text.encode("utf-8", "surrogateescape"))
    return text
