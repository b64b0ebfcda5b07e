"""Files edited from the desk keep their comments.

Other people's changes are not lost, and only the edited file is committed.
"""

import subprocess
from pathlib import Path

import pytest

from indexer.bundling.build_cache import BuildCache
from indexer.collect import collect
from indexer.editing.editor import Editor
from indexer.editing.model import Author, EditConflictError
from indexer.reading.learned_file import read_learned
from tests.support import build_folder, open_engine

LEAD = Author("Hanako 花子", "lead@example.com")
ARTICLE = """---
id: return
title: 返品したい  # the title customers see
# asked in their own words
questions:
  - 品物を返したい
tags: [返品]
---
30日以内に返せます。
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "articles"
    (made / "ja/returns").mkdir(parents=True)
    (made / "ja/returns/return.md").write_text(ARTICLE, encoding="utf-8")
    return made


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
    ).stdout


def articles(folder: Path, tmp_path: Path) -> dict[str, object]:
    from datetime import UTC

    cache = BuildCache(tmp_path / "cache.sqlite")
    collected = collect(folder, cache, UTC)
    found, problems = collected.articles, collected.problems
    cache.close()
    assert not [problem for problem in problems if problem.severity == "error"]
    return {article.id: article for article in found}


def test_adding_a_question_keeps_comments_and_order(folder: Path) -> None:
    editor = Editor(folder)
    added = editor.add_questions(
        editor.open("ja/returns/return.md"), ["返送の方法", "品物を返したい"], LEAD
    )
    text = (folder / "ja/returns/return.md").read_text(encoding="utf-8")
    assert (
        added == 1 and "# the title customers see" in text and "# asked in their own words" in text
    )
    assert (
        text.index("id:")
        < text.index("title:")
        < text.index("questions:")
        < text.index("返送の方法")
        < text.index("tags:")
    )
    assert text.endswith("30日以内に返せます。\n")


def test_a_concurrent_change_is_refused_and_kept(folder: Path) -> None:
    editor, path = Editor(folder), folder / "ja/returns/return.md"
    opened = editor.open("ja/returns/return.md")
    path.write_text(ARTICLE.replace("30日", "60日"), encoding="utf-8")
    with pytest.raises(EditConflictError, match="changed by somebody else"):
        editor.save(opened, ARTICLE + "x", LEAD, "mine")
    assert "60日" in path.read_text(encoding="utf-8")


def test_an_invalid_article_is_refused_with_its_line(folder: Path) -> None:
    editor = Editor(folder)
    opened = editor.open("ja/returns/return.md")
    with pytest.raises(EditConflictError, match=r"ja/returns/return\.md:5: error: broken YAML"):
        editor.save(opened, ARTICLE.replace("title: 返品したい", "title: [返品"), LEAD, "broken")
    assert (folder / "ja/returns/return.md").read_text(encoding="utf-8") == ARTICLE


@pytest.mark.parametrize(
    "name",
    [
        "../secret.md",
        "/etc/passwd",
        "ja/../../x.md",
        "ja/returns/none.md",
        "",
        ".git/config",
        "support.yml",
        "ja/picture.svg",
        "ja/returns/return.md\n",
    ],
)
def test_nothing_but_articles_of_the_folder_is_opened(folder: Path, name: str) -> None:
    (folder.parent / "secret.md").write_text("secret", encoding="utf-8")
    (folder / "support.yml").write_text("desks: {}", encoding="utf-8")
    (folder / "ja/picture.svg").write_text("<svg/>", encoding="utf-8")
    with pytest.raises(EditConflictError):
        Editor(folder).open(name)


def test_a_symlink_out_of_the_folder_is_not_followed(folder: Path) -> None:
    (folder.parent / "secret.md").write_text("secret", encoding="utf-8")
    (folder / "ja/link.md").symlink_to(folder.parent / "secret.md")
    with pytest.raises(EditConflictError):
        Editor(folder).open("ja/link.md")


def test_a_draft_has_search_tests_and_can_be_published(folder: Path, tmp_path: Path) -> None:
    editor = Editor(folder)
    name, article_id = editor.draft(
        "ja/payment", "学割はありますか", ["学生割引", "student discount: yes?"], LEAD
    )
    draft = articles(folder, tmp_path)[article_id]
    assert (draft.status, draft.tests, draft.title) == (
        "draft",
        ("学生割引", "student discount: yes?"),
        "学割はありますか",
    )  # type: ignore[attr-defined]
    editor.publish(editor.open(name), LEAD)
    assert articles(folder, tmp_path)[article_id].status == "published"  # type: ignore[attr-defined]
    assert editor.draft("ja/payment", "学割はありますか", [], LEAD)[0] != name


def test_only_the_changed_file_is_committed_with_the_lead_as_author(folder: Path) -> None:
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "first")
    (folder / "other.md").write_text("half written", encoding="utf-8")
    git(folder, "add", "other.md")
    editor = Editor(folder)
    editor.add_questions(editor.open("ja/returns/return.md"), ["返送の方法"], LEAD)
    assert git(folder, "show", "--name-only", "--format=%an <%ae>").split("\n") == [
        "Hanako 花子 <lead@example.com>",
        "",
        "ja/returns/return.md",
        "",
    ] or (
        "ja/returns/return.md"
        in git(folder, "-c", "core.quotepath=off", "show", "--name-only", "--format=%an <%ae>")
    )
    assert "A  other.md" in git(folder, "status", "--short")


def test_adding_synonyms_keeps_comments(folder: Path) -> None:
    (folder / "synonyms.yml").write_text(
        "# ours\nja:\n  - [キャンセル, 取り消し]  # both are said\n", encoding="utf-8"
    )
    Editor(folder).add_synonym("ja", ["学割", " 学生割引 ", ""], LEAD)
    text = (folder / "synonyms.yml").read_text(encoding="utf-8")
    assert "# ours" in text and "# both are said" in text and "[学割, 学生割引]" in text
    with pytest.raises(EditConflictError):
        Editor(folder).add_synonym("ja", ["学割"], LEAD)


def test_learned_questions_are_searched_after_the_next_build(folder: Path, tmp_path: Path) -> None:
    Editor(folder).add_learned("return", ["クーリングオフ期間", "クーリングオフ期間"], LEAD)
    assert read_learned(folder) == ({"return": ("クーリングオフ期間",)}, [])
    build_folder(folder, tmp_path / "var")
    assert open_engine(tmp_path / "var").corpus.documents[0].confirmed_questions == (
        "クーリングオフ期間",
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[", "expected the node content"),
        ("- a\n- b", "not a list of questions"),
        ("a: [-_]", "index out of range"),
        ("a: [!!bool x]", "x"),
        ("return: one", "not a list of questions"),
        ("a: " + "[" * 20, "too deeply nested"),
        ("# " + "x" * 600_000, "larger than 512 KB"),
        (
            f"a: &a [{'x, ' * 999}]\nb: &b [{'*a, ' * 9}]\nc: [{'*b, ' * 9}]",
            "too many values",
        ),
    ],
)
def test_a_broken_file_of_learned_questions_is_reported_and_ignored(
    folder: Path, tmp_path: Path, text: str, why: str
) -> None:
    (folder / "learned.yml").write_text(text, encoding="utf-8")
    confirmed, (problem,) = read_learned(folder)
    assert not confirmed and why in problem.message
    assert "return" in articles(folder, tmp_path)


@pytest.mark.parametrize("text", ["ja: [", "ja: [-_]", "ja: " + "[" * 20])
def test_broken_synonyms_are_told_and_kept(folder: Path, text: str) -> None:
    (folder / "synonyms.yml").write_text(text, encoding="utf-8")
    with pytest.raises(EditConflictError, match=r"synonyms\.yml is no valid YAML"):
        Editor(folder).add_synonym("ja", ["学割", "学生割引"], LEAD)
    assert (folder / "synonyms.yml").read_text(encoding="utf-8") == text


CRLF = "\ufeff---\r\nid: crlf\r\ntitle: One\r\n---\r\nText.\r\n"


def test_an_edit_keeps_line_ends_and_byte_order_mark(folder: Path) -> None:
    path = folder / "ja/returns/crlf.md"
    path.write_bytes(CRLF.encode())
    editor = Editor(folder)
    editor.add_questions(editor.open("ja/returns/crlf.md"), ["返せますか"], LEAD)
    editor.save(
        editor.open("ja/returns/crlf.md"),
        editor.open("ja/returns/crlf.md").text.replace("\r\n", "\n") + "More.\n",
        LEAD,
        "x",
    )
    written = path.read_bytes()
    assert written.startswith(b"\xef\xbb\xbf---\r\n") and b"More.\r\n" in written
    assert written.count(b"\n") == written.count(b"\r\n") and "返せますか".encode() in written


@pytest.mark.parametrize(
    "name",
    [
        "en/Store Support/a b.md",
        "ja/ご注文・配送/返品（１）.md",
        "en/q&a/what's+new.MD",
        "en/a/x.mdx",
    ],
)
def test_articles_of_any_name_are_edited(folder: Path, name: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("---\nid: any\ntitle: One\n---\nText.\n", encoding="utf-8")
    editor = Editor(folder)
    assert editor.add_questions(editor.open(name), ["How?"], LEAD) == 1
    assert "How?" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name",
    ["../a.md", "en/../../a.md", ".git/a.md", "en/.a.md", "support.yml", "a\x00.md", "a\\b.md"],
)
def test_other_files_are_not_opened(folder: Path, name: str) -> None:
    with pytest.raises(EditConflictError):
        Editor(folder).open(name)
