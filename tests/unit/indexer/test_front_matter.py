"""Front matter: every key is read, and a problem names the file, the line and the fix."""

import os
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from indexer.errors import ArticlesFolderError
from indexer.model import Problem
from indexer.reading.files import MAX_BYTES, walk
from indexer.reading.front_matter import Parsed, parse, read, slugify
from indexer.reading.sections_file import read_sections
from tests.support import write_article


def good(text: str, name: str = "ja/orders/a.md") -> Parsed:
    parsed = parse(name, text)
    assert isinstance(parsed, Parsed), parsed
    return parsed


def bad(text: str, name: str = "ja/orders/a.md") -> Problem:
    found = parse(name, text)
    assert isinstance(found, list)
    return found[0]


def test_every_key_is_read() -> None:
    article = good(
        "---\nid: a1\ntype: guide\ntitle: 返品する\nsummary: 短く\nslug: 返品\n"
        "questions:\n  - 返せますか\nkeywords: [返送]\n"
        "tags: [返品]\ntests: [送り返したい]\naudience: internal\nstatus: draft\n"
        "updated: 2026-11-01\nowner: desk\nboost: 1.5\nfeatured: true\n---\n本文"
    ).article
    assert (article.id, article.type, article.title, article.slug) == (
        "a1",
        "guide",
        "返品する",
        "返品",
    )
    assert article.questions == ("返せますか",) and article.tests == ("送り返したい",)
    assert (article.audience, article.status, article.boost, article.featured) == (
        "internal",
        "draft",
        1.5,
        True,
    )
    assert article.updated == date(2026, 11, 1)


def test_language_and_section_come_from_the_folder() -> None:
    article = good("---\ntitle: Track it\n---\n", "en/delivery/track.md").article
    assert (article.lang, article.section, article.slug) == ("en", "delivery", "track")


def test_without_a_folder_the_language_is_detected_from_the_text() -> None:
    assert good("---\ntitle: 荷物が届かない\n---\n本文", "a.md").article.lang == "ja"


def test_dates_without_a_zone_use_the_site_time_zone() -> None:
    text = "---\ntitle: a\npublish_at: 2026-11-20\nexpire_at: 2026-11-21T09:00:00+00:00\n---\n"
    parsed = parse("ja/a.md", text, ZoneInfo("Asia/Tokyo"))
    assert isinstance(parsed, Parsed)
    assert parsed.article.publish_at == datetime(2026, 11, 19, 15, tzinfo=UTC)
    assert parsed.article.expire_at == datetime(2026, 11, 21, 9, tzinfo=UTC)


def test_the_first_heading_is_the_title_if_none_is_set() -> None:
    parsed = good("# 返品する\n\n本文")
    assert parsed.article.title == "返品する" and "#" not in parsed.body


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("---\ntitle: a\ntags: {a: b}\n---\n", 3, ("tags", "list")),
        ("---\ntitle: a\n\nboost: high\n---\n", 4, ("boost", "number")),
        ("---\ntitle: a\nstatus: soon\n---\n", 3, ("status", "draft")),
        ("---\ntitle: a\nupdated: soon\n---\n", 3, ("updated", "2026-11-30")),
        ("---\ntitle: {a: b}\n---\n", 2, ("title", "quotes")),
        ("---\ntitle: a\nschema: 99\n---\n", 3, ("schema 99", "newer")),
        ("---\ntitle: a: b: c\n---\n", 2, ("broken YAML", "Quote")),
        ("---\ntitle: 'a\nid: x\n---\n", 3, ("broken YAML",)),
        ("---\n- a\n- b\n---\n", 2, ("not a list of keys",)),
        ("---\ntitle: a\nstaus: draft\n---\n", 3, ("staus", "status", "who sees")),
        ("---\ntitle: a\n---\na\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> x\n", 5, ("merge",)),
    ],
)
def test_problems_are_reported_with_their_line(
    text: str, line: int, words: tuple[str, ...]
) -> None:
    problem = bad(text)
    assert problem.severity == "error" and problem.line == line, problem
    assert all(word in str(problem) for word in words), str(problem)


