"""Texts of support.yml that articles can name, such as {{ support.phone.hours }}.

Hours and reply times are then promised once. What cannot be read is left out: the site itself says
what is wrong in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from indexer.reading.opening_hours import (
    DAYS,
    Promise,
    Span,
    Week,
    parsed_promise,
    parsed_spans,
    parsed_week,
)
from indexer.reading.values_file import ANY, LONGEST_VALUE, NAME, SUPPORT_GROUP, Values
from indexer.reading.yaml_loader import load_yaml

SUPPORT = "support.yml"
MAX_BYTES = 64 * 1024
# Texts of hours and reply times are written in these languages.
LANGUAGES = ("ja", "en")
_DAY_NAMES = {
    "ja": ("月", "火", "水", "木", "金", "土", "日"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_DAYS_TO, _HOURS_TO, _AND = (
    {"ja": "〜", "en": " to "},
    {"ja": "〜", "en": "-"},
    {"ja": "、", "en": ", "},
)
_CLOSED, _ALWAYS = {"ja": "休み", "en": "closed"}, {"ja": "24時間いつでも", "en": "at any time"}
_AT_ONCE = {"ja": "すぐに", "en": "at once"}
_WITHIN = {
    "ja": {"minute": "{}分以内", "hour": "営業時間で{}時間以内", "day": "{}営業日以内"},
    "en": {
        "minute": "within {} minute{}",
        "hour": "within {} working hour{}",
        "day": "within {} working day{}",
    },
}
WHOLE_DAY = Span(0, 1440)


@dataclass(frozen=True)
class ChannelPromise:
    """What support.yml says of one channel; ``special`` are its hours on single days."""

    kind: str
    address: str = ""
    week: Week = ((),) * 7
    special: tuple[Span, ...] = ()
    reply: Promise | None = None


@dataclass(frozen=True)
class Promises:
    """Hours and reply times by the names that support.yml gives to channels and steps."""

    reply: Promise | None = None
    complaints: Promise | None = None
    channels: Mapping[str, ChannelPromise] = field(default_factory=dict)
    steps: Mapping[str, Promise] = field(default_factory=dict)


NO_PROMISES = Promises()


def read_promises(folder: Path) -> Promises:
    """What the folder's support.yml promises; nothing without one, or where it is no YAML."""
    try:
        with (folder / SUPPORT).open("rb") as file:
            text = file.read(MAX_BYTES + 1).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return NO_PROMISES
    given, _lines, problem = load_yaml(SUPPORT, text, most=MAX_BYTES)
    return NO_PROMISES if problem else promises_of(given)


def promises_of(given: Mapping[str, Any]) -> Promises:
    """The promises among the keys of support.yml. Pure."""
    steps = {
        name: promise
        for name, step in _groups(given, "ladder")
        if (promise := _promise(step.get("reply"))) is not None
    }
    specials = list(_entries(given, "skeleton"))
    channels = {
        name: _channel(name, channel, specials) for name, channel in _groups(given, "channels")
    }
    complaints = given.get("complaints")
    return Promises(
        _promise(given.get("reply", "1 day")),
        _promise(complaints.get("reply")) if isinstance(complaints, dict) else None,
        channels,
        steps,
    )


def _groups(given: Mapping[str, Any], key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    group = given.get(key)
    for name, value in group.items() if isinstance(group, dict) else ():
        if isinstance(value, dict):
            yield str(name), value


def _entries(given: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
    entries = given.get(key)
    yield from (
        (one for one in entries if isinstance(one, dict)) if isinstance(entries, list) else ()
    )


def _channel(
    name: str, given: Mapping[str, Any], specials: Sequence[Mapping[str, Any]]
) -> ChannelPromise:
    address = given.get("address")
    is_text = isinstance(address, str) and len(address) <= LONGEST_VALUE
    special = [
        span
        for each in specials
        if name in (each.get("channels") or [name])
        for span in _or_nothing(parsed_spans, each.get("hours"))
    ]
    return ChannelPromise(
        kind=str(given.get("kind") or name),
        address=str(address).strip() if is_text else "",
        week=_or_nothing(parsed_week, given.get("hours", {})) or ((),) * 7,
        special=tuple(special),
        reply=_promise(given.get("reply")),
    )


def _or_nothing(parse: Callable[[object], Any], value: object) -> Any:
    try:
        return parse(value)
    except ValueError:
        return ()


def _promise(value: object) -> Promise | None:
    return _or_nothing(parsed_promise, value) or None


def with_support(values: Values, promises: Promises) -> Values:
    """The shared values with the texts of the promises, by their names."""
    return Values({**values.texts, **support_texts(promises)})


def support_texts(promises: Promises) -> dict[str, Mapping[str, str]]:
    """The texts of the promises by language, by name. Pure."""
    found = {f"{SUPPORT_GROUP}.{name}": texts for name, texts in _texts(promises)}
    return {name: texts for name, texts in found.items() if NAME.fullmatch(name)}


def _texts(promises: Promises) -> Iterator[tuple[str, Mapping[str, str]]]:
    replies = {
        "reply": promises.reply,
        "complaints.reply": promises.complaints,
        **{f"{name}.reply": promise for name, promise in promises.steps.items()},
        **{f"{name}.reply": channel.reply for name, channel in promises.channels.items()},
    }
    for name, promise in replies.items():
        if promise is not None:
            yield name, {lang: reply_text(promise, lang) for lang in LANGUAGES}
    for name, channel in promises.channels.items():
        if channel.address:
            yield f"{name}.address", {ANY: channel.address}
        if any(channel.week):
            yield f"{name}.hours", {lang: hours_text(channel.week, lang) for lang in LANGUAGES}
            for day, spans in zip(DAYS, channel.week, strict=True):
                yield f"{name}.hours.{day}", {lang: spans_text(spans, lang) for lang in LANGUAGES}


def reply_text(promise: Promise, lang: str) -> str:
    """A reply time such as ``within 4 working hours``; in English for unknown languages."""
    lang = lang if lang in LANGUAGES else "en"
    if promise.count == 0:
        return _AT_ONCE[lang]
    return _WITHIN[lang][promise.unit].format(promise.count, "" if promise.count == 1 else "s")


def hours_text(week: Week, lang: str) -> str:
    """The hours of a week such as ``Monday to Friday 9:00-18:00, Saturday 10:00-16:00``.

    Days that follow each other with the same hours are one range; closed days are left out.
    """
    if all(spans == (WHOLE_DAY,) for spans in week):
        return _ALWAYS[lang]
    names, parts, day = _DAY_NAMES[lang], [], 0
    while day < len(week):
        last = day
        while last + 1 < len(week) and week[last + 1] == week[day]:
            last += 1
        if week[day]:
            days = names[day] if day == last else f"{names[day]}{_DAYS_TO[lang]}{names[last]}"
            parts.append(f"{days} {spans_text(week[day], lang)}")
        day = last + 1
    return _AND[lang].join(parts)


def spans_text(spans: tuple[Span, ...], lang: str) -> str:
    """The hours of one day such as ``9:00-12:00, 13:00-18:00``, or that it is closed."""
    if not spans:
        return _CLOSED[lang]
    return _AND[lang].join(
        f"{_clock(span.start)}{_HOURS_TO[lang]}{_clock(span.end)}" for span in spans
    )


def _clock(minutes: int) -> str:
    hour, minute = divmod(minutes, 60)
    return f"{hour if hour <= 24 else hour - 24}:{minute:02d}"
