"""Business hours in two time zones: holidays, closures, daylight saving time and New Year."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from indexer.reading.opening_hours import Promise
from kb_app.support.config.business_hours import (
    closes_at,
    due,
    hours_on,
    opens_at,
    why_closed,
)
from kb_app.support.config.file import parse_support
from kb_app.support.config.values import Support

TOKYO, LONDON = ZoneInfo("Asia/Tokyo"), ZoneInfo("Europe/London")
JAPAN = """
timezone: Asia/Tokyo
holidays: JP
channels:
  phone: {hours: {mon-fri: "09:00-18:00", sat: "10:00-16:00"}}
  chat: {hours: {mon-fri: ["09:00-12:00", "13:00-18:00"]}, open_on_holidays: true}
closed:
  - {from: 2026-12-31, to: 2027-01-03, name: {ja: 年末年始, en: New Year}}
skeleton:
  - {from: 2026-12-29, to: 2026-12-30, hours: "10:00-15:00", channels: [phone], \
name: {ja: 短縮営業, en: short hours}}
"""
BRITAIN = """
timezone: Europe/London
holidays: GB-ENG
channels:
  phone: {hours: {mon-thu: "08:00-20:00", fri: "08:00-24:00", sun: "22:00-02:00"}}
  mail: {hours: always}