def test_unknown_keys_are_warnings_with_a_suggestion() -> None:
    problem = good("---\nid: a\ntitle: a\nquestion: [b]\n---\n").problems[0]
    assert problem.severity == "warning" and problem.line == 4 and "questions" in problem.hint


def test_without_an_id_the_path_is_used_with_a_warning_about_renames() -> None:
    parsed = good("---\ntitle: a\n---\n")
    assert parsed.article.id == "ja.orders.a"
    assert "rename" in parsed.problems[0].message and parsed.problems[0].fixable


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("パスワードを忘れた？", "パスワードを忘れた"),
        ("How do I return it?", "how-do-i-return-it"),
        ("ＡＢＣ／１２", "abc-12"),
        ("!!!", "article"),
        ("のし・名入れ", "のし・名入れ"),
    ],
)
def test_any_title_gives_a_usable_slug(title: str, slug: str) -> None:
    assert slugify(title) == slug == slugify(slug)


def test_files_that_are_not_text_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes("---\ntitle: a\n---\n日本語".encode("shift_jis"))
    (tmp_path / "b.md").write_text("x" * (MAX_BYTES + 1), encoding="utf-8")
    files = walk(tmp_path).files
    first, second = (read(file) for file in files)
    assert isinstance(first, list) and "UTF-8" in str(first[0]) and first[0].line == 4
    assert isinstance(second, list) and "MB" in str(second[0]) and "Split" in second[0].hint


def test_symlinks_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.md"
    secret.write_text("# secret", encoding="utf-8")
    folder = tmp_path / "articles"
    write_article(folder, "ja/a.md")
    (folder / "ja" / "leak.md").symlink_to(secret)
    (folder / "ja" / "outside").symlink_to(tmp_path)
    walked = walk(folder)
    files, problems = walked.files, walked.problems
    assert [file.name for file in files] == ["ja/a.md"]
    assert {problem.path for problem in problems} == {"ja/leak.md", "ja/outside"}


def test_special_files_are_refused_without_blocking(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "loop.md").symlink_to(tmp_path / "loop.md")
    (tmp_path / os.fsdecode(b"\xff.md")).write_text("# a", encoding="utf-8")
    walked = walk(tmp_path)
    files, problems = walked.files, walked.problems
    assert files == [] and len(problems) == 3


@pytest.mark.parametrize(
    "text",
    [
        "---\ntitle: a\npublish_at: 0001-01-01\n---\n",
        "---\ntitle: a\nexpire_at: 9999-12-31T23:59:59-05:00\n---\n",
        "---\ntitle: a\ntags: " + "[" * 2_000 + "\n---\n",
        "---\na: &a [x,x]\n" + "".join(f"b{n}: [*a,*a,*a,*a]\n" for n in range(30)) + "---\n",
        "---\ntitle: a\nid: b\n\nthe front matter never ends",
    ],
)
def test_hostile_front_matter_is_a_problem(text: str) -> None:
    found = parse("ja/orders/a.md", text, ZoneInfo("Asia/Tokyo"))
    assert isinstance(found, list) and found[0].severity == "error"


@pytest.mark.parametrize("written", ["'2026-12-01'", "2026-12-01 09:00", "2026-12-01T09:00+09:00"])
def test_dates_are_read_in_quotes_and_without_seconds(written: str) -> None:
    assert good(f"---\nid: a\ntitle: a\npublish_at: {written}\n---\n").article.publish_at


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArticlesFolderError, match="KB_ARTICLES"):
        walk(tmp_path / "none")


def test_sections_have_names(tmp_path: Path) -> None:
    (tmp_path / "sections.yml").write_text(
        "orders:\n  title: {ja: ご注文, en: Orders}\n  order: 1\nbad: 3\n", encoding="utf-8"
    )
    sections, problems = read_sections(tmp_path)
    assert sections["orders"].title["ja"] == "ご注文"
    assert problems[0].line == 4


