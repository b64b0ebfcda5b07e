"""The parts of a mail: its words in order, and its files. Pure.

All parts of multipart/mixed are read, of multipart/alternative the best one. A mail that is
attached to a mail is a file of the case: its words are not the customer's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.errors import MessageError
from email.generator import BytesGenerator
from email.header import decode_header
from email.message import Message
from io import BytesIO

from kb_app.support.inbound.charsets import decode
from kb_app.support.inbound.html_text import html_to_text

MAX_PARTS = 200
MAX_DEPTH = 20
_EMPTY_HINT = re.compile(
    r"(?i)(?:does not|doesn't|cannot|can't|unable to).{0,40}(?:HTML|display)"
    r"|HTML.{0,40}(?:表示|対応)"
)
_ALTERNATIVE_IS_MORE = 4
_ICS = re.compile(r"(?i)text/calendar|application/ics")


@dataclass
class Contents:
    """What a mail says and carries: texts in order, files with their names."""

    texts: list[str] = field(default_factory=list)
    files: list[tuple[str, bytes]] = field(default_factory=list)
    parts: int = 0

    @property
    def text(self) -> str:
        """The whole text."""
        return "\n\n".join(text for text in self.texts if text.strip())


def contents_of(message: Message) -> Contents:
    """Read the parts, at most MAX_PARTS."""
    found = Contents()
    _read(message, found, 0)
    return found


def _read(part: Message, found: Contents, depth: int) -> None:
    found.parts += 1
    if found.parts > MAX_PARTS or depth > MAX_DEPTH:
        return
    kind = part.get_content_type()
    if kind == "message/rfc822" or (kind.startswith("message/") and part.is_multipart()):
        _take_attached_mail(part, found)
    elif kind == "multipart/alternative" and part.is_multipart():
        _read_best(_children(part), found, depth)
    elif part.is_multipart():
        for child in _children(part):
            _read(child, found, depth + 1)
    else:
        _read_leaf(part, kind, found)


def _read_leaf(part: Message, kind: str, found: Contents) -> None:
    if _is_file(part):
        _take_file(part, found)
    elif _ICS.match(kind):
        found.texts.append(_invitation(part))
        _take_file(part, found, "invitation.ics")
    elif kind in ("text/plain", "text/html"):
        found.texts.append(text_of(part))
    elif not kind.startswith("multipart/"):
        _take_file(part, found)


def _children(part: Message) -> list[Message]:
    payload = part.get_payload()
    children = payload if isinstance(payload, list) else []
    return [child for child in children if isinstance(child, Message)]


def _read_best(children: list[Message], found: Contents, depth: int) -> None:
    """One alternative's words, and those of an invitation; the files of all."""
    plain, rich, invitation = "", "", ""
    for child in children:
        one = Contents(parts=found.parts)
        _read(child, one, depth + 1)
        found.parts = one.parts
        found.files += one.files
        kind = child.get_content_type()
        if kind == "text/plain":
            plain = plain or one.text
        elif _ICS.match(kind):
            invitation = one.text
        else:
            rich = max(rich, one.text, key=len)
    best = rich if _is_better(rich, plain) else plain
    found.texts.append(best)
    if invitation and invitation not in best:
        found.texts.append(invitation)


def _is_better(rich: str, plain: str) -> bool:
    """Whether the HTML says more: the plain part is empty, or only says that there is HTML."""
    words = "".join(plain.split())
    if not words:
        return bool(rich.strip())
    is_hint = bool(_EMPTY_HINT.search(plain)) and len(rich) > len(words) / 2
    return is_hint or (len(rich) > _ALTERNATIVE_IS_MORE * len(plain) and len(words) < 200)


# --- texts ---


def text_of(part: Message) -> str:
    """The text of a text/plain or text/html part."""
    data, charset = _bytes(part), part.get_content_charset() or ""
    if part.get_content_type() == "text/html":
        return html_to_text(decode(data, charset, markup=True))
    text = decode(data, charset).replace("\r\n", "\n").replace("\r", "\n")
    if str(part.get_param("format") or "").lower() == "flowed":
        return _unflowed(text, delete_space=str(part.get_param("delsp") or "").lower() == "yes")
    return text.replace("\u00a0", " ")


