"""A quoted answer for a text message, and for a voice that reads it aloud. Pure."""

from __future__ import annotations

import re
from calendar import month_name

from kb_app.support.conversations.dialogue import cut_at_sentence

LONGEST_MESSAGE = 280
LONGEST_SPOKEN = 600
LONGEST_URL = 160
_URL = re.compile(r"https?://[\x21-\x7e]+")
_STEP = re.compile(r"^(\d{1,2})\. ", re.MULTILINE)
_BULLET = re.compile(r"^(?:[-*] |[・•] ?)", re.MULTILINE)
_TIMES = re.compile(
    r"(?<![\d:])(\d{1,2}):(\d{2}) ?[-\u2010-\u2015~\u301c\uff5e] ?(\d{1,2}):(\d{2})(?![\d:])"
)
_TIME = re.compile(r"(?<![\d:])(\d{1,2}):(\d{2})(?![\d:])")
_RANGE = re.compile(r"(?<![\d-])(\d{1,5}) ?[\u2010-\u2015~\u301c\uff5e-] ?(\d{1,5})(?![\d-])")
# Phone numbers, and codes such as E-07 or TS-2026-0012345: each sign is said by itself.
_PHONE = re.compile(r"(?<![\dA-Za-z-])\+?\d{1,4}(?:-\d{1,5}){2,4}(?![\dA-Za-z-])")
_CODE = re.compile(r"(?<![A-Za-z0-9-])[A-Z]{1,4}-\d{1,8}(?:-\d{1,8})*(?![A-Za-z0-9-])")
_POSTAL = re.compile(r"〒 ?(\d{3})-(\d{4})")
_DATE = re.compile(r"(?<![\d-])(\d{4})-(\d{2})-(\d{2})(?![\d-])")
# 600円〜1,200円: what is counted stands with both numbers.
_COUNTED_RANGE = re.compile(r"(?<=[円日時分個本枚台名人年月回度%])[~\u301c\uff5e](?=-?\d)")
_SIGNS = re.compile(r"[「」『』“”\"*_`#]")
_PATH = re.compile(r" [>›→] | / ")


def text_message(text: str, url: str) -> str:
    """A text of at most ``LONGEST_MESSAGE`` characters, with the address of its article.

    An address that would leave no room for words is left out.
    """
    if len(url) > LONGEST_URL:
        url = ""
    room = LONGEST_MESSAGE - len(url) - 1 if url else LONGEST_MESSAGE
    plain = "\n".join(" ".join(line.split()) for line in text.splitlines() if line.strip())
    return f"{cut_at_sentence(plain, room)}\n{url}" if url else cut_at_sentence(plain, room)


def spoken(text: str, lang: str) -> str:
    """The text as a voice reads it: times, ranges, numbers and steps in words, no addresses."""
    is_japanese = lang == "ja"
    pause = "、" if is_japanese else ", "
    said = _URL.sub("", text)
    said = _STEP.sub(r"手順\1、" if is_japanese else r"Step \1: ", said)
    said = _BULLET.sub("", said)
    said = _POSTAL.sub(lambda match: _code(f"{match[1]}-{match[2]}", pause), said)
    said = _DATE.sub(lambda match: _day(match, is_japanese), said)
    said = _COUNTED_RANGE.sub("から" if is_japanese else " to ", said)
    said = _PHONE.sub(lambda match: _phone(match[0], pause), said)
    said = _CODE.sub(lambda match: _code(match[0], pause), said)
    said = _TIMES.sub(lambda match: _times(match, is_japanese), said)
    said = _TIME.sub(lambda match: _clock(match[1], match[2], is_japanese), said)
    said = _RANGE.sub(r"\1から\2" if is_japanese else r"\1 to \2", said)
    said = _PATH.sub(pause, _SIGNS.sub("", said))
    lines = [" ".join(line.split()) for line in said.splitlines() if line.strip()]
    end = "。" if is_japanese else "."
    whole = " ".join(line if line[-1] in "。.!?！？:：、," else f"{line}{end}" for line in lines)
    return cut_at_sentence(whole, LONGEST_SPOKEN)


def _day(match: re.Match[str], is_japanese: bool) -> str:
    year, month, day = (int(part) for part in match.groups())
    if is_japanese:
        return f"{year}年{month}月{day}日"
    return f"{day} {month_name[month]} {year}" if 1 <= month <= 12 else match[0]


def _phone(number: str, pause: str) -> str:
    return pause.join(" ".join(part) for part in number.lstrip("+").split("-"))


def _code(code: str, pause: str) -> str:
    return pause.join(" ".join(part) for part in code.split("-"))


def _times(match: re.Match[str], is_japanese: bool) -> str:
    start, end = (_clock(match[at], match[at + 1], is_japanese) for at in (1, 3))
    return f"{start}から{end}" if is_japanese else f"{start} to {end}"


def _clock(hour: str, minute: str, is_japanese: bool) -> str:
    if is_japanese:
        return f"{int(hour)}時" if minute == "00" else f"{int(hour)}時{int(minute)}分"
    return f"{int(hour)} o'clock" if minute == "00" else f"{int(hour)} {minute}"