@pytest.mark.parametrize(
    ("key", "written", "read"),
    [
        ("id", "4412955149586", "4412955149586"),
        ("id", "a b", "a-b"),
        ("title", "404", "404"),
        ("title", "2026-01-05", "2026-01-05"),
        ("title", "1.10", "1.10"),
        ("title", "007", "007"),
        ("title", "true", "true"),
        ("title", "Order #123 is late", "Order #123 is late"),
        ("summary", "注文 #5 について", "注文 #5 について"),
        ("slug", "123", "123"),
        ("lang", "JA", "ja"),
        ("lang", "en_US", "en-us"),
        ("status", "Published", "published"),
        ("status", "unlisted", "draft"),
        ("audience", "Internal", "internal"),
        ("type", "docs", "faq"),
        ("section", "Store Support", "store-support"),
        ("section", "..", "orders"),
        ("tags", "printer", ("printer",)),
        ("tags", "a, b、c", ("a", "b", "c")),
        ("tags", "[1, two]", ("1", "two")),
        ("keywords", "E-42", ("E-42",)),
        ("questions", "How?", ("How?",)),
        ("aliases", "old-name", ("old-name",)),
        ("updated", "2026/01/05", date(2026, 1, 5)),
        ("updated", "2026年1月5日", date(2026, 1, 5)),
        ("updated", "January 5, 2026", date(2026, 1, 5)),
        ("updated", "2026-01-05 10:00:00 +0900", date(2026, 1, 5)),
        ("featured", "'yes'", True),
    ],
)
def test_values_are_taken_for_what_they_can_only_mean(key: str, written: str, read: object) -> None:
    title = "" if key == "title" else "title: a\n"
    assert getattr(good(f"---\n{title}{key}: {written}\n---\n").article, key) == read


@pytest.mark.parametrize(
    ("line", "key", "read"),
    [
        ("description: Short", "summary", "Short"),
        ("lastmod: 2026-01-05", "updated", date(2026, 1, 5)),
        ("last_update: {date: 2026-01-05}", "updated", date(2026, 1, 5)),
        ("date: 2026-01-05T10:00:00Z", "updated", date(2026, 1, 5)),
        ("categories: [a, b]", "tags", ("a", "b")),
        ("labels: a", "tags", ("a",)),
        ("redirect_from: /old/path/", "addresses", ("/old/path",)),
        ("permalink: /help/x.html", "addresses", ("/help/x",)),
        ("slug: /help/here/", "slug", "here"),
        ("sidebar_position: 3", "order", 3.0),
        ("weight: '4'", "order", 4.0),
        ("locale: en-us", "lang", "en-us"),
        ("author: Hana", "owner", "Hana"),
        ("Summary: Short", "summary", "Short"),
    ],
)
def test_keys_of_other_tools_are_ours(line: str, key: str, read: object) -> None:
    assert getattr(good(f"---\nid: a\ntitle: a\n{line}\n---\n").article, key) == read


@pytest.mark.parametrize(
    "line",
    [
        *("draft: true", "draft: yes", "published: false", "publish: false", "unlisted: true"),
        *("hidden: true", "private: true", "visibility: private", "Draft: true", "is-draft: 1"),
        *("public: false", "state: in_review", "build: {render: never}", "_build: {list: false}"),
        *("headless: true", "post_status: pending"),
    ],
)
def test_what_others_would_hide_is_a_draft(line: str) -> None:
    parsed = good(f"---\nid: a\ntitle: a\n{line}\n---\n")
    assert parsed.article.status == "draft"
    assert [(problem.code, problem.line) for problem in parsed.problems] == [("visibility", 4)]


@pytest.mark.parametrize(
    "line",
    ["visibility: internal", "access: agents", "user_segment_id: 42", "visibility: [a, b]"],
)
def test_what_others_would_show_to_some_is_internal(line: str) -> None:
    parsed = good(f"---\nid: a\ntitle: a\n{line}\n---\n")
    assert (parsed.article.audience, parsed.article.status) == ("internal", "published")