def _unflowed(text: str, *, delete_space: bool) -> str:
    """Lines that end with a space go on in the next one (RFC 3676)."""
    out: list[str] = []
    open_depth: int | None = None
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        body = line[depth:].removeprefix(" ")
        if open_depth == depth and out:
            out[-1] += body
        else:
            out.append(f"{'>' * depth}{' ' if depth else ''}{body}")
        flows = body.endswith(" ") and body not in ("-- ", "--  ")
        if flows and delete_space:
            out[-1] = out[-1][:-1]
        open_depth = depth if flows else None
    return "\n".join(line.rstrip() if line != "-- " else line for line in out)


def _invitation(part: Message) -> str:
    """What a calendar invitation says; "" if it cannot be read."""
    from icalendar import Calendar

    fields = {"SUMMARY": "", "DTSTART": "Start: ", "DTEND": "End: ", "LOCATION": "Location: "}
    try:
        text = decode(_bytes(part), part.get_content_charset() or "utf-8")
        return "\n".join(
            f"{name}{_shown(event.get(key))}"
            for event in Calendar.from_ical(text).walk("VEVENT")
            for key, name in (fields | {"DESCRIPTION": ""}).items()
            if event.get(key)
        )
    except Exception:  # the file is kept, so nothing is lost
        return ""


def _shown(value: object) -> str:
    return str(getattr(value, "dt", value))


def _bytes(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


# --- files ---


def _is_file(part: Message) -> bool:
    """Whether a part is a file: attached, or named and not the text of the mail."""
    if part.get_content_disposition() == "attachment":
        return True
    kind = part.get_content_type()
    return bool(file_name(part)) and not (
        kind == "text/html" and part.get_content_disposition() != "inline"
    )


def _take_file(part: Message, found: Contents, name: str = "") -> None:
    data = _bytes(part)
    if data:
        ending = part.get_content_subtype().lower()
        default = f"file.{ending}" if part.get_content_maintype() == "image" else "file"
        found.files.append((file_name(part) or name or default, data))


def _take_attached_mail(part: Message, found: Contents) -> None:
    children = _children(part)
    inner = children[0] if children else part
    buffer = BytesIO()
    try:
        BytesGenerator(buffer, mangle_from_=False).flatten(inner)
        data = buffer.getvalue()
    except (MessageError, UnicodeError, KeyError, AttributeError, TypeError):
        data = _bytes(part)
    subject = " ".join(decoded_words(str(inner.get("Subject", ""))).split())[:80]
    if data:
        found.files.append((file_name(part) or f"{subject or 'mail'}.eml", data))


def file_name(part: Message) -> str:
    """The name of a part in any of the ways that programs write it; "" without one."""
    for header, parameter in (("Content-Disposition", "filename"), ("Content-Type", "name")):
        raw = next(
            (str(value) for key, value in part.raw_items() if key.lower() == header.lower()), ""
        )
        if not raw:
            continue
        clean = Message()
        clean[header] = _without_surrogates(raw)
        found = clean.get_param(parameter, header=header)
        if isinstance(found, tuple):  # RFC 2231: (charset, language, text)
            charset, _, text = found
            data = text.encode("latin-1", "replace") if text.isascii() is False else text.encode()
            return decode(data, charset or "")
        if found:
            return decoded_words(str(found))
    return ""


def _without_surrogates(text: str) -> str:
    """Raw 8-bit bytes of a header, decoded."""
    if any(0xDC80 <= ord(char) <= 0xDCFF for char in text):
        return decode(text.encode("ascii", "surrogateescape"))
    return decode(text.encode("utf-8", "replace")) if "\x1b" in text else text


def decoded_words(text: str) -> str:
    """Decode encoded words (RFC 2047) and raw bytes; malformed ones stay unchanged.

    Words of one charset that follow each other are joined as bytes first: programs cut them in
    the middle of a character.
    """
    text = _without_surrogates(text)
    try:
        parts = decode_header(text)
    except (ValueError, MessageError):
        return text
    return "".join(_joined(parts))


def _joined(parts: list[tuple[bytes | str, str | None]]) -> Iterator[str]:
    waiting, charset = b"", ""
    for part, name in parts:
        if isinstance(part, bytes) and name and name.lower() == charset:
            waiting += part
            continue
        if waiting:
            yield decode(waiting, charset)
            waiting = b""
        if isinstance(part, str):
            yield part
        elif name:
            waiting, charset = part, name.lower()
        else:
            yield decode(part)
        charset = charset if waiting else ""
    if waiting:
        yield decode(waiting, charset)
