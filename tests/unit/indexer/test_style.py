"""The house style: what of it an article does not follow, in the words of the article."""

from pathlib import Path

import pytest

from indexer.checking.house_style import problems_of
from indexer.checking.readability import reading_ease
from indexer.checking.style import style_remarks
from indexer.reading.article import read_article_text
from indexer.reading.style_file import parsed_style, read_style


def remarks(style: str, body: str, front: str = "", lang: str = "ja") -> list[str]:
    styles, wrong = parsed_style(style)
    assert not wrong, wrong
    name, text = f"{lang}/help/a.md", f"---\nid: a\ntitle: t\n{front}---\n{body}\n"
    article, problems = read_article_text(name, text)
    assert article is not None, problems
    return [f"{one.code}: {one.words}" for one in style_remarks(article, styles)]


def test_plain_sentences_among_polite_ones_are_named() -> None:
    body = "返品は30日以内にできます。送料はお客様の負担である。受付は終了した。"
    assert remarks("ja: {form: です・ます}", body) == [
        "style-form: 送料はお客様の負担である。",
        "style-form: 受付は終了した。",
    ]


@pytest.mark.parametrize(
    "polite",
    [
        "箱に入れてください。",
        "届きますか。",
        "「もう要らない。」と言われた方もご利用いただけます。",
        "ご注文の場合。",
        "返品の手順",
        "- 箱を閉じる。\n- 送り状を貼る。",
        "| 種類 | 扱い |\n| --- | --- |\n| 靴 | 返せない。 |",
        "少々お待ちくださいませ。",
        "送料はかかりませんが、箱は要ります。",
    ],
)
def test_what_is_polite_or_no_sentence_is_left_alone(polite: str) -> None:
    assert remarks("ja: {form: です・ます}", polite) == []


def test_polite_sentences_in_a_plain_text_are_named() -> None:
    assert remarks("ja: {form: だ・である}", "返品できる。箱を送ります。") == [
        "style-form: 箱を送ります。"
    ]


def test_a_term_is_not_seen_in_the_better_one() -> None:
    style = "ja: {instead: {サーバ: サーバー, あなた: お客様}}"
    assert remarks(style, "サーバーのことはあなたのサーバに聞きます。") == [
        "style-term: あなた",
        "style-term: サーバ",
    ]
    english = "en: {instead: {log in: sign in, utilize: use}}"
    body = "Log in, then utilize the blog in your utilizer."
    assert remarks(english, body, lang="en") == ["style-term: Log in", "style-term: utilize"]


def test_long_sentences_count_characters_in_japanese_and_words_in_english() -> None:
    assert remarks("ja: {sentence: 10}", "とても長い文がここにあります。短い。") == [
        "style-sentence: とても長い文がここにあります。"
    ]
    assert remarks("en: {sentence: 5}", "One two three four five six. Short.", lang="en") == [
        "style-sentence: One two three four five six."
    ]


def test_emoji_and_short_forms() -> None:
    assert remarks("ja: {emoji: false}", "ようこそ🎉。→次へ。①から。") == ["style-emoji: 🎉"]
    style = "en: {contractions: false}"
    assert remarks(style, "You can't. It’s Tom's.", lang="en") == [
        "style-contraction: can't",
        "style-contraction: It’s",
    ]


def test_a_type_needs_its_parts() -> None:
    style = "ja: {parts: {guide: [手順, 次に起きること]}}"
    assert remarks(style, "## 返品の手順\n\n箱に入れます。", "type: guide\n") == ["style-part: "]
    assert remarks(style, "箱に入れます。") == []


def test_a_situation_has_its_own_tone() -> None:
    style = """ja:
  emoji: true
  instead: {あなた: お客様}
  situations:
    complaints: {emoji: false, needs: [申し訳, お詫び], avoid: [ご了承ください]}
"""
    body = "あなたの声🎉。ご了承ください。"
    assert remarks(style, body) == ["style-term: あなた"]
    assert remarks(style, body, "section: complaints\n") == [
        "style-term: あなた",
        "style-term: ご了承ください",
        "style-emoji: 🎉",
        "style-needs: ",
    ]


def test_code_and_quotations_are_not_the_writers_own_words() -> None:
    assert remarks("ja: {avoid: [あなた]}", "```\nあなた\n```\n\n本文です。") == []


def test_hard_texts_are_named_and_easy_ones_are_not() -> None:
    hard = "個人情報保護法第二十七条第一項各号該当事由存在時第三者提供可能性告知義務履行方法。" * 4
    easy = "はこに入れて、おくってください。" * 10
    assert remarks("ja: {reading: 30}", hard) == ["style-reading: "]
    assert remarks("ja: {reading: 30}", easy) == []


def test_reading_ease_of_known_texts() -> None:
    # Flesch (1948): one-syllable words in short sentences are near 100, legal prose near 0.
    easy = reading_ease(["The cat sat on the mat and ate."] * 5, "en")
    legal = "Notwithstanding contractual obligations, indemnification necessitates documentation."
    hard = reading_ease([legal] * 3, "en")
    assert easy is not None and easy > 90
    assert hard is not None and hard < 10
    assert reading_ease(["短い。"], "ja") is None and reading_ease(["x" * 200], "fr") is None


def test_a_remark_has_the_line_of_its_words() -> None:
    styles, _ = parsed_style("ja: {avoid: [あなた]}")
    text = "---\nid: a\ntitle: t\n---\n一行目。\n\nあなたの注文。\n"
    article, _ = read_article_text("ja/a/a.md", text)
    assert article is not None
    [problem] = problems_of(article.path, text, style_remarks(article, styles))
    assert (problem.line, problem.severity) == (7, "warning")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ja: {fom: です・ます}", "Did you mean form?"),
        ("ja: {form: ですます}", "form has the wrong value"),
        ("ja: {sentence: 1}", "sentence has the wrong value"),
        ("ja: 5", "ja has the wrong value"),
        ("ja: {situations: {a: {emojis: true}}}", "Did you mean emoji?"),
        ("ja: [", "broken YAML"),
    ],
)
def test_a_wrong_style_file_names_the_key(text: str, said: str) -> None:
    styles, [problem] = parsed_style(text)
    assert not styles and said in f"{problem.message} {problem.hint}"


def test_no_file_is_no_style(tmp_path: Path) -> None:
    assert read_style(tmp_path) == ({}, [])
    (tmp_path / "style.yml").write_bytes(b"\xff\xfe")
    assert read_style(tmp_path)[1][0].code == "style-file"


def test_hostile_texts_take_no_longer_than_their_length() -> None:
    style = "ja: {form: です・ます, emoji: false, contractions: false, instead: {ああ: い}}"
    for body in ("「" * 50_000, "あ" * 100_000, "。" * 50_000, "a'" * 50_000, '"' * 50_001):
        remarks(style, body)