"""
japan, britain = (parse_support("support.yml", text, ZoneInfo("UTC")) for text in (JAPAN, BRITAIN))

# Local wall-clock time, channel, whether the channel is open.
MOMENTS: list[tuple[Support, ZoneInfo, str, str, bool]] = [
    *(
        (japan, TOKYO, at, "phone", there)
        for at, there in [
            # A regular week, Monday 16 to Sunday 22 November 2026.
            ("2026-11-16 08:59", False),
            ("2026-11-16 09:00", True),
            ("2026-11-16 12:30", True),
            ("2026-11-16 17:59", True),
            ("2026-11-16 18:00", False),
            ("2026-11-16 23:59", False),
            ("2026-11-17 00:00", False),
            ("2026-11-20 17:59", True),
            ("2026-11-21 09:59", False),
            ("2026-11-21 10:00", True),
            ("2026-11-21 15:59", True),
            ("2026-11-21 16:00", False),
            ("2026-11-22 12:00", False),
            # Labour Thanksgiving Day and the day after.
            ("2026-11-23 10:00", False),
            ("2026-11-24 10:00", True),
            # Golden Week 2026: Showa Day; Constitution Day on a Sunday, substitute on Wednesday.
            ("2026-04-29 10:00", False),
            ("2026-04-30 10:00", True),
            ("2026-05-04 10:00", False),
            ("2026-05-05 10:00", False),
            ("2026-05-06 10:00", False),
            ("2026-05-07 10:00", True),
            # A day between two holidays is a holiday too (22 September 2026).
            ("2026-09-21 10:00", False),
            ("2026-09-22 10:00", False),
            ("2026-09-23 10:00", False),
            ("2026-09-24 10:00", True),
            # Reduced hours and New Year.
            ("2026-12-28 09:30", True),
            ("2026-12-29 09:30", False),
            ("2026-12-29 10:00", True),
            ("2026-12-30 14:59", True),
            ("2026-12-30 15:00", False),
            ("2026-12-31 10:00", False),
            ("2027-01-01 10:00", False),
            ("2027-01-03 10:00", False),
            ("2027-01-04 08:59", False),
            ("2027-01-04 09:00", True),
            ("2027-01-11 10:00", False),
        ]
    ),
    *(
        (japan, TOKYO, at, "chat", there)
        for at, there in [
            ("2026-11-16 11:59", True),
            ("2026-11-16 12:00", False),
            ("2026-11-16 12:59", False),
            ("2026-11-16 13:00", True),
            ("2026-11-23 10:00", True),
            ("2026-12-29 10:00", False),
            ("2027-01-01 10:00", False),
        ]
    ),
    *(
        (britain, LONDON, at, "phone", there)
        for at, there in [
            # Summer time starts on Sunday 29 March 2026 at 01:00 and ends on 25 October at 02:00.
            ("2026-03-27 07:59", False),
            ("2026-03-27 08:00", True),
            ("2026-03-27 23:59", True),
            ("2026-03-28 00:00", False),
            ("2026-03-29 00:30", False),
            ("2026-03-29 21:59", False),
            ("2026-03-29 22:00", True),
            ("2026-03-30 01:59", True),
            ("2026-03-30 02:00", False),
            ("2026-03-30 08:00", True),
            ("2026-10-23 08:00", True),
            ("2026-10-25 22:30", True),
            ("2026-10-26 01:30", True),
            ("2026-10-26 07:59", False),
            ("2026-10-26 08:00", True),
            ("2026-10-26 19:59", True),
            # Christmas, and the substitute day for Boxing Day on Monday.
            ("2026-12-24 08:00", True),
            ("2026-12-25 12:00", False),
            ("2026-12-28 12:00", False),
            ("2026-12-29 12:00", True),
            ("2026-12-31 19:59", True),
            ("2027-01-01 12:00", False),
            ("2027-01-04 12:00", True),
        ]
    ),
    *(
        (britain, LONDON, at, "mail", there)
        for at, there in [
            ("2026-03-29 03:00", True),
            ("2026-10-25 01:30", True),
            ("2026-12-25 03:00", False),
        ]
    ),
]


def at(text: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def channel(support: Support, name: str):  # type: ignore[no-untyped-def]
    return next(one for one in support.channels if one.name == name)


@pytest.mark.parametrize(
    ("support", "zone", "moment", "name", "there"),
    MOMENTS,
    ids=[f"{zone.key} {name} {moment}" for _, zone, moment, name, _ in MOMENTS],
)
def test_open_or_closed(
    support: Support, zone: ZoneInfo, moment: str, name: str, there: bool
) -> None:
    assert (
        closes_at(channel(support, name), support.calendar, at(moment, zone)) is not None
    ) is there


def test_the_table_is_long_enough() -> None:
    assert len(MOMENTS) >= 60


@pytest.mark.parametrize(
    ("support", "zone", "now", "name", "opens"),
    [
        (japan, TOKYO, "2026-11-21 16:00", "phone", "2026-11-24 09:00"),
        (japan, TOKYO, "2026-11-16 12:10", "chat", "2026-11-16 13:00"),
        (japan, TOKYO, "2026-12-30 16:00", "phone", "2027-01-04 09:00"),
        (britain, LONDON, "2026-03-28 12:00", "phone", "2026-03-29 22:00"),
        (britain, LONDON, "2026-10-24 12:00", "phone", "2026-10-25 22:00"),
        (britain, LONDON, "2026-12-25 12:00", "phone", "2026-12-27 22:00"),
    ],
)
def test_the_next_opening(
    support: Support, zone: ZoneInfo, now: str, name: str, opens: str
) -> None:
    assert opens_at(channel(support, name), support.calendar, at(now, zone)) == at(opens, zone)


def test_an_opening_across_midnight_closes_on_the_next_day() -> None:
    phone = channel(britain, "phone")
    assert closes_at(phone, britain.calendar, at("2026-10-25 23:00", LONDON)) == at(
        "2026-10-26 02:00", LONDON
    )
    assert closes_at(phone, britain.calendar, at("2026-10-27 10:00", LONDON)) == at(
        "2026-10-27 20:00", LONDON
    )


@pytest.mark.parametrize(
    ("received", "promise", "until"),
    [
        ("2026-11-16 10:00", Promise(4, "hour"), "2026-11-16 14:00"),
        ("2026-11-16 16:00", Promise(4, "hour"), "2026-11-17 11:00"),
        ("2026-11-20 17:30", Promise(60, "minute"), "2026-11-21 10:30"),
        # Saturday evening before a Sunday and a holiday.
        ("2026-11-21 18:00", Promise(4, "hour"), "2026-11-24 13:00"),
        ("2026-11-16 10:00", Promise(1, "day"), "2026-11-17 18:00"),
        ("2026-11-20 10:00", Promise(1, "day"), "2026-11-21 16:00"),
        ("2026-11-21 10:00", Promise(1, "day"), "2026-11-24 18:00"),
        ("2026-12-30 16:00", Promise(2, "day"), "2027-01-05 18:00"),
        ("2026-11-16 10:00", Promise(0, "minute"), "2026-11-16 10:00"),
    ],
)
def test_the_promised_reply_time(received: str, promise: Promise, until: str) -> None:
    assert due(channel(japan, "phone"), japan.calendar, promise, at(received, TOKYO)) == at(
        until, TOKYO
    )


def test_a_channel_without_hours_is_always_open() -> None:
    assert due(japan.form, japan.calendar, Promise(3, "day"), at("2026-12-30 10:00", TOKYO)) == at(
        "2027-01-02 10:00", TOKYO
    )


def test_the_reason_for_closing_is_in_the_reader_language() -> None:
    labour, new_year = at("2026-11-23 10:00", TOKYO), at("2027-01-02 10:00", TOKYO)
    names = [
        why_closed(japan.calendar, day.astimezone(TOKYO).date(), lang)
        for day in (labour, new_year)
        for lang in ("ja", "en")
    ]
    assert names == ["勤労感謝の日", "Labor Thanksgiving Day", "年末年始", "New Year"]


def test_reduced_hours_apply_to_the_named_channels() -> None:
    day = at("2026-12-29 12:00", TOKYO).astimezone(TOKYO).date()
    assert hours_on(channel(japan, "phone"), japan.calendar, day) and not hours_on(
        channel(japan, "chat"), japan.calendar, day
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "timezone: Mars/Phobos",
            "support.yml:1: timezone: 'Mars/Phobos' is no time zone; write one like Asia/Tokyo.",
        ),
        (
            "channels:\n  phone:\n    hours: {mon-fri: 9-18}",
            "support.yml:3: channels.phone.hours: '9-18' is no time like 09:00-18:00",
        ),
        (
            "channels:\n  phone: {hours: {mo: '09:00-10:00'}}",
            "support.yml:2: channels.phone.hours: 'mo' is no day",
        ),
        (
            "channels:\n  fax: {}",
            "channels.fax.kind: must be one of phone, chat, mail, form, social",
        ),
        (
            "holidays: XX",
            "'XX' is no country that the holidays library knows; write JP, US-NY, GB-ENG",
        ),
        ("routes:\n  - {to: zen}", "routes.0.to: 'zen' is not among desks"),
        (
            "routes:\n  - {kind: love, to: inbox}",
            "support.yml:2: routes.0.kind: must be one of question",
        ),
        (
            "closed:\n  - {from: 2026-12-31, to: 2026-12-30}",
            "support.yml:2: closed.0: to: must not be before from",
        ),
        ("reply: soon", "reply: must be like 4 hours, 1 day, 30 minutes, or at once"),
        ("desks:\n  z: {type: zendesk}", "url: a zendesk desk needs its address"),
        ("ladder:\n  king: {}", "'king' is no step; there are desk, supervisor, ombudsman"),
        ("colour: red", "support.yml:1: colour: is not known here"),
        ("- a", "must be keys with values"),
        ("a: [", "broken YAML"),
        (
            "skeleton:\n  - {from: 2026-12-31, hours: '10:00-12:00', channels: [fax]}",
            "'fax' is not among channels",
        ),
    ],
)
def test_an_error_in_the_support_file_names_line_field_and_fix(text: str, said: str) -> None:
    from kb_app.support.config.file import SupportError

    with pytest.raises(SupportError) as refused:
        parse_support("support.yml", text, ZoneInfo("UTC"))
    assert said in str(refused.value)


def test_routes_are_evaluated_in_order() -> None:
    text = (
        "desks: {post: {type: smtp, mail: a@example.com}}\n"
        "routes: [{kind: complaint, to: inbox}, {language: en, section: returns, to: post}]"
    )
    support = parse_support("support.yml", text, ZoneInfo("UTC"))
    places = [
        support.desk_for(*case)
        for case in (
            ("complaint", "en", "returns"),
            ("question", "en", "returns"),
            ("question", "ja", "returns"),
        )
    ]
    assert places == ["inbox", "post", "inbox"]
