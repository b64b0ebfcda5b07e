"""A conversation answers, asks back which is meant, asks whether it helped, and hands over."""

from dataclasses import dataclass, field, replace

import pytest

from kb_app.support.conversations.dialogue import choices_of, cut_at_sentence, respond
from kb_app.support.conversations.model import Conversation, Option, Quote, Reading, Response

REFUND = Quote("refund", "返金の時期", "5〜7営業日で返金します。", "https://x/refund")
PARCEL = Quote("parcel", "荷物が届かない", "追跡番号をご確認ください。", "https://x/parcel")
MAIL = Quote("mail", "メールが届かない", "迷惑メールをご確認ください。", "https://x/mail")
NEAR = tuple(Option(one.article_id, one.title) for one in (PARCEL, MAIL))
JA = Conversation("c1", "line", "U1", 0, 0, language="ja")


@dataclass
class Known:
    """Answers from a table; anything else is not known."""

    readings: dict[str, Reading] = field(
        default_factory=lambda: {
            "返金はいつ": Reading("strict", "ja", answers=(REFUND,), query_id="q1"),
            "when is my refund": Reading("strict", "en", answers=(REFUND,)),
            "届かない": Reading("weak", "ja", near=NEAR, query_id="q2"),
            "二つある": Reading("strict", "ja", answers=(PARCEL, MAIL)),
            "荷物": Reading("weak", "ja", near=NEAR[:1]),
            "ギフト券": Reading("partly", "ja", near=NEAR),
        }
    )
    asked: list[str] = field(default_factory=list)

    def read(self, text: str, conversation: Conversation, now: int) -> Reading:
        self.asked.append(text)
        return self.readings.get(text, Reading("none", conversation.language or "ja"))

    def quote(self, article_id: str, question: str, conversation: Conversation) -> Quote | None:
        return {one.article_id: one for one in (PARCEL, MAIL)}.get(article_id)

    def helped(self, conversation: Conversation, yes: bool, now: int) -> None:
        raise AssertionError("the caller does this")


def talk(*texts: str, begin: Conversation = JA) -> tuple[Conversation, Response, list[str]]:
    """Say one text after the other; the conversation, the last response, and what was searched."""
    known, conversation, response = Known(), begin, Response("")
    for at, text in enumerate(texts, 1):
        conversation, response = respond(conversation, text, known, at)
    return conversation, response, known.asked


def test_an_answer_is_quoted_with_its_page_and_asks_whether_it_helped() -> None:
    conversation, response, _asked = talk("返金はいつ")
    assert "5〜7営業日で返金します。" in response.text and "これで解決しましたか。" in response.text
    assert response.url == REFUND.url and response.choices == ("はい", "いいえ")
    assert conversation.article_id == "refund" and conversation.query_id == "q1"


def test_the_language_is_that_of_the_question() -> None:
    conversation, response, _asked = talk("when is my refund", begin=replace(JA, language=""))
    assert conversation.language == "en" and response.choices == ("Yes", "No")


@pytest.mark.parametrize(
    "yes",
    [
        "はい",
        "うん",
        "解決しました。",
        "yes",
        "YES!",
        "はい、解決しました",
        "解決しました！ありがとう",
    ]
    + ["大丈夫です", "ありがとうございます", "OKです", "👍", "yes thanks", "Yes"],
)
def test_yes_is_noted_and_the_next_question_can_follow(yes: str) -> None:
    conversation, response, asked = talk("返金はいつ", yes)
    assert response.helped is True and not conversation.waiting and asked == ["返金はいつ"]


@pytest.mark.parametrize(
    "no",
    ["いいえ", "違います", "まだ解決していません", "no", "いいえ、解決しませんでした", "だめでした"]
    + ["いえ", "うーん", "not really", "it didn't"],
)
def test_no_offers_a_person(no: str) -> None:
    conversation, response, _asked = talk("返金はいつ", no)
    assert response.helped is False and response.choices == ("担当者につなぐ", "別の言い方で聞く")
    assert talk("返金はいつ", no, "はい")[1].hand_over
    assert "別の言い方で" in talk("返金はいつ", no, "いいえ")[1].text
    assert choices_of(conversation) == response.choices


@pytest.mark.parametrize(
    "yes", ["はい、お願いします", "お願いします", "yes please", "はい", "Yes", "sure", "ええ、ぜひ"]
)
def test_a_person_that_was_offered_is_accepted_in_ordinary_words(yes: str) -> None:
    assert talk("天気は", yes)[1].hand_over


@pytest.mark.parametrize(
    "no", ["大丈夫です", "結構です", "いえ、いいです", "no thanks", "いりません"]
)
def test_a_person_that_was_offered_is_declined_in_ordinary_words(no: str) -> None:
    _conversation, response, asked = talk("天気は", no)
    assert not response.hand_over and len(asked) == 1


@pytest.mark.parametrize("text", ["はい、でも送料はいくらですか", "ok but when", "解決しましたか?"])
def test_a_question_that_begins_like_an_answer_is_a_question(text: str) -> None:
    assert talk("返金はいつ", text)[2] == ["返金はいつ", text]


