"""Synonyms: expansion of a phrase, and problems in a synonyms file."""

from pathlib import Path

import pytest

from indexer.reading.synonyms_file import read_synonyms
from search.index.synonyms import Rule, Synonyms
from search.model import Query
from tests.support import NOW, article, memory_engine, with_synonyms


def rules(tmp_path: Path, text: str) -> tuple[tuple[Rule, ...], list[str]]:
    (tmp_path / "synonyms.yml").write_text(text, encoding="utf-8")
    found, problems = read_synonyms(tmp_path)
    return found, [str(problem) for problem in problems]


def test_each_word_of_a_group_is_a_synonym_of_the_others(tmp_path: Path) -> None:
    found, problems = rules(tmp_path, "ja:\n  - [キャンセル, 取り消し, 解約]\n")
    assert problems == []
    assert {(rule.phrase, rule.alternatives) for rule in found} >= {
        ("解約", ("キャンセル", "取り消し"))
    } and len(found) == 3


def test_one_way_synonyms_expand_in_one_direction(tmp_path: Path) -> None:
    found, problems = rules(tmp_path, "ja:\n  - スマホ: [スマートフォン, 携帯電話]\n")
    assert problems == [] and found == (Rule("ja", "スマホ", ("スマートフォン", "携帯電話")),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ja:\n  - a: [b]\n  - b: [c]\n  - c: [a]\n", "leads back to itself"),
        ("ja:\n  - a: [a, b]\n", "leads back to itself"),
        ("ja:\n  - [解約]\n", "one word only"),
        ("ja:\n  - [ＡＢＣ, abc]\n", "the same one twice"),
        ("ja:\n  - [解約, '---']\n", "without letters"),
        ("ja:\n  - [解約, 取消]\n  - [解約, キャンセル]\n", "explained twice"),
        ("ja: 解約\n", "needs a list"),
        ("ja:\n  - 解約\n", "no list of words"),
        ("ja: [unclosed\n", "broken YAML"),
        ("- a\n- b\n", "not a list of keys"),
    ],
)
def test_invalid_rules_are_reported_and_ignored(tmp_path: Path, text: str, said: str) -> None:
    found, problems = rules(tmp_path, text)
    assert any(said in problem and problem.startswith("synonyms.yml:") for problem in problems), (
        problems
    )
    assert all(rule.phrase not in ("a", "b", "c") for rule in found)


def test_a_missing_file_is_no_problem(tmp_path: Path) -> None:
    assert read_synonyms(tmp_path) == ((), [])


@pytest.mark.parametrize(
    ("lang", "said", "text", "stretch"),
    [
        ("ja", "スマホ", "スマホの画面", "スマホ"),
        ("ja", "スマホ", "ｽﾏﾎが割れた", "ｽﾏﾎ"),
        ("ja", "サーバ", "サーバーが落ちた", "サーバー"),
        ("ja", "トリセツ", "とりせつはどこ", "とりせつ"),
        ("en", "refund", "where are my Refunds", "Refunds"),
        ("en", "money back", "I want my money back now", "money back"),
    ],
)
def test_a_phrase_matches_in_any_spelling(lang: str, said: str, text: str, stretch: str) -> None:
    (match,) = Synonyms.of([Rule(lang, said, ("x",))]).matches(lang, text)
    assert text[match.start : match.end] == stretch


@pytest.mark.parametrize(
    ("lang", "said", "text"),
    [
        ("en", "cart", "my cartoon"),
        ("en", "money back", "back money"),
        ("ja", "解約", "契約"),
        ("en", "refund", "返金"),
    ],
)
def test_other_words_do_not_match(lang: str, said: str, text: str) -> None:
    assert Synonyms.of([Rule(lang, said, ("x",))]).matches(lang, text) == []


def test_the_longest_phrase_wins() -> None:
    known = Synonyms.of([Rule("ja", "返品", ("返送",)), Rule("ja", "返品送料", ("送り返す料金",))])
    assert [match.alternatives for match in known.matches("ja", "返品送料は")] == [
        ("送り返す料金",)
    ]


def test_an_article_is_found_by_a_synonym() -> None:
    engine = with_synonyms(
        memory_engine(
            [
                article("a", "会員をやめる", "退会の手続きです。"),
                article("b", "商品を返す", "返品の手続きです。"),
            ]
        ),
        [Rule("ja", "卒業", ("退会",))],
    )
    results = engine.search(Query("卒業したい", lang="ja", now=NOW))
    assert results.hits[0].article_id == "a" and results.hits[0].arms["keyword"][0] == 1
    assert any("退会" in results.hits[0].snippet[start:end] for start, end in results.hits[0].spans)


def test_an_exact_match_ranks_before_a_synonym_match() -> None:
    both = [
        article("meant", "退会の手続き", "退会の手続きです。"),
        article("named", "卒業の手続き", "卒業の手続きです。"),
    ]
    engine = with_synonyms(memory_engine(both), [Rule("ja", "卒業", ("退会",))])
    assert engine.search(Query("卒業の手続き", lang="ja", now=NOW)).hits[0].article_id == "named"
