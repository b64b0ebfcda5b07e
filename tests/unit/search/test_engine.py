"""The engine over in-memory parts: ranking, visibility, translations, verdicts, invalid queries."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from search.engine import Engine
from search.errors import EmbedderUnavailableError
from search.model import Filters, Query
from search.testing import HashEmbedder
from tests.support import NOW, PUBLIC, article, memory_engine

ARTICLES = [
    article(
        "refund",
        "返金の時期",
        "返品された商品が倉庫に着いてから、5〜7営業日で返金します。",
        section="returns",
        tags=("返金",),
    ),
    article(
        "password",
        "パスワードを忘れたとき",
        "ログイン画面から再設定できます。",
        questions=("ログインできない",),
        section="account",
        type="guide",
    ),
    article(
        "password-en",
        "Reset a forgotten password",
        "Use the link on the sign-in page.",
        lang="en",
        translation_of="password",
        section="account",
    ),
    article(
        "kettle-en",
        "Descale a kettle",
        "Fill it with citric acid and water.",
        lang="en",
        section="faults",
    ),
    article("internal", "返金の承認", "返金を承認する社内の手順。", audience="internal"),
    article("draft", "返金の下書き", "返金の下書きです。", status="draft"),
    article(
        "future",
        "返金の新しいきまり",
        "返金のきまりが変わります。",
        publish_at=NOW + timedelta(days=1),
    ),
    article("expired", "返金の遅れ", "返金が遅れています。", expire_at=NOW - timedelta(days=1)),
]
HIDDEN = {"internal", "draft", "future", "expired"}


@pytest.fixture(params=["keyword", "hybrid"], scope="module")
def engine(request: pytest.FixtureRequest) -> Engine:
    return memory_engine(ARTICLES, HashEmbedder() if request.param == "hybrid" else None)


@pytest.fixture(scope="module")
def by_keyword() -> Engine:
    return memory_engine(ARTICLES)


def ask(engine: Engine, text: str, **values: object) -> list[str]:
    return [
        hit.article_id
        for hit in engine.search(replace(Query(text, lang="ja", now=NOW), **values)).hits
    ]  # type: ignore[arg-type]


def test_the_right_article_is_first(engine: Engine) -> None:
    assert ask(engine, "返金はいつ")[0] == "refund"
    assert ask(engine, "パスワードがわからない")[0] == "password"


def test_hidden_articles_are_never_returned(engine: Engine) -> None:
    assert not HIDDEN & set(ask(engine, "返金", limit=50))
    assert not HIDDEN & {
        document.id for document in engine.lookups.related("refund", 20, NOW, PUBLIC)
    }
    assert not HIDDEN & {
        document.id for _, document in engine.lookups.suggest("返金", "ja", 20, NOW, PUBLIC)
    }


def test_dates_take_effect_without_a_build(engine: Engine) -> None:
    assert "future" in ask(engine, "返金", now=NOW + timedelta(days=2), limit=50)
    assert "expired" in ask(engine, "返金", now=NOW - timedelta(days=2), limit=50)


def test_the_internal_audience_sees_internal_articles(engine: Engine) -> None:
    assert "internal" in ask(engine, "返金の承認", audiences=frozenset({"public", "internal"}))


def test_only_one_translation_of_an_article_is_shown(engine: Engine) -> None:
    assert {"password", "password-en"} & set(ask(engine, "forgotten password")) == {"password-en"}
    assert {"password", "password-en"} & set(ask(engine, "パスワード")) == {"password"}


def test_filters_exclude(engine: Engine) -> None:
    assert set(ask(engine, "返金 パスワード", filters=Filters(section="account"))) == {"password"}
    assert set(ask(engine, "パスワード", filters=Filters(lang="en"))) <= {
        "password-en",
        "kettle-en",
    }
    assert ask(engine, "返金", filters=Filters(tag="返金")) == ["refund"]
    assert ask(engine, "返金", filters=Filters(section="nowhere")) == []


def test_pages_share_one_ranking(engine: Engine) -> None:
    whole = ask(engine, "返金 パスワード", limit=10)
    assert ask(engine, "返金 パスワード", limit=1, offset=1) == whole[1:2]


def test_the_same_query_gives_the_same_answer(engine: Engine) -> None:
    query = Query("返金 パスワード", lang="ja", now=NOW)
    first, second = engine.search(query), engine.search(query)
    assert replace(first, elapsed_ms=0) == replace(second, elapsed_ms=0)


@pytest.mark.parametrize("text", ["", " ", "\u3000", "\x00", "\u200b"])
def test_an_empty_query_is_no_error(engine: Engine, text: str) -> None:
    assert engine.search(Query(text)).problem == "empty"


@pytest.mark.parametrize("text", ["???", "。、！", "😀", "-", '"'])
def test_punctuation_alone_is_unsearchable(engine: Engine, text: str) -> None:
    results = engine.search(Query(text))
    assert results.problem == "unsearchable" and results.hits == ()


@pytest.mark.parametrize(
    "text",
    [
        "返金" * 5_000,
        "返金\x00いつ",
        "返金\ud800",
        "か゛",
        "a" * 10_000,
        "'; drop table --",
        "field:*",
        "[",
        "\\",
    ],
)
def test_unusual_queries_are_no_errors(engine: Engine, text: str) -> None:
    assert engine.search(Query(text, now=NOW)).problem in ("", "unsearchable")


def test_an_unindexed_language_gets_no_strict_verdict(engine: Engine) -> None:
    results = engine.search(Query("Как вернуть деньги", now=NOW))
    assert results.verdict in ("none", "weak") and results.problem == ""


def test_snippets_highlight_the_matched_words(engine: Engine) -> None:
    hit = engine.search(Query("返金", lang="ja", now=NOW)).hits[0]
    assert [hit.snippet[start:end] for start, end in hit.spans] == ["返金"]


def test_quoted_phrases_are_required(by_keyword: Engine) -> None:
    engine = by_keyword
    assert ask(engine, '"営業日で返金"') == ["refund"]
    assert not engine.search(Query('"営業日で返金"', lang="ja", now=NOW)).relaxed
    assert "refund" not in ask(engine, "返金 -倉庫", limit=50)


def test_a_quoted_sentence_that_nothing_contains_is_searched_without_quotes(
    by_keyword: Engine,
) -> None:
    for text in ('"返金で営業日"', "\u201c返金で営業日\u201d"):
        results = by_keyword.search(Query(text, lang="ja", now=NOW))
        assert results.relaxed and results.hits[0].article_id == "refund"
    assert not by_keyword.search(Query('"zebra quokka"', lang="en", now=NOW)).relaxed


def test_a_misspelt_word_is_corrected(by_keyword: Engine) -> None:
    results = by_keyword.search(Query("pasword", lang="en", now=NOW))
    assert results.suggestions == ("password",)


def test_without_an_answer_the_verdict_says_so(by_keyword: Engine) -> None:
    engine = by_keyword
    assert engine.search(Query("宇宙旅行", lang="ja", now=NOW)).verdict == "none"
    assert engine.search(Query("パスワードを忘れた", lang="ja", now=NOW)).verdict == "strict"


@pytest.mark.parametrize("text", ["a", "あ", "5"])
def test_a_single_character_never_gets_a_strict_verdict(engine: Engine, text: str) -> None:
    assert engine.search(Query(text, lang="ja", now=NOW)).verdict != "strict"


def test_keyword_only_search_is_reported(by_keyword: Engine) -> None:
    assert by_keyword.search(Query("返金", now=NOW)).degraded == "off"


def test_a_model_that_fails_leaves_keyword_search() -> None:
    class Failing(HashEmbedder):
        broken = False

        def encode(self, texts, kind):  # type: ignore[no-untyped-def]
            if self.broken:
                raise EmbedderUnavailableError("failed")
            return super().encode(texts, kind)

    embedder = Failing()
    engine = memory_engine(ARTICLES, embedder)
    embedder.broken = True
    results = engine.search(Query("返金", lang="ja", now=NOW))
    assert results.degraded == "failed" and results.hits[0].article_id == "refund"


def test_vectors_of_another_model_are_not_compared() -> None:
    engine = memory_engine(ARTICLES, HashEmbedder())
    engine._embedder = HashEmbedder(salt="other")
    assert engine.search(Query("返金", now=NOW)).degraded == "stale"


def test_related_articles_are_of_the_same_language_and_no_translation(engine: Engine) -> None:
    related = engine.lookups.related("password-en", 5, NOW, PUBLIC)
    assert [document.id for document in related] == ["kettle-en"]


def test_an_article_that_is_only_in_another_language_is_found() -> None:
    engine = memory_engine(ARTICLES, HashEmbedder())
    assert ask(engine, "kettle", lang="ja")[0] == "kettle-en"


def test_semantic_suggestions_are_in_the_query_language() -> None:
    engine = memory_engine(ARTICLES, HashEmbedder())
    found = engine.lookups.suggest_by_meaning("パスワードを忘れたとき", "ja", 5, NOW, PUBLIC)
    assert (
        found
        and found[0][1].id == "password"
        and all(document.lang == "ja" for _, document in found)
    )
    assert (
        engine.lookups.suggest_by_meaning("パ", "ja", 5, NOW, PUBLIC)
        == []
        == engine.lookups.suggest_by_meaning("???????", "ja", 5, NOW, PUBLIC)
    )


def test_without_a_model_there_are_no_semantic_suggestions(by_keyword: Engine) -> None:
    assert by_keyword.lookups.suggest_by_meaning("パスワードを忘れた", "ja", 5, NOW, PUBLIC) == []


def test_a_model_of_another_dimension_leaves_keyword_search() -> None:
    class Wider(HashEmbedder):
        def encode(self, texts, kind):  # type: ignore[no-untyped-def]
            return np.pad(super().encode(texts, kind), ((0, 0), (0, 8)))

    made = memory_engine([article("a", "返品する", "返品できます。")], HashEmbedder())
    results = Engine(made.corpus, Wider()).search(Query("返品", lang="ja", now=NOW))
    assert results.degraded == "stale" and results.hits[0].article_id == "a"


def test_a_quote_within_a_sentence_is_not_required(engine: Engine) -> None:
    assert "password" in ask(
        engine, 'ログインの画面で「忘れた方」と出るので"存在しない語"を押してパスワードを直したい'
    )
