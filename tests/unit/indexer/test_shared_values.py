"""Articles use the shared values of values.yml; a changed value reaches each that has it."""

from datetime import UTC
from pathlib import Path

import pytest

from indexer.bundling.build_cache import BuildCache
from indexer.collect import collect
from indexer.model import Article, Problem
from indexer.reading.markdown.shared_values import filled
from indexer.reading.values_file import Values, parsed_values

VALUES = """price:
  shipping: {ja: 600円, en: 600 yen}
  gift: 300
hours: {ja: 平日9時〜18時}
"""
SHIPPING = """---
id: cost
title: 送料は{{ price.shipping }}です
summary: 送料は{{price.shipping}}。
questions: ["{{ price.shipping }}は高い"]
---
一律{{ price.shipping }}、包装は{{ price.gift }}円です。`{{ price.gift }}` {{ site.title }}

```
{{ price.gift }}
```
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "articles/ja").mkdir(parents=True)
    (tmp_path / "articles/ja/cost.md").write_text(SHIPPING, "utf-8")
    (tmp_path / "articles/values.yml").write_text(VALUES, "utf-8")
    return tmp_path / "articles"


def read(folder: Path) -> tuple[dict[str, Article], list[Problem]]:
    cache = BuildCache(folder.parent / "cache.sqlite")
    found = collect(folder, cache, UTC)
    cache.close()
    return {article.path: article for article in found.articles}, found.problems


def test_a_value_stands_in_title_summary_question_and_text_but_not_in_code(folder: Path) -> None:
    article = read(folder)[0]["ja/cost.md"]
    assert article.title == "送料は600円です" and article.summary == "送料は600円。"
    assert article.questions == ("600円は高い",)
    assert "一律600円、包装は300円です。" in article.html
    assert article.html.count("{{ price.gift }}") == 2  # in code
    assert ("price.shipping", "600円") in article.values


def test_a_changed_value_is_shown_by_the_next_build(folder: Path) -> None:
    read(folder)
    (folder / "values.yml").write_text(VALUES.replace("600円", "700円"), "utf-8")
    assert "一律700円" in read(folder)[0]["ja/cost.md"].html
    assert "一律700円" in read(folder)[0]["ja/cost.md"].html  # and stays


def test_a_value_added_later_reaches_the_article_that_waits_for_it(folder: Path) -> None:
    (folder / "values.yml").write_text("price: {gift: 300}\n", "utf-8")
    articles, problems = read(folder)
    errors = {one.code for one in problems if one.severity == "error"}
    assert not articles and errors == {"value"}
    (folder / "values.yml").write_text(VALUES, "utf-8")
    assert "一律600円" in read(folder)[0]["ja/cost.md"].html


def test_the_first_values_file_reaches_articles_read_before_it(folder: Path) -> None:
    (folder / "values.yml").unlink()
    assert "600" not in read(folder)[0]["ja/cost.md"].html
    (folder / "values.yml").write_text(VALUES, "utf-8")
    assert "一律600円" in read(folder)[0]["ja/cost.md"].html


@pytest.mark.parametrize("broken", ["x: [", "- a", None, "hours: 9", "price: {gift: 300}\n"])
def test_a_broken_or_missing_file_of_values_leaves_the_last_good_text(
    folder: Path, broken: str | None
) -> None:
    read(folder)
    path = folder / "values.yml"
    path.unlink() if broken is None else path.write_text(broken, "utf-8")
    for _build in range(2):
        articles, problems = read(folder)
        assert "一律600円、包装は300円です。" in articles["ja/cost.md"].html
        assert any(one.code == "value" and one.path == "ja/cost.md" for one in problems)


def test_texts_are_kept_as_they_are_written() -> None:
    values, problems = parsed_values("a: 1.50\nb: 0777\nc: 1e3\nd: 2026-11-01T10:00:00\n")
    assert not problems
    assert [values.text(name, "ja") for name in "abcd"] == [
        "1.50",
        "0777",
        "1e3",
        "2026-11-01T10:00:00",
    ]


def test_a_value_that_is_not_there_names_the_nearest_and_the_last_good_text_stays(
    folder: Path,
) -> None:
    read(folder)
    text = SHIPPING.replace("一律{{ price.shipping }}", "\n一律{{ price.shiping }}")
    (folder / "ja/cost.md").write_text(text, "utf-8")
    articles, problems = read(folder)
    [error] = [one for one in problems if one.code == "value"]
    assert error.line == 8 and "Did you mean price.shipping?" in error.hint
    assert "一律600円" in articles["ja/cost.md"].html


def test_a_language_without_a_text_is_an_error_of_its_article(folder: Path) -> None:
    (folder / "en").mkdir()
    (folder / "en/hours.md").write_text("---\ntitle: Hours\n---\nWe answer {{ hours }}.\n", "utf-8")
    articles, problems = read(folder)
    assert "en/hours.md" not in articles
    assert any("no text in en" in one.message for one in problems if one.path == "en/hours.md")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: true", "text or a number"),
        ("a: [1, 2]", "text or a number"),
        ("a: {ja: ''}", "one line"),
        ('a: "x\\ny"', "one line"),
        ('"a b": 1', "no name"),
        ("a: b: c", "broken YAML"),
        ("- 1", "not a list of keys"),
        ("a: " + "x" * 600, "one line"),
        ("x: " + "y" * 600_000, "larger"),
    ],
)
def test_what_is_no_value_is_said(text: str, said: str) -> None:
    values, problems = parsed_values(text)
    assert not values and said in f"{problems[0].message} {problems[0].hint}"


def test_numbers_and_dates_are_values() -> None:
    values, problems = parsed_values("a: 1\nb: {c: 2.5, d: 2026-11-30}\n")
    assert not problems and values.text("b.d", "ja") == "2026-11-30"
    assert (values.text("a", "en"), values.text("b.c", "ja")) == ("1", "2.5")


def test_many_braces_take_no_longer_than_their_length() -> None:
    values = Values({"a": {"": "1"}})
    assert filled("{{ " * 50_000, values, "ja").used == {}
    assert filled("{{ a }}" * 20_000, values, "ja").text == "1" * 20_000
