"""Hours and reply times are promised once: articles name those of support.yml."""

from datetime import UTC
from pathlib import Path

import pytest

from indexer.bundling.build_cache import BuildCache
from indexer.collect import collect
from indexer.model import Article, Problem
from indexer.reading.opening_hours import Promise, parsed_week
from indexer.reading.support_values import hours_text, promises_of, reply_text, support_texts
from indexer.reading.values_file import parsed_values

SUPPORT = """
reply: 1 day
complaints: {reply: 4 hours}
channels:
  phone:
    address: 0120-000-123
    hours: {mon-fri: "09:00-18:00", sat: "10:00-16:00"}
    reply: at once
  night: {kind: phone, address: 0120-000-999, hours: always}
  chat: {hours: {mon-fri: "09:00-18:00"}, reply: 3 minutes}
  mail: {address: help@shop.example, reply: 1 day}
skeleton: [{from: 2026-12-29, to: 2027-01-03, hours: "10:00-15:00", channels: [chat]}]
ladder: {ombudsman: {reply: 10 days}}
"""


def read(folder: Path, lang: str, body: str) -> tuple[Article | None, list[Problem]]:
    (folder / "articles" / lang).mkdir(parents=True)
    (folder / "articles/support.yml").write_text(SUPPORT, "utf-8")
    text = f"---\nid: a\ntitle: Reach us\nsummary: How.\n---\n{body}\n"
    (folder / "articles" / lang / "a.md").write_text(text, "utf-8")
    cache = BuildCache(folder / "cache.sqlite")
    found = collect(folder / "articles", cache, UTC)
    cache.close()
    return next(iter(found.articles), None), found.problems


@pytest.mark.parametrize(
    ("lang", "body", "shown"),
    [
        (
            "ja",
            "電話は{{ support.phone.hours }}です。",
            "電話は月〜金 9:00〜18:00、土 10:00〜16:00です。",
        ),
        ("en", "{{ support.phone.hours }}.", "Monday to Friday 9:00-18:00, Saturday 10:00-16:00."),
        ("ja", "{{ support.phone.hours.sun }}。", "休み。"),
        ("ja", "苦情は{{ support.complaints.reply }}。", "苦情は営業時間で4時間以内。"),
        ("en", "Chat: {{ support.chat.reply }}.", "Chat: within 3 minutes."),
        ("en", "The ombudsman: {{ support.ombudsman.reply }}.", "within 10 working days."),
        (
            "ja",
            "{{ support.night.hours }}、{{ support.night.address }}",
            "24時間いつでも、0120-000-999",
        ),
    ],
)
def test_an_article_names_a_promise_of_support_yml(
    tmp_path: Path, lang: str, body: str, shown: str
) -> None:
    article, problems = read(tmp_path, lang, body)
    assert article is not None and shown in article.html and problems == []


def test_an_unknown_promise_names_the_file_and_the_nearest_name(tmp_path: Path) -> None:
    article, (problem,) = read(tmp_path, "ja", "{{ support.phone.hour }}")
    assert article is None
    assert "support.yml" in problem.message and "support.phone.hours" in problem.hint


def test_a_promise_has_no_text_in_a_language_that_it_is_not_written_in(tmp_path: Path) -> None:
    _article, (problem,) = read(tmp_path, "de", "{{ support.phone.hours }}")
    assert "no text in de" in problem.message and "values.yml" in problem.hint


