"""Translations have the glossary's terms; a machine's text is a draft until published."""

from datetime import UTC
from pathlib import Path

import pytest

from indexer.bundling.build_cache import BuildCache
from indexer.collect import collect
from indexer.editing.front_text import published, with_values
from indexer.model import Article, Problem
from indexer.reading.glossary_file import read_glossary

JA = "---\nid: a\ntitle: 返品する\n---\n返品は30日以内、定期便も同じです。\n"
EN = "---\nid: a-en\ntitle: Send something back\ntranslation_of: a\n---\n{}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "articles"
    for name, text in {"ja/x/a.md": JA, "en/x/a.md": EN.format("Within 30 days.")}.items():
        (made / name).parent.mkdir(parents=True)
        (made / name).write_text(text, "utf-8")
    (made / "glossary.yml").write_text(
        "- {ja: 返品, en: return}\n- {ja: 定期便, en: [subscription box, subscription]}\n", "utf-8"
    )
    return made


def read(folder: Path) -> tuple[dict[str, Article], list[Problem]]:
    cache = BuildCache(folder.parent / "cache.sqlite")
    found = collect(folder, cache, UTC)
    cache.close()
    return {one.path: one for one in found.articles}, found.problems


def named(folder: Path) -> list[str]:
    return [one.message for one in read(folder)[1] if one.code == "glossary"]


def test_a_term_that_a_translation_lacks_is_named(folder: Path) -> None:
    assert len(named(folder)) == 2 and "返品" in named(folder)[0]
    text = EN.format("Returned goods and your Subscription.")
    (folder / "en/x/a.md").write_text(text, "utf-8")
    assert named(folder) == []


def test_a_part_of_another_word_is_not_the_term(folder: Path) -> None:
    (folder / "en/x/a.md").write_text(EN.format("A non-return valve; prescription."), "utf-8")
    assert len(named(folder)) == 2


@pytest.mark.parametrize(
    ("text", "wrong"),
    [("- 返品\n", 1), ("a: b\n", 1), ("- {ja: 返品}\n", 1), ("- {ja: [], en: x}\n", 1), ("", 1)]
    + [("- {ja: 返品, en: return}\n- [", 1), ("- {ja: 返品, en: 5}\n", 1)],
)
def test_what_is_no_term_is_said(text: str, wrong: int, tmp_path: Path) -> None:
    (tmp_path / "glossary.yml").write_text(text, "utf-8")
    terms, problems = read_glossary(tmp_path)
    assert terms == [] and (len(problems) == wrong or text == "")


def test_a_machine_translation_is_a_draft(folder: Path) -> None:
    text = EN.format("Return. Subscription.").replace("title", "machine_translation: true\ntitle")
    (folder / "en/x/b.md").write_text(text.replace("a-en", "b-en"), "utf-8")
    article = read(folder)[0]["en/x/b.md"]
    assert article.status == "draft" and article.machine_translation
    done = with_values("en/x/b.md", text, published("en/x/b.md", text))
    assert "machine_translation" not in done and "status: published" in done


def test_a_machine_does_not_take_the_place_of_a_persons_text(folder: Path) -> None:
    assert "Within 30 days" in read(folder)[0]["en/x/a.md"].html
    text = EN.format("Machine.").replace("title", "machine_translation: true\ntitle")
    (folder / "en/x/a.md").write_text(text, "utf-8")
    articles, problems = read(folder)
    assert "Within 30 days" in articles["en/x/a.md"].html
    assert any(one.code == "machine" and one.severity == "error" for one in problems)
    assert "Within 30 days" in read(folder)[0]["en/x/a.md"].html, "and in the builds after it"