@pytest.mark.parametrize(
    "line",
    ["draft: false", "published: true", "visibility: public", "user_segment_id:", "state: live"],
)
def test_what_others_would_show_is_shown(line: str) -> None:
    article = good(f"---\nid: a\ntitle: a\n{line}\n---\n").article
    assert (article.audience, article.status) == ("public", "published")


@pytest.mark.parametrize("key", ["staus", "drafts", "audiance", "publishat", "visibilty", "hiden"])
def test_a_misspelt_key_that_decides_who_sees_it_is_an_error(key: str) -> None:
    problem = bad(f"---\nid: a\ntitle: a\n{key}: x\n---\n")
    assert (problem.severity, problem.code, problem.line) == ("error", "unknown-key", 4)


@pytest.mark.parametrize(
    ("name", "body", "title"),
    [
        ("en/x/getting-started.md", "text", "Getting started"),
        ("en/x/getting_started.md", "text\n\n# Real title\n\nmore", "Real title"),
        ("en/x/a.md", "## First heading\n\ntext", "First heading"),
        ("en/x/a.md", "# **Bold** `code` {#id}\n\ntext", "Bold code"),
        ("en/Store Support/index.md", "text", "Store Support"),
        ("en/x/a.md", "```\n# comment\n```\n", "A"),
        ("ja/x/返品の手順.md", "本文", "返品の手順"),
    ],
)
def test_a_title_comes_from_the_heading_or_the_name(name: str, body: str, title: str) -> None:
    assert good(body, name).article.title == title


def test_conflict_markers_in_code_are_allowed() -> None:
    assert good("---\nid: a\ntitle: a\n---\n```\n<<<<<<< HEAD\na\n>>>>>>> b\n```\n")


def test_the_last_of_a_repeated_key_counts_as_in_the_tools_that_accept_it() -> None:
    header = "title: お届け日\nsummary: 古い\n  文\ntags: [a]\nsummary: 新しい"
    parsed = parse("ja/a.md", f"---\n{header}\n---\n本文です。")
    assert not isinstance(parsed, list)
    assert parsed.article.summary == "新しい" and parsed.article.title == "お届け日"
    assert [(p.line, p.severity, p.code) for p in parsed.problems if p.code != "no-id"] == [
        (6, "warning", "repeated-key")
    ]


@pytest.mark.parametrize("key", ["status", "draft", "audience", "id", "publish_at", "Visibility"])
def test_a_repeated_key_that_may_hide_or_rename_is_refused(key: str) -> None:
    parsed = parse("en/a.md", f"---\ntitle: A\n{key}: x\n{key}: y\n---\nText.")
    assert isinstance(parsed, list)
    assert [(p.line, p.severity, p.code) for p in parsed] == [(4, "error", "yaml")]


def test_answers_are_questions_and_expectations_are_tests() -> None:
    header = (
        'title: 返品\nquestions: [返せますか]\ntests: [へんぴん]\nanswers:\n  返せますか: "#how"\n'
        "  送料は: 一律550円です。\nexpect:\n  送料は: 550円\n  いつまで: [30日, 以内]"
    )
    parsed = parse("ja/a.md", f"---\nid: a\n{header}\n---\n本文です。")
    assert not isinstance(parsed, list)
    made = parsed.article
    assert made.questions == ("返せますか", "送料は")
    assert [(one.question, one.target, one.place) for one in made.answers] == [
        ("返せますか", "#how", 1),
        ("送料は", "一律550円です。", 2),
    ]
    assert made.tests == ("へんぴん", "送料は", "いつまで")
    assert made.expect == (("送料は", ("550円",)), ("いつまで", ("30日", "以内")))


@pytest.mark.parametrize("value", ["text", "[a, b]", "{q: 1}", "{q: [a]}", '{q: ""}'])
def test_answers_of_another_form_are_refused(value: str) -> None:
    parsed = parse("ja/a.md", f"---\nid: a\ntitle: a\nanswers: {value}\n---\n本文です。")
    assert isinstance(parsed, list)
    assert [(p.severity, p.code) for p in parsed] == [("error", "type")]
