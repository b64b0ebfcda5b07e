"""Problems between articles, and the fixes that are safe."""

import time
from dataclasses import replace
from pathlib import Path

from indexer.bundling.build_cache import BuildCache
from indexer.checking.autofix import fix
from indexer.checking.cross_checks import Collection, check
from indexer.collect import collect
from indexer.model import Article, Link, Problem
from indexer.targets import Targets
from tests.support import write_article


def checked(folder: Path) -> tuple[list[Article], list[Problem]]:
    from datetime import UTC

    cache = BuildCache(folder.parent / "cache.sqlite")
    found = collect(folder, cache, UTC)
    articles, problems = found.articles, found.problems
    cache.close()
    return articles, problems


def codes(folder: Path) -> list[tuple[str, str, int]]:
    return [(problem.path, problem.code, problem.line) for problem in checked(folder)[1]]


def test_valid_articles_have_no_problems(tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    write_article(folder, "ja/a.md", "一", "[二](b.md#x)")
    write_article(folder, "ja/b.md", "二", "## 見出し {#x}\n\n文")
    assert codes(folder) == []


def test_broken_links_anchors_and_images_are_found_with_their_line(tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    write_article(
        folder,
        "ja/a.md",
        "一",
        "文\n\n[無い](none.md)\n\n[無い](#none)\n\n![図](none.png)\n\n![図](../../out.png)\n\n![図](a.exe)",
    )
    assert codes(folder) == [
        ("ja/a.md", "link", 7),
        ("ja/a.md", "anchor", 9),
        ("ja/a.md", "image-missing", 11),
        ("ja/a.md", "image-outside", 13),
        ("ja/a.md", "image-type", 15),
    ]


def test_an_alias_that_is_its_own_slug_is_no_problem(tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    write_article(folder, "ja/a.md", "一", slug="a", aliases=["a"])
    assert codes(folder) == []


def test_of_two_articles_with_one_id_or_slug_the_first_is_served(tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    write_article(folder, "ja/a.md", "一", id="same")
    write_article(folder, "ja/b.md", "二", id="same")
    write_article(folder, "ja/c.md", "三", slug="a")
    articles, problems = checked(folder)
    assert [article.path for article in articles] == ["ja/a.md"]
    assert [(problem.path, problem.code) for problem in problems] == [
        ("ja/b.md", "duplicate-id"),
        ("ja/c.md", "duplicate-slug"),
    ]


def test_a_search_test_that_cannot_fail_is_reported(tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    write_article(folder, "ja/a.md", "返品したい", tests=["返品 したい。", "送り返す"])
    assert [code for _, code, _ in codes(folder)] == ["idle-test"]


def test_an_answer_whose_heading_is_gone_is_reported(tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    write_article(
        folder, "ja/a.md", "一", "## 節 {#there}\n\n文", answers={"問": "#gone", "二": "#there"}
    )
    _, problems = checked(folder)
    [problem] = [problem for problem in problems if problem.code == "answer-target"]
    assert "#gone" in problem.message and "#there" in problem.hint


def test_references_to_unknown_articles_are_warnings(tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    write_article(folder, "ja/a.md", "一", related=["none"], translation_of="none", aliases=["b"])
    write_article(folder, "ja/b.md", "二")
    assert sorted(code for _, code, _ in codes(folder)) == ["alias", "related", "translation"]


def test_a_draft_copy_does_not_replace_the_article(tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    write_article(folder, "ja/a copy.md", "写し", id="same", status="draft")
    write_article(folder, "ja/a.md", "一", id="same")
    assert [article.path for article in checked(folder)[0]] == ["ja/a.md"]


def test_invalid_file_names_are_missing_images(tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    write_article(
        folder,
        "ja/a.md",
        "一",
        f"![図](a%00.png)\n\n![図]({'x' * 300}.png)\n\n[甲](//[z) ![図](//[z)",
        cover="http://[bad",
    )
    assert {code for _, code, _ in codes(folder)} <= {"image-missing", "image-type", "remote-image"}


def test_fix_changes_only_the_links_that_are_broken(tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    body = (
        "[甲](../returns/time.md) [乙](../returns/refund-time.md) "
        "[丙](https://example.com/docs/time.md) [丁](../../en/orders/time.md)"
    )
    write_article(folder, "ja/orders/a.md", "一", body)
    write_article(folder, "ja/orders/time.md", "二")
    write_article(folder, "ja/returns/refund-time.md", "三")
    write_article(folder, "en/orders/time.md", "Four")
    assert len(fix(folder, *checked(folder))) == 1
    assert (
        (folder / "ja/orders/a.md")
        .read_text(encoding="utf-8")
        .endswith(body.replace("../returns/time.md", "time.md"))
    )


def test_fix_keeps_what_it_cannot_fix_safely(tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    path = write_article(folder, "ja/a.md", "一", id=None)
    path.write_text("---\nid:\ntitle: 一\n---\n本文", encoding="utf-8")
    path.chmod(0o640)
    (folder / "ja/b.md").write_text("---\n{title: 二}\n---\n本文", encoding="utf-8")
    before = [file.read_bytes() for file in sorted(folder.rglob("*.md"))]
    mended = fix(folder, *checked(folder))
    assert len(mended) == 2 and all("safely" in line for line in mended)
    assert [
        file.read_bytes() for file in sorted(folder.rglob("*.md"))
    ] == before and path.stat().st_mode & 0o777 == 0o640


def test_fix_adds_ids_and_repairs_links_to_moved_articles(tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    write_article(folder, "ja/orders/a.md", "一", "[二](b.md#x)", id=None)
    write_article(folder, "ja/returns/b.md", "二", "## 見出し {#x}\n\n文")
    (folder / "ja" / "plain.md").write_text("# 題名だけ\n\n本文", encoding="utf-8")
    articles, problems = checked(folder)
    mended = fix(folder, articles, problems)
    assert len(mended) == 3
    assert codes(folder) == []
    assert "[二](../returns/b.md#x)" in (folder / "ja/orders/a.md").read_text(encoding="utf-8")
    assert (folder / "ja/plain.md").read_text(encoding="utf-8").endswith("# 題名だけ\n\n本文")


def test_many_broken_links_in_many_articles_are_checked_in_a_moment(tmp_path: Path) -> None:
    links = tuple(Link(f"ja/x/gone-{number}.md", "", 1, False) for number in range(1_000))
    base = {"lang": "ja", "section": "x", "type": "faq", "title": "t"}
    articles = [
        Article(id=f"a{number}", slug=f"a{number}", path=f"ja/x/goner-{number}.md", **base)
        for number in range(5_000)
    ]
    many = [replace(articles[0], links=links), *articles[1:]]
    collection = Collection(many, tmp_path, {}, Targets(many, tmp_path))
    started = time.thread_time()
    problems = check(collection)
    assert time.thread_time() - started < 5
    assert len(problems) == 1_000
    assert sum("Did you mean" in problem.hint for problem in problems) == 50


def test_fix_keeps_line_ends_and_byte_order_mark(tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    write_article(folder, "en/other/my moved.md", "Moved")
    path = folder / "en/returns/a.md"
    path.parent.mkdir(parents=True)
    path.write_bytes("\ufeff---\r\ntitle: A\r\n---\r\n[x](my%20moved.md)\r\n".encode())
    fix(folder, *checked(folder))
    written = path.read_bytes()
    assert written.startswith(b"\xef\xbb\xbf---\r\nid: ")
    assert b"(../other/my%20moved.md)\r\n" in written
    assert written.count(b"\n") == written.count(b"\r\n")
