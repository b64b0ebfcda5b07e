"""A question for a price, a time or a measure is not answered by a text without one."""

from __future__ import annotations

import pytest

from search.query.answer_kinds import tells_what_is_asked


@pytest.mark.parametrize(
    ("query", "told", "not_told"),
    [
        ("交換フィルターはいくらですか", "フィルターは1,980円です。", "フィルターは水で洗えます。"),
        ("送料はいくら", "5,000円以上なら無料です。", "宅配便でお届けします。"),
        ("返金 手数料", "振込手数料はお客様のご負担です。", "返品番号を添えてください。"),
        ("how much is gift wrapping", "It is free.", "Choose it in the cart."),
        ("what does a second swap cost", "Postage both ways: 550 yen.", "Write to us first."),
        ("ギフトカードの有効期限", "発行から1年です。", "「月/年」の順で入れます。"),
        ("窓口は何時から", "月〜金 9:00〜18:00です。", "電話とチャットがあります。"),
        ("返金はいつ", "５〜７営業日で返金します。", "返金はカードに戻ります。"),
        ("いつまでに払う", "期限はありません。", "コンビニで払えます。"),
        ("how long is a locked account blocked", "It opens after 30 minutes.", "Reset it."),
        ("when will it arrive", "The next business day.", "By courier."),
        ("RV-15の重さは", "本体は3.2kgです。", "ほこりを吸います。"),
        ("what is your phone number", "Call 0120-000-123.", "Call us on weekdays."),
    ],
)
def test_a_kind_of_answer_is_told_or_not(query: str, told: str, not_told: str) -> None:
    assert tells_what_is_asked(query, told)
    assert not tells_what_is_asked(query, not_told)


@pytest.mark.parametrize(
    "query",
    [
        "いつも届かない",
        "住所をいくつか登録したい",
        "how can I change my name",
        "is it free",
        "a costume arrived torn",
        "",
    ],
)
def test_other_questions_ask_for_no_kind(query: str) -> None:
    assert tells_what_is_asked(query, "文です。")