@pytest.mark.parametrize(
    ("lang", "sentence", "is_so"),
    [
        ("en", "The phone is open from 9:00 to 17:00.", "Monday to Friday 9:00-18:00"),
        ("ja", "電話の受付は9:00〜17:30です。", "月〜金 9:00〜18:00"),
        ("ja", "チャットは20:00～22:00に対応しています。", "月〜金 9:00〜18:00"),
        ("en", "By e-mail we answer within 3 business days.", "within 1 working day"),
        ("ja", "メールには3営業日以内に返信します。", "1営業日以内"),
        ("ja", "苦情には5営業日以内にお答えします。", "営業時間で4時間以内"),
        ("ja", "電話は10時から17時まで対応しています。", "月〜金 9:00〜18:00"),
        ("en", "Chat support is available 24 hours.", "Monday to Friday 9:00-18:00"),
        ("ja", "チャットは24時間受け付けています。", "月〜金 9:00〜18:00"),
        ("en", "We answer complaints within eight working days.", "within 4 working hours"),
        ("en", "The ombudsman answers within 5 days; you hear from her.", "within 10 working days"),
    ],
)
def test_check_finds_what_support_yml_says_otherwise(
    tmp_path: Path, lang: str, sentence: str, is_so: str
) -> None:
    article, (problem,) = read(tmp_path, lang, f"Before. \n\n{sentence}")
    assert article is not None and problem.severity == "warning" and problem.code == "promise"
    assert '"営業時間で' not in problem.message.partition(",")[0]
    assert is_so in problem.message and "{{ support." in problem.hint and problem.line == 8


@pytest.mark.parametrize(
    ("lang", "sentence"),
    [
        ("en", "The phone is open from 9:00 to 18:00."),
        ("ja", "年末年始のチャットの受付は10:00〜15:00です。"),
        ("en", "Ring us between 14:00-16:00, when few people do."),
        ("en", "We answer with a quotation within 3 business days."),
        ("ja", "コンビニでは9:00〜17:00に対応しています。"),
        ("en", "By mail or chat you have an answer within 2 days."),
        ("en", "We acknowledge a complaint within 4 hours and answer within 5 business days."),
        ("ja", "お荷物は3営業日以内に届きます。"),
        ("ja", "ヤマト運輸に電話すれば、8:00〜21:00に再配達を受け付けています。"),
        ("ja", "配送業者の電話受付は8:00〜21:00です。"),
        ("ja", "電話番号を入力すると、19:00〜21:00の配達時間に変更できます。"),
        ("ja", "お電話のつながりにくい時間は12:00〜13:00です。"),
        ("ja", "システム障害の時間は2:00〜5:00で、電話とメールは利用できます。"),
        ("ja", "確認メールに24時間以内に返信してください。"),
        ("ja", "メールが届いたら7日以内にご返信ください。"),
        ("ja", "苦情への回答に納得できないときは、14日以内にお申し出ください。"),
        ("ja", "メールで返品の可否を回答しますので、30日以内に商品をお送りください。"),
        ("en", "Reply to our confirmation e-mail within 24 hours."),
        ("en", "If you are unhappy with the answer to your complaint, write within 30 days."),
        ("en", "Maintenance hours are 2:00-4:00; chat is not available then."),
        ("en", "Choose a delivery slot of 14:00-16:00; hours can be changed by phone."),
    ],
)
def test_check_is_silent_where_nothing_is_contradicted(
    tmp_path: Path, lang: str, sentence: str
) -> None:
    assert read(tmp_path, lang, sentence)[1] == []


def test_the_names_of_support_yml_are_not_given_away_in_values_yml() -> None:
    values, (problem,) = parsed_values("support: {phone: {hours: 9-17}}\nprice: 3")
    assert set(values.texts) == {"price"} and "support.yml" in problem.message


def test_days_with_the_same_hours_are_one_range() -> None:
    week = parsed_week({"mon-wed": ["09:00-12:00", "13:00-18:00"], "fri": "22:00-02:00"})
    assert hours_text(week, "ja") == "月〜水 9:00〜12:00、13:00〜18:00、金 22:00〜2:00"
    assert hours_text(parsed_week("always"), "en") == "at any time"


def test_a_reply_time_is_said_in_the_words_of_the_site() -> None:
    assert reply_text(Promise(1, "hour"), "en") == "within 1 working hour"
    assert reply_text(Promise(0), "ja") == "すぐに"


def test_what_cannot_be_read_of_support_yml_is_left_out() -> None:
    given = {"reply": "soon", "channels": {"phone": {"hours": "9-5", "address": 12}, "x y": 3}}
    assert support_texts(promises_of(given)) == {}
