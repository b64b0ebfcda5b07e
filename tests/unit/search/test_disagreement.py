"""Two answers to one question that say different things."""

import pytest

from search.disagreement import amounts, disagree


@pytest.mark.parametrize(
    ("lang", "one", "other"),
    [
        ("ja", "商品の到着から30日以内に返品できます。", "返品は到着後14日以内に限ります。"),
        ("ja", "代引きの手数料は330円です。", "代金引換には手数料440円がかかります。"),
        ("ja", "電話の受付は平日9時から18時までです。", "受付は平日10時から17時までです。"),
        ("ja", "夏季休業は8月10日からです。", "8月12日から夏季休業をいただきます。"),
        ("ja", "1個の重さは20kgまでです。", "荷物は1個あたり30kgまで送れます。"),
        ("ja", "ギフトカードは現金と交換できます。", "ギフトカードは現金と交換できません。"),
        ("en", "Return items within 30 days.", "Returns are accepted for two weeks."),
        ("en", "Premium costs $9.99 a month.", "Premium is $12.99 per month."),
        ("en", "We are closed from August 10.", "The office closes on 12 August."),
        ("en", "Call from 9 am to 6 pm.", "Call between 8:00 and 20:00."),
        (
            "en",
            "Gift cards can be exchanged for cash.",
            "A gift card cannot be exchanged for cash.",
        ),
    ],
)
def test_other_amounts_and_denials_disagree(lang: str, one: str, other: str) -> None:
    assert disagree(one, other, lang) and disagree(other, one, lang)


@pytest.mark.parametrize(
    ("lang", "one", "other"),
    [
        ("ja", "無料体験は14日間です。", "無料体験は2週間で終わります。"),
        ("ja", "受付は9時から18時までです。", "電話は午前9時から午後6時まで受け付けます。"),
        ("ja", "手数料は1万円です。", "10,000円の手数料がかかります。"),
        ("ja", "発送前なら変更できます。", "返品はできません。"),
        ("ja", "TB-200: 20時間再生できます。", "TB-300: 32時間再生できます。"),
        ("en", "The trial runs for 14 days.", "It ends after two weeks."),
        ("en", "Files of up to 1 GB.", "At most 1,024 MB a file."),
        ("en", "Files of up to 5 GB.", "At most 5,000 MB a file."),
        ("en", "It takes 3 to 5 days.", "It takes 4 days."),
        ("en", "Use 8-64 characters.", "A password of 12 characters will do."),
        ("en", "The warranty runs for 1 year.", "The warranty has 12 months."),
        ("en", "You may 3 times.", "You can try 3 times."),
        ("ja", "3〜5営業日で届きます。", "4営業日で届きます。"),
        ("ja", "2026年に改定しました。返品できます。", "返品は30日以内です。"),
        ("ja", "手数料は1万2000円です。", "手数料は12,000円です。"),
        ("ja", "2万5,000円かかります。", "25,000円かかります。"),
        ("ja", "3千円です。", "3,000円です。"),
        ("ja", "保証は2年です。", "保証は24か月です。"),
        ("ja", "毎月1日に更新します。", "30日ごとに更新します。"),
        ("ja", "第2回の申し込みです。", "1回だけ申し込めます。"),
        ("en", "A repair takes 10 days.", "A repair costs $40."),
        ("en", "Dogs are welcome.", "We do not sell gift cards."),
        ("en", "", "Within 30 days."),
    ],
)
def test_the_same_amount_or_another_subject_does_not_disagree(
    lang: str, one: str, other: str
) -> None:
    assert not disagree(one, other, lang) and not disagree(other, one, lang)


def test_amounts_are_compared_in_one_unit() -> None:
    assert amounts("2週間、10日、1年、90分、1,280円、午後6時半、8月3日") == {
        "day": {(14, 14), (10, 10)},
        "month": {(12, 12)},
        "hour": {(1.5, 1.5)},
        "money": {(1280, 1280)},
        "clock": {(18.5 * 60, 18.5 * 60)},
        "date": {(803, 803)},
    }
    assert amounts("3-5 business days, $1,299.99") == {"day": {(3, 5)}, "money": {(1299.99,) * 2}}
    assert amounts("RV-15, E-07, version 2.1, room 12") == {}
