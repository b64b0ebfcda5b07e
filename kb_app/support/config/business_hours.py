"""Opening hours per channel, public holidays, closures, short-hours days and due times.

Hours are wall-clock times in the calendar's time zone, so daylight saving time does not shift them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from indexer.reading.opening_hours import Promise, Span, Week
from kb_app.localized import localized

# How many days ahead to search for an opening.
HORIZON_DAYS = 60


@dataclass(frozen=True)
class Closure:
    """Days from ``first`` to ``last``, inclusive, that are closed or have special hours.

    ``spans`` has the special hours by channel name, "" for every channel; ``name`` is by language.
    """

    first: date
    last: date
    name: Mapping[str, str] = field(default_factory=dict)
    spans: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)

    def holds(self, day: date) -> bool:
        """Whether a day is in the range."""
        return self.first <= day <= self.last


@dataclass(frozen=True)
class Calendar:
    """A time zone with public holidays, company closures and days with short hours (skeleton).

    ``holiday`` returns the name of a day's public holiday in a language, "" if it is none.
    """

    zone: ZoneInfo
    holiday: Callable[[date, str], str] = lambda _day, _lang: ""
    closed: tuple[Closure, ...] = ()
    skeleton: tuple[Closure, ...] = ()


@dataclass(frozen=True)
class Channel:
    """A contact channel with its address, reply time and hours by weekday from Monday.

    A channel without hours is never open.
    """

    name: str
    kind: str
    week: Week
    address: str = ""
    reply: Promise | None = None
    open_on_holidays: bool = False
    languages: tuple[str, ...] = ()

    @property
    def has_hours(self) -> bool:
        """Whether any opening hours are configured."""
        return any(self.week)


def hours_on(channel: Channel, calendar: Calendar, day: date) -> tuple[Span, ...]:
    """The hours of one day; precedence: short hours, closures, public holidays, weekly hours."""
    for special in calendar.skeleton:
        if special.holds(day) and (special.spans.get(channel.name) or special.spans.get("")):
            return special.spans.get(channel.name) or special.spans[""]
    if any(closure.holds(day) for closure in (*calendar.closed, *calendar.skeleton)):
        return ()
    if not channel.open_on_holidays and calendar.holiday(day, "en"):
        return ()
    return channel.week[day.weekday()]


def why_closed(calendar: Calendar, day: date, lang: str) -> str:
    """The name of the closure or public holiday on a day; "" for an ordinary day."""
    for closure in (*calendar.skeleton, *calendar.closed):
        if closure.holds(day):
            return localized(closure.name, lang)
    return calendar.holiday(day, lang)


def intervals(
    channel: Channel, calendar: Calendar, after: datetime, days: int = HORIZON_DAYS
) -> Iterator[tuple[datetime, datetime]]:
    """Yield (opening, closing) times in UTC, in order, from the day before ``after``."""
    first = after.astimezone(calendar.zone).date() - timedelta(days=1)
    for offset in range(days + 2):
        day = first + timedelta(days=offset)
        for span in hours_on(channel, calendar, day):
            start, end = (
                _moment(day, span.start, calendar.zone),
                _moment(day, span.end, calendar.zone),
            )
            if end > start:
                yield start, end


def closes_at(channel: Channel, calendar: Calendar, now: datetime) -> datetime | None:
    """The closing time, None while closed; adjoining time ranges count as one."""
    until: datetime | None = None
    for start, end in intervals(channel, calendar, now, 3):
        if start <= now < end or (until is not None and start <= until):
            until = max(until or end, end)
    return until


def opens_at(channel: Channel, calendar: Calendar, now: datetime) -> datetime | None:
    """The next opening after ``now``; None if there is none within HORIZON_DAYS."""
    return next((start for start, _ in intervals(channel, calendar, now) if start > now), None)


def due(channel: Channel, calendar: Calendar, promise: Promise, received: datetime) -> datetime:
    """The promised reply time for a message received at ``received``.

    Minutes and hours count only while the channel is open. Days are days on which it opens, without
    the day of receipt; the promise ends at closing time of the last one. A channel without hours
    uses elapsed time.
    """
    if not channel.has_hours:
        return received + timedelta(**{f"{promise.unit}s": promise.count})
    if promise.unit == "day":
        return _due_in_days(channel, calendar, promise.count, received)
    left = timedelta(minutes=promise.count * (60 if promise.unit == "hour" else 1))
    last = received
    for start, end in intervals(channel, calendar, received):
        begin = max(start, received)
        if begin >= end:
            continue
        if end - begin >= left:
            return begin + left
        left -= end - begin
        last = end
    return last + left


def _due_in_days(channel: Channel, calendar: Calendar, count: int, received: datetime) -> datetime:
    today = received.astimezone(calendar.zone).date()
    ends: dict[date, datetime] = {}
    for start, end in intervals(channel, calendar, received):
        day = start.astimezone(calendar.zone).date()
        if day > today:
            ends[day] = end
            if len(ends) > count:
                break
    days = sorted(ends)
    if count == 0:
        return received
    return ends[days[count - 1]] if len(days) >= count else received + timedelta(days=HORIZON_DAYS)


def _moment(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """A wall-clock time in UTC; a time skipped by daylight saving time moves forward."""
    full, rest = divmod(minutes, 1440)
    local = datetime.combine(day + timedelta(days=full), time(rest // 60, rest % 60), zone)
    return local.astimezone(UTC)
