"""Queries typed in romaji or kana, and words that are no typing errors."""

import pytest

from search.analysis.dictionary import is_word
from search.engine import Engine
from search.model import Query
from search.query.readings import as_written
from tests.support import NOW, article, memory_engine


@pytest.fixture(scope="module")
def engine() -> Engine:
    return memory_engine(
        [
            article("return", "返品する", "返品は30日以内です。返品送料はかかりません。"),
            article("fees", "配送料金", "配送料金は一律550円です。"),
            article("password", "パスワードを忘れたとき", "再設定します。"),
            article(
                "refund",
                "お金が戻る時期",
                "お金は5日で戻ってきます。",
                questions=("へんきんはいつ",),
            ),
            article("sale", "Sale of noisy lamps", "A sale of lamps.", lang="en"),
        ]
    )


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("ヘンピンシタイ", "返品したい"),
        ("へんぴんしたい", "返品したい"),
        ("henpin shitai", "返品 したい"),
        ("おかねもどってきてない", "お金戻ってきてない"),
        ("ぱすわーどわすれた", "パスワード忘れた"),
        ("返品したい", ""),
        ("sale", ""),
        ("noisy lamps", ""),
        ("banana", ""),
        ("TB-200", ""),
        ("パスワード", ""),
        ("", ""),
        ("?!", ""),
    ],
)
def test_romaji_and_kana_are_read_as_the_articles_write_them(
    engine: Engine, typed: str, read: str
) -> None:
    assert as_written(engine.corpus, typed) == read


def test_the_results_say_how_a_query_was_read(engine: Engine) -> None:
    results = engine.search(Query("ヘンピンシタイ", lang="ja", now=NOW))
    assert results.read_as == "返品したい" and results.hits[0].article_id == "return"
    literal = engine.search(Query('"ヘンピンシタイ"', lang="ja", now=NOW))
    assert literal.read_as == "" or literal.relaxed


def test_a_query_stays_as_typed_where_that_is_answered_better(engine: Engine) -> None:
    results = engine.search(Query("へんきんはいつ", lang="ja", now=NOW))
    assert results.read_as == "" and results.hits[0].article_id == "refund"


@pytest.mark.parametrize(
    ("lang", "word", "known"),
    [
        ("en", "noise", True),
        ("en", "thick", True),
        ("en", "refnd", False),
        ("ja", "ブラックフライデー", True),
        ("ja", "パスワド", False),
        ("xx", "noise", False),
        ("ja", "", False),
    ],
)
def test_words_are_told_from_typing_errors(lang: str, word: str, known: bool) -> None:
    assert is_word(lang, word) is known


def test_a_word_that_the_articles_lack_is_not_corrected(engine: Engine) -> None:
    assert engine.search(Query("noise", lang="en", now=NOW)).suggestions == ()
    assert engine.search(Query("lampz", lang="en", now=NOW)).suggestions == ("lamps",)


def test_misspelt_words_are_completed(engine: Engine) -> None:
    def suggested(typed: str, lang: str) -> list[str]:
        found = engine.lookups.suggest(typed, lang, 5, NOW, frozenset({"public"}))
        return [document.id for _, document in found]

    assert suggested("パスワド", "ja") == ["password"]
    assert suggested("slae", "en") == [] and suggested("nosiy", "en") == ["sale"]
    # Latin letters are romaji only for who reads Japanese.
    assert suggested("hais", "ja") == ["fees"] and suggested("hais", "en") == []
