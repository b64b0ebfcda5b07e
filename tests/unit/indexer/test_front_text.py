"""Values change in the front matter; all else stays as it is, to the byte."""

from datetime import date, datetime

import pytest

from indexer.editing.front_text import listed, published, values_of, with_values
from indexer.editing.model import EditConflictError

TEXT = """---
id: q  # ours
# asked in their words
questions:
  - 返したい  # from the phone
  - もどす

# about tags
tags: [a, "b: c"]   # two
summary: >
  long
  text
answers:
  'a: b': "#x"
---

本文
"""


def changed(**values: object) -> str:
    return with_values("a.md", TEXT, values)


def test_a_longer_list_keeps_its_first_part_and_the_comments() -> None:
    text = changed(questions=["返したい", "もどす", "返品: する"])
    expected = TEXT.replace("  - もどす\n", "  - もどす\n  - '返品: する'\n")
    assert text == expected or text == expected.replace("'返品: する'", '"返品: する"')


@pytest.mark.parametrize(
    ("values", "line", "now"),
    [
        ({"questions": []}, "questions:\n  - 返したい  # from the phone\n  - もどす\n", ""),
        ({"tags": ["a"]}, 'tags: [a, "b: c"]   # two', "tags: [a]   # two"),
        ({"id": "r"}, "id: q  # ours", "id: r  # ours"),
        ({"summary": ""}, "summary: >\n  long\n  text\n", ""),
        ({"summary": "kurz"}, "summary: >\n  long\n  text\n", "summary: kurz\n"),
    ],
)
def test_only_the_lines_of_a_changed_key_differ(
    values: dict[str, object], line: str, now: str
) -> None:
    assert changed(**values) == TEXT.replace(line, now)


def test_new_keys_stand_where_they_usually_do() -> None:
    lines = changed(title="返品", owner="花子", tests=["x"]).split("\n")
    assert lines.index("title: 返品") < lines.index("questions:")
    assert "owner: 花子" in lines and "  - x" in lines


def test_nothing_changes_without_a_difference_in_values() -> None:
    assert with_values("a.md", TEXT, {"owner": ""}) == TEXT


def test_line_ends_and_texts_without_front_matter() -> None:
    assert (
        with_values("a.md", "# 題\r\n\r\n本文\r\n", {"id": "x"})
        == "---\nid: x\n---\n# 題\n\n本文\n"
    )
    assert values_of("a.md", "---\r\nid: x\r\n---\r\nb") == {"id": "x"}
    assert with_values("a.md", "---\n# nothing\n---\nb", {"id": "x"}).count("# nothing") == 1


def test_dates_and_times_are_written_as_they_are_read() -> None:
    text = changed(review_by=date(2027, 1, 31), publish_at=datetime(2026, 10, 1, 9, 30))
    assert values_of("a.md", text)["publish_at"] == datetime(2026, 10, 1, 9, 30)
    assert "review_by: 2027-01-31" in text


@pytest.mark.parametrize(
    "header",
    [
        "tags: &t [a]\nkeywords: *t\n",
        "{id: q, tags: [a]}\n",
        "tags: [a\n",
        "- a\n",
        "tags: &t [a]\nquestions: *t\n",
    ],
)
def test_what_cannot_be_changed_line_by_line_is_refused(header: str) -> None:
    with pytest.raises(EditConflictError, match=r"a\.md"):
        with_values("a.md", f"---\n{header}---\nx\n", {"tags": ["a", "b"]})


def test_of_a_repeated_key_the_last_one_counts_and_stays() -> None:
    text = with_values("a.md", "---\ntags: [a]\nid: q\ntags: [b]\n---\nx\n", {"tags": ["c"]})
    assert text == "---\nid: q\ntags: [c]\n---\nx\n"


def test_another_tools_key_does_not_fill_an_emptied_one() -> None:
    text = "---\ntitle: t\ndescription: d\ncategories: [b]\nAuthor: me\ndate: 2026-01-01\n---\nx\n"
    after = with_values("a.md", text, {"summary": "", "tags": ["a"], "owner": ""})
    assert values_of("a.md", after) == {"title": "t", "tags": ["a"], "date": date(2026, 1, 1)}


@pytest.mark.parametrize(
    "hidden", ["draft: true", "published: false", "status: draft", "Draft: yes"]
)
def test_publishing_shows_an_article_whatever_hides_it(hidden: str) -> None:
    from indexer.reading.front_matter import parse

    text = f"---\ntitle: t\n{hidden}\n---\nx\n"
    shown = parse("a.md", with_values("a.md", text, published("a.md", text)))
    assert not isinstance(shown, list) and shown.article.status == "published"


@pytest.mark.parametrize(
    ("header", "key", "values"),
    [
        ("tags: foo, bar", "tags", ["foo", "bar"]),
        ("aliases: old-name", "aliases", ["old-name"]),
        ("questions: How?", "questions", ["How?"]),
        ("questions: [a]\nanswers: {b: x}", "questions", ["a"]),
    ],
)
def test_a_list_that_is_written_as_a_text_is_not_cut_into_letters(
    header: str, key: str, values: list[str]
) -> None:
    assert listed("a.md", f"---\ntitle: t\n{header}\n---\nx\n", key) == values


@pytest.mark.parametrize(
    ("header", "values", "after"),
    [
        ("tags:\n  - 2024\n", {"tags": [2024, "x"]}, "tags:\n  - 2024\n  - x\n"),
        ("tags:\n-   a\n", {"tags": ["a", "b"]}, "tags:\n-   a\n- b\n"),
        ("summary: |+\n  a\n\n", {"owner": "x"}, "summary: |+\n  a\n\nowner: x\n"),
        ('title: "a\n  # b"\nid: q\n', {"title": "c"}, "title: c\nid: q\n"),
        ("title: a\n  # on x\nowner: x\n", {"title": "c"}, "title: c\n  # on x\nowner: x\n"),
    ],
)
def test_a_change_is_exact(header: str, values: dict[str, object], after: str) -> None:
    text = f"---\n{header}---\nx\n"
    assert with_values("a.md", text, values) == f"---\n{after}---\nx\n"


def test_the_lines_around_the_front_matter_stay() -> None:
    text = "---  \nid: q\n---\t\nx"
    assert with_values("a.md", text, {"id": "r"}) == "---  \nid: r\n---\t\nx"
    assert published("a.md", "---\npublished: 2024-05-01\n---\nx\n") == {"status": "published"}
