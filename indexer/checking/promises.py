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
    ChannelPromise,
    Promises,
    hours_text,
    reply_text,
    spans_text,
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
_OPENS = re.compile(
    r"\b(?:open|hours|staffed|available|answered|here)\b|営業|受付|受け付け|対応|つなが|時間"
)
_REPLIES = re.compile(r"\b(?:answer|reply|replies|respond|response|hear)\b|返信|回答|返事|お答え")
_TIMES = re.compile(
    r"(?<![\d:])(\d{1,2}):(\d{2}) ?(?:[-\u2010-\u2015~\u301c]| to | ?から ?) ?"
    r"(\d{1,2}):(\d{2})(?![\d:])"
)
_WITHIN = (
    re.compile(r"\bwithin (\d{1,3}) (?:working |business )?(minute|hour|day)s?\b"),
    re.compile(r"(\d{1,3}) ?(分|時間|営業日|日)以内"),
)
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
        for start, end in pairwise(sentence_bounds(section.text)):
            sentence = section.text[start:end].strip()
            if len(sentence) <= _LONGEST:
                folded = fold(sentence)
                yield from _hours(sentence, folded, promises.channels, lang)
                yield from _reply_time(sentence, folded, promises, lang)


def _hours(
    sentence: str, folded: str, channels: Mapping[str, ChannelPromise], lang: str
) -> Iterator[Remark]:
    told = [_span(match) for match in _TIMES.finditer(folded)]
    named = {
        name: channel
        for name, channel in channels.items()
        if any(channel.week)
        and channel.kind in _CHANNELS
        and _CHANNELS[channel.kind].search(folded)
    }
    if not told or not named or not _OPENS.search(folded):
        return
    kept = {span for channel in named.values() for span in _spans(channel)}
    wrong = [span for span in told if span not in kept]
    if wrong:
        name, channel = next(iter(named.items()))
        says, is_so = spans_text((wrong[0],), lang), hours_text(channel.week, lang)
        yield _remark(sentence, says, f"{name}.hours", is_so)


def _is_named(channel: ChannelPromise, folded: str) -> bool:
    pattern = _CHANNELS.get(channel.kind)
    return pattern is not None and bool(pattern.search(folded))


def _span(match: re.Match[str]) -> Span:
    start, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    return Span(start, end if end > start else end + 1440)


def _spans(channel: ChannelPromise) -> Iterator[Span]:
    yield from channel.special
    for spans in channel.week:
        yield from spans


def _reply_time(sentence: str, folded: str, promises: Promises, lang: str) -> Iterator[Remark]:
    if not _REPLIES.search(folded):
        return
    told = [_promise(match) for pattern in _WITHIN for match in pattern.finditer(folded)]
    subject = _subject(folded, promises)
    if told and subject is not None:
        name, promise = subject
        if promise not in told:
            yield _remark(
                sentence, reply_text(told[0], lang), f"{name}.reply", reply_text(promise, lang)
            )


def _promise(match: re.Match[str]) -> Promise:
    unit = _UNITS.get(match[2], match[2])
    return Promise(int(match[1]), unit)  # type: ignore[arg-type]


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