def test_the_words_of_a_button_are_understood_in_every_language() -> None:
    assert talk("天気は", "Ask a person")[1].hand_over
    assert "もう一度" in talk("天気は", "Say it differently")[1].text


def test_two_meanings_are_asked_back() -> None:
    _conversation, response, _asked = talk("届かない")
    assert response.text.splitlines()[1:] == [
        "1. 荷物が届かない",
        "2. メールが届かない",
        "3. どれでもない",
    ]
    assert response.choices == ("荷物が届かない", "メールが届かない", "どれでもない")


@pytest.mark.parametrize("choice", ["2", "２", "2番", "メールが届かない"])
def test_a_meaning_is_chosen_by_number_or_title(choice: str) -> None:
    conversation, response, asked = talk("届かない", choice)
    assert MAIL.text in response.text and conversation.article_id == "mail"
    assert asked == ["届かない"] and conversation.question == "届かない"


def test_a_title_that_a_channel_has_cut_is_known() -> None:
    long = Option("mail", "注文の確認メールが届かないときに確かめること")
    known = Known({"メール": Reading("weak", "ja", near=(long, NEAR[0]))})
    asked, _response = respond(JA, "メール", known, 1)
    _after, response = respond(asked, "注文の確認メールが届かないとき…", known, 2)
    assert MAIL.text in response.text


@pytest.mark.parametrize("choice", ["3", "どれでもない", "いいえ", "9"])
def test_none_of_the_meanings_offers_a_person(choice: str) -> None:
    assert talk("届かない", choice)[1].choices == ("担当者につなぐ", "別の言い方で聞く")


def test_another_question_in_the_place_of_a_choice_is_answered() -> None:
    assert REFUND.text in talk("届かない", "返金はいつ")[1].text


def test_the_one_article_that_is_near_is_shown_with_a_doubt() -> None:
    conversation, response, _asked = talk("荷物")
    assert response.text.startswith("これのことでしょうか。\n\n荷物が届かない\n\n追跡番号")
    assert conversation.waiting == "helped"


def test_two_answers_that_differ_are_asked_back() -> None:
    assert talk("二つある")[1].choices[:2] == ("荷物が届かない", "メールが届かない")


def test_what_is_not_written_is_said() -> None:
    assert talk("ギフト券")[1].text.startswith("お尋ねの点は書かれていません")
    assert talk("天気は")[1].text.startswith("申し訳ありません。その答えはヘルプにありません。")


@pytest.mark.parametrize(
    "wish",
    ["担当者につないで", "人と話したい", "オペレーターお願いします", "スタッフと相談したい"]
    + ["すみません、担当の方と話せますか", "人間に代わってください", "担当者をお願いします"]
    + ["talk to a person", "can I speak with someone", "Human please", "担当者"],
)
def test_a_person_is_had_at_any_time(wish: str) -> None:
    conversation, response, asked = talk("返金はいつ", wish)
    assert response.hand_over and conversation.waiting == "handed" and len(asked) == 1


@pytest.mark.parametrize(
    "question",
    ["別の人が受け取れますか", "can another person pick it up", "担当者の名前は?"]
    + [
        "本人に代わって解約できますか",
        "友人にお願いして受け取ってもらえますか",
        "名義が個人から法人に変わりました",
    ]
    + ["代理人にお願いできますか", "友人に相談したら返品できると言われた"]
    + ["スタッフに話したことと違う返金額が届いた", "can someone else talk to the courier for me"],
)
def test_a_question_that_has_such_words_is_a_question(question: str) -> None:
    _conversation, response, asked = talk(question)
    assert asked == [question] and not response.hand_over


@pytest.mark.parametrize("text", ["1", "別の言い方で聞く"])
def test_a_choice_without_anything_to_choose_is_no_question(text: str) -> None:
    _conversation, response, asked = talk(text)
    assert asked == [] and "もう一度書いてください" in response.text


def test_everything_that_was_said_is_kept_in_order() -> None:
    conversation, _response, _asked = talk("届かない", "1", "いいえ")
    assert [turn.who for turn in conversation.turns] == ["customer", "site"] * 3


def test_a_long_talk_and_a_long_text_are_bounded() -> None:
    conversation, _response, asked = talk(*["あ" * 5_000] * 60)
    assert len(conversation.turns) == 100 and len(asked[0]) == 1_000


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_nothing_is_no_message_and_says_so(blank: str) -> None:
    conversation, response, asked = talk(blank)
    assert asked == [] and "文字でお書きください" in response.text
    assert [turn.text for turn in conversation.turns] == [response.text]


def test_the_wish_for_a_person_is_found_in_no_time() -> None:
    for piece in ("です", "すみません", "please ", "人に"):
        talk(piece * 500)
        talk((piece * 40)[:59] + "!")


def test_a_quote_is_cut_at_the_end_of_a_sentence() -> None:
    assert cut_at_sentence("一文目です。二文目はとても長い文です。", 10) == "一文目です。…"
    assert cut_at_sentence("短い", 12) == "短い" and len(cut_at_sentence("あ" * 50, 12)) == 12
