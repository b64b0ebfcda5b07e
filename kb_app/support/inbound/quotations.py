"""Tells what a reply says from the mail that it quotes. Nothing is thrown away. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

LONGEST_INTRODUCTION = 250
# A line that mail programs put above the mail that is answered.
_ORIGINAL = re.compile(
    r"\A[-_*> ]{0,3}-{2,} ?(?:Original Message|Original-Nachricht|Message d'origine"
    r"|元のメッセージ|オリジナルメッセージ|Original Appointment) ?-{2,}\s*\Z",
    re.IGNORECASE,
)
_FORWARDED = re.compile(
    r"(?:Forwarded message|Begin forwarded message|転送メッセージ|Weitergeleitete Nachricht)",
    re.IGNORECASE,
)
_RULE = re.compile(r"\A[_]{20,}\s*\Z")
_HEADER = re.compile(
    r"\A\*?(From|Sent|Date|To|Cc|Subject|差出人|送信日時|送信者|日時|日付|宛先|件名"
    r"|Von|Gesendet|An|Betreff|De|Envoyé|À|Objet)\*?\s{0,2}[:：]",
    re.IGNORECASE,
)
_FIRST_HEADER = re.compile(r"\A\*?(?:From|差出人|送信者|Von|De)\*?\s{0,2}[:：]", re.IGNORECASE)
_WROTE = re.compile(
    r"(?:wrote|writes|schrieb.{0,80}|a écrit ?|escribió|さん|さんは書きました|のメール|様)\Z",
    re.IGNORECASE,
)
_OPENS = re.compile(
    r"\A(?:On |Am |Le |El |\d{4}[年/.-]|\d{1,2}[./-]\d{1,2}|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun))"
)
_SIGNATURE = re.compile(r"\A-- ?\Z")


class Reply(NamedTuple):
    """What a reply says, and the rest: the mail below it that it answers."""

    said: str
    quoted: str


def split_reply(text: str) -> Reply:
    """Split a reply; a text that is only a quotation is what is said."""
    lines = text.strip().splitlines()
    cut = _outlook_cut(lines)
    if cut is None:
        cut = _marked_cut(lines)
    said, quoted = "\n".join(lines[:cut]).strip(), "\n".join(lines[cut:]).strip()
    return Reply(said, quoted) if said else Reply(text.strip(), "")


def _outlook_cut(lines: list[str]) -> int | None:
    """The line where a block of headers, with or without a line above it, begins the old mail."""
    for at, line in enumerate(lines):
        if _FORWARDED.search(line):
            return len(lines)  # what is forwarded is what is said
        if at and _begins_headers(lines, at):
            return at - 1 if _RULE.match(lines[at - 1]) else at
        if at and _ORIGINAL.match(line):
            return at
    return None


def _begins_headers(lines: list[str], at: int) -> bool:
    """Whether at least three lines of headers follow, the sender first."""
    if not _FIRST_HEADER.match(lines[at].strip()):
        return False
    following = [line.strip() for line in lines[at : at + 6]]
    return sum(bool(_HEADER.match(line)) for line in following) >= 3


def _marked_cut(lines: list[str]) -> int:
    """The line where lines marked with ``>`` begin that only a signature follows."""
    end = len(lines)
    for at in range(len(lines) - 1, 0, -1):
        if _SIGNATURE.match(lines[at]) and any(line.startswith(">") for line in lines[:at]):
            end = at
            break
    at, marked = end, False
    while at and (lines[at - 1].startswith(">") or not lines[at - 1].strip()):
        marked |= lines[at - 1].startswith(">")
        at -= 1
    if not marked:
        return len(lines)
    return _above_introduction(lines, at)


def _above_introduction(lines: list[str], at: int) -> int:
    """The line above "On ... wrote:", which may be wrapped over three lines."""
    for count in (1, 2, 3):
        words = " ".join(line.strip() for line in lines[max(0, at - count) : at])
        if count <= at and _OPENS.match(words) and introduces_quote(words):
            return at - count
    return at - 1 if at and introduces_quote(lines[at - 1]) else at


def introduces_quote(line: str) -> bool:
    """Whether a line names who wrote the text below: "On ... wrote:", "... <mail>:", "...さん:"."""
    written = line.strip()
    if len(written) > LONGEST_INTRODUCTION or not written.endswith((":", "：")):
        return False
    name = written[:-1].rstrip()
    _, opened, address = name.rpartition("<")
    has_address = bool(opened and "@" in address and address.endswith(">"))
    return len(name) > 4 and bool(_WROTE.search(name) or (has_address and _OPENS.match(name)))
