"""What a case says becomes a draft, without its persons."""

import pytest

from kb_app.analytics.redaction import redact
from kb_app.support.case_draft import draft_of
from kb_app.support.model import AGENT, CUSTOMER, NOTE, Case, Message


def case(**values: str) -> Case:
    given = {"name": "山田 花子", "mail": "hanako@example.com", "language": "ja", "message": ""}
    return Case("c", "R7K2M3NP", 0, "question", **{**given, **values})


def said(text: str, author: str = AGENT, who: str = "佐藤") -> Message:
    return Message("m", "c", 0, author, who, text)


def test_the_answer_begins_the_article_without_names_and_addresses() -> None:
    reply = "山田様\n\n電源を7秒押してください。山田花子様の電話 090-1234-5678 に佐藤からかけます。"
    draft = draft_of(case(subject="山田です。イヤホンがつながりません"), [said(reply)], [], redact)
    assert draft.question == "[name]です。イヤホンがつながりません"
    assert draft.body == ("電源を7秒押してください。[name]の電話 [phone] に[name]からかけます。")


def test_names_of_the_team_go_and_words_that_hold_them_stay() -> None:
    asked = case(name="Al", language="en", subject="Refund for Al, please")
    reply = "Dear Al,\n\nAlways keep the receipt. Al can also ask Maria Rossi.\n\nRossi"
    draft = draft_of(asked, [said(reply, who="Maria Rossi")], ["Maria Rossi"], redact)
    assert draft.title == "Refund for [name], please"
    assert draft.body == "Always keep the receipt. [name] can also ask [name].\n\n[name]"


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("林", "林です。林檎が届きません", "[name]です。林檎が届きません"),
        ("東 京子", "東さん、東京から", "[name]、東京から"),
        ("Ｔａｒｏ　Ｙａｍａｄａ", "Taro Yamada here", "[name] here"),
        ("José García", "jose garcia wrote", "[name] wrote"),
        ("山田", "ﾔﾏﾀﾞ 山田様", "ﾔﾏﾀﾞ [name]"),
        ("An Ng", "An order of an apple, Ng", "[name] order of an apple, [name]"),
    ],
)
def test_a_name_is_found_as_it_may_be_written(name: str, text: str, wanted: str) -> None:
    assert draft_of(case(name=name), [said(text, who="")], [], redact).body == wanted


def test_notes_and_the_customers_own_words_are_not_copied() -> None:
    spoken = [
        said("内緒", NOTE),
        said("急いでいます", CUSTOMER),
        said("はい。"),
        said("以上です。"),
    ]
    assert draft_of(case(), spoken, [], redact).body == "はい。\n\n以上です。"


def test_a_case_without_names_or_answers() -> None:
    draft = draft_of(case(name="", message="色は選べますか\n急ぎです"), [], [], redact)
    assert (draft.title, draft.question, draft.body) == ("色は選べますか", "色は選べますか", "")
