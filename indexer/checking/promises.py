"""Hours and reply times in articles that differ from those of support.yml. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from indexer.checking.house_style import problems_of, text_of
from indexer.checking.style import Remark
from indexer.model import Article, Problem
from indexer.reading.opening_hours import Promise, Span
from indexer.reading.support_values import (
    LANGUAGES,
    WHOLE_DAY,
    ChannelPromise,
    Promises,
    hours_text,
    reply_text,
)
from indexer.reading.values_file import SUPPORT_GROUP
from search.analysis.normalize import fold
from search.analysis.sentences import sentence_bounds

CODE = "promise"
# A longer one is no sentence.
_LONGEST = 400
_CHANNELS = {
    "phone": re.compile(r"\b(?:phone|telephone|call|ring)\b|電話"),
    "chat": re.compile(r"\bchat\b|チャット"),
    "mail": re.compile(r"\be?-?mail\b|メール"),
}
_STEPS = {
    "ombudsman": re.compile(r"\bombuds(?:man|person)\b|オンブズ"),
    "supervisor": re.compile(r"\bsupervisor\b|責任者"),
}
_COMPLAINT = re.compile(r"\bcomplain(?:t|ts|ing)?\b|苦情|クレーム")
# A sentence about the hours of a channel begins with it, and with nobody else.
_HOURS_OF = re.compile(
    r"(?:当店の|弊社の|お)?(?:電話|チャット|メール)"
    r"(?:での|による|の|サポート|窓口|受付|受け付け|営業|対応|時間|・|、|と|電話|チャット|メール)*+"
    r"(?:は|では|が|も|:)"
    r"|(?:the |our )?(?:phone|telephone|chat|e-?mail)"
    r"(?:,? (?:support|line|desk|service|hours?|and|or|phone|chat|e-?mail))*+"
    r"(?: is| are|:)"
)
# Who reads is to do it, or it is not about opening.
_OTHERWISE = re.compile(
    r"ください|下さい|お申し出|混み|混雑|つながりにく|配達|障害|メンテナンス"
    r"|\b(?:if you|please|you (?:must|should|can|may)|busy|busiest|maintenance|delivery)\b"
    r"|^(?:reply|answer|respond|write)\b"
)
_REPLIES_JA = re.compile(
    r"以内に[^、。]{0,12}?(?:お?返信|お?返事|お?答え|ご?回答)(?:し|いた|を|が|で)"
)
_REPLIES_EN = re.compile(
    r"\b(?:we|ombudsman|ombudsperson|supervisor|desk)\b.{0,60}"
    r"\b(?:answers?|reply|replies|responds?)\b"
    r"|\byou (?:hear|have (?:an? )?(?:answer|reply|response))\b"
)
_FROM_TO = r" ?(?:[-\u2010-\u2015~\u301c]| to | ?から ?) ?"
_TIMES = (
    re.compile(rf"(?<![\d:])(\d{{1,2}}):(\d{{2}}){_FROM_TO}(\d{{1,2}}):(\d{{2}})(?![\d:])"),
    re.compile(rf"(?<!\d)(\d{{1,2}})時(?:(\d{{1,2}})分)?{_FROM_TO}(\d{{1,2}})時(?:(\d{{1,2}})分)?"),
)
_ALL_DAY = re.compile(r"24時間(?!以内)|\b24 hours?\b(?! of)|\baround the clock\b")
_WITHIN = (
    re.compile(r"\bwithin (\d{1,3}|[a-z]{3,6}) (?:working |business )?(minute|hour|day)s?\b"),
    re.compile(r"(\d{1,3}) ?(分|時間|営業日|日)以内"),
)
_WORDS = (
    *("one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)
# Most texts tell no time at all, and need no closer look.
_MAY_PROMISE = re.compile(r"(?i)\d[:：時]|以内|\d ?hours?|\d時間|within |around the clock")
_NUMBERS = dict(zip(_WORDS, range(1, 13), strict=True))
_UNITS = {"分": "minute", "時間": "hour", "営業日": "day", "日": "day"}


def promise_problems(
    articles: Sequence[Article], promises: Promises, folder: Path
) -> Iterator[Problem]:
    """What articles for customers promise otherwise than support.yml does."""
    for article in articles if promises.channels else ():
        remarks = list(promise_remarks(article, promises))
        if remarks:
            yield from problems_of(article.path, text_of(folder / article.path), remarks)


def promise_remarks(article: Article, promises: Promises) -> Iterator[Remark]:
    """The sentences of one article that support.yml contradicts."""
    lang = article.lang
    if article.audience != "public" or lang not in LANGUAGES:
        return
    for section in article.sections:
        if not _MAY_PROMISE.search(section.text):
            continue
        for start, end in pairwise(sentence_bounds(section.text)):
            sentence = section.text[start:end].strip()
            if len(sentence) <= _LONGEST and _MAY_PROMISE.search(sentence):
                folded = fold(sentence)
                yield from _hours(sentence, folded, promises.channels, lang)
                yield from _reply_time(sentence, folded, promises, lang)


def _hours(
    sentence: str, folded: str, channels: Mapping[str, ChannelPromise], lang: str
) -> Iterator[Remark]:
    if not _HOURS_OF.match(folded) or _OTHERWISE.search(folded):
        return
    named = {
        name: channel
        for name, channel in channels.items()
        if any(channel.week) and _is_named(channel, folded)
    }
    kept = {span for channel in named.values() for span in _spans(channel)}
    told = [(match[0], _span(match)) for each in _TIMES for match in each.finditer(folded)]
    told += [(match[0], WHOLE_DAY) for match in _ALL_DAY.finditer(folded)]
    wrong = [words for words, span in told if span not in kept]
    if named and wrong:
        name, channel = next(iter(named.items()))
        yield _remark(sentence, wrong[0], f"{name}.hours", hours_text(channel.week, lang))


def _is_named(channel: ChannelPromise, folded: str) -> bool:
    pattern = _CHANNELS.get(channel.kind)
    return pattern is not None and bool(pattern.search(folded))


def _span(match: re.Match[str]) -> Span:
    start, end = (int(match[at]) * 60 + int(match[at + 1] or 0) for at in (1, 3))
    return Span(start, end if end > start else end + 1440)


def _spans(channel: ChannelPromise) -> Iterator[Span]:
    yield from channel.special
    for spans in channel.week:
        yield from spans


def _reply_time(sentence: str, folded: str, promises: Promises, lang: str) -> Iterator[Remark]:
    replies = _REPLIES_JA if lang == "ja" else _REPLIES_EN
    if not replies.search(folded) or _OTHERWISE.search(folded):
        return
    found = [match for pattern in _WITHIN for match in pattern.finditer(folded)]
    told = [(match[0], promise) for match in found if (promise := _promise(match)) is not None]
    subject = _subject(folded, promises)
    if told and subject is not None:
        name, promise = subject
        if promise not in [each for _words, each in told]:
            yield _remark(sentence, told[0][0], f"{name}.reply", reply_text(promise, lang))


def _promise(match: re.Match[str]) -> Promise | None:
    count = _NUMBERS.get(match[1]) or (int(match[1]) if match[1].isdigit() else 0)
    unit = _UNITS.get(match[2], match[2])
    return Promise(count, unit) if count else None  # type: ignore[arg-type]


def _subject(folded: str, promises: Promises) -> tuple[str, Promise] | None:
    """What a sentence is about with what is promised of it; None where that is not one thing."""
    for step, pattern in _STEPS.items():
        if pattern.search(folded):
            return (step, promises.steps[step]) if step in promises.steps else None
    if _COMPLAINT.search(folded):
        return ("complaints", promises.complaints) if promises.complaints else None
    named = [kind for kind, pattern in _CHANNELS.items() if pattern.search(folded)]
    found = [
        (name, channel.reply)
        for name, channel in promises.channels.items()
        if channel.kind in named and channel.reply is not None and channel.reply.count
    ]
    return found[0] if len(named) == 1 and len(found) == 1 else None


def _remark(sentence: str, says: str, name: str, is_so: str) -> Remark:
    return Remark(
        CODE,
        sentence,
        f'says "{says}", where support.yml has "{is_so}".',
        f"Correct one of them, or write {{{{ {SUPPORT_GROUP}.{name} }}}}.",
    )
