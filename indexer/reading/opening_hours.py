"""The opening hours and reply times of support.yml, as values. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Unit = Literal["minute", "hour", "day"]
_HOURS = re.compile(r"^([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-4]):([0-5]\d)$")
_PROMISE = re.compile(r"^(\d{1,3}) (minute|hour|day)s?$")


@dataclass(frozen=True)
class Span:
    """A time range in minutes after midnight; an ``end`` above 1440 is on the next day."""

    start: int
    end: int


@dataclass(frozen=True)
class Promise:
    """A promised reply time: minutes or hours of opening time, or working days; 0 is at once."""

    count: int
    unit: Unit = "hour"


Week = tuple[tuple[Span, ...], ...]


def parsed_promise(value: object) -> Promise:
    """A reply time such as ``4 hours``. Raises ValueError for another text."""
    if value == "at once":
        return Promise(0, "minute")
    match = _PROMISE.match(str(value))
    if not match:
        raise ValueError("must be like 4 hours, 1 day, 30 minutes, or at once")
    unit: Unit = match[2]  # type: ignore[assignment]
    return Promise(int(match[1]), unit)


def parsed_spans(value: object) -> tuple[Span, ...]:
    """Hours such as ``09:00-18:00``, or a list of them. Raises ValueError for another value."""
    if value in (None, "", "closed"):
        return ()
    spans = []
    for part in value if isinstance(value, list) else [value]:
        match = _HOURS.match(str(part))
        if not match:
            raise ValueError(
                f"{str(part)!r} is no time like 09:00-18:00 (in quotes), a list of them, or closed"
            )
        start, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
        if end > 1440:
            raise ValueError(f"{str(part)!r} ends after 24:00")
        spans.append(Span(start, end if end > start else end + 1440))
    spans.sort(key=lambda span: span.start)
    if any(after.start < before.end for before, after in pairwise(spans)):
        raise ValueError("has overlapping hours")
    return tuple(spans)


def parsed_week(value: object) -> Week:
    """Hours by day from Monday, or ``always``. Raises ValueError for another value."""
    if value == "always":
        return ((Span(0, 1440),),) * 7
    if not isinstance(value, dict):
        raise ValueError('must give hours by day, e.g. mon-fri: "09:00-18:00", or always')
    week: list[tuple[Span, ...]] = [()] * 7
    for name, hours in value.items():
        first, _, last = str(name).partition("-")
        if first not in DAYS or (last and last not in DAYS):
            raise ValueError(
                f"{name!r} is no day; write mon, tue, wed, thu, fri, sat, sun, or mon-fri"
            )
        day, end = DAYS.index(first), DAYS.index(last or first)
        if end < day:
            raise ValueError(f"{name!r} must name the earlier day first")
        week[day : end + 1] = [parsed_spans(hours)] * (end - day + 1)
    return tuple(week)
