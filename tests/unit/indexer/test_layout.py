"""Folders of other tools: what is read, in which language and section, and in what order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from indexer.bundling.build_cache import BuildCache
from indexer.collect import collect
from indexer.model import Article, Problem, SectionInfo


def write(folder: Path, contents: dict[str, str]) -> Path:
    for name, text in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def collected(
    folder: Path, contents: dict[str, str]
) -> tuple[dict[str, Article], list[Problem], dict[str, SectionInfo]]:
    from datetime import UTC

    write(folder / "articles", contents)
    cache = BuildCache(folder / "cache.sqlite")
    try:
        found = collect(folder / "articles", cache, UTC)
    finally:
        cache.close()
    articles = {article.path: article for article in found.articles}
    return articles, found.problems, found.sections


def codes(problems: list[Problem]) -> set[str]:
    return {problem.code for problem in problems} - {"no-id", "title"}


@pytest.mark.parametrize(
    ("folder", "key"),
    [("Store Support", "store-support"), ("Q&A", "q-a"), ("ご注文・配送", "ご注文・配送")],
)
def test_any_folder_name_is_a_section(tmp_path: Path, folder: str, key: str) -> None:
    articles, problems, sections = collected(tmp_path, {f"en/{folder}/a.md": "# A\n\nx"})
    assert articles[f"en/{folder}/a.md"].section == key and codes(problems) == set()
    if key != folder:
        assert sections[key].title == {"en": folder}


def test_two_files_of_one_name_are_both_served(tmp_path: Path) -> None:
    articles, problems, _ = collected(
        tmp_path,
        {
            "en/Windows/installation.md": "# On Windows\n\nx",
            "en/Android/installation.md": "# On Android\n\nx",
            "en/Android/beta/installation.md": "# Beta\n\nx",
        },
    )
    assert {path: article.slug for path, article in articles.items()} == {
        "en/Windows/installation.md": "windows-installation",
        "en/Android/installation.md": "android-installation",
        "en/Android/beta/installation.md": "beta-installation",
    }
    assert articles["en/Android/beta/installation.md"].aliases == ("installation",)
    assert codes(problems) == set()


def test_a_draft_of_the_same_name_does_not_move_the_published_one(tmp_path: Path) -> None:
    articles, _, _ = collected(
        tmp_path,
        {"en/b/setup.md": "# A\n\nx", "en/a/setup.md": "---\ndraft: true\n---\n# B\n\nx"},
    )
    assert articles["en/b/setup.md"].slug == "setup"
    assert articles["en/a/setup.md"].slug == "a-setup"


def test_index_pages_introduce_their_folder(tmp_path: Path) -> None:
    articles, _, _ = collected(
        tmp_path,
        {
            "en/returns/index.md": "x",
            "en/orders/README.md": "# All about orders\n\nx",
            "en/billing/_index.md": "x",
            "en/billing/invoice.md": "# Invoice\n\nx",
        },
    )
    assert {(one.slug, one.title, one.order) for one in articles.values()} == {
        ("returns", "Returns", -1.0),
        ("orders", "All about orders", -1.0),
        ("billing", "Billing", -1.0),
        ("invoice", "Invoice", None),
    }


def test_other_endings_are_read_and_parts_are_counted(tmp_path: Path) -> None:
    articles, problems, _ = collected(
        tmp_path,
        {
            "en/a/one.MD": "# One\n\nx",
            "en/a/two.markdown": "# Two\n\nx",
            "en/a/three.mdx": "# Three\n\nx",
            "en/a/_part.md": "# Part\n\nx",
            "en/_partials/p.md": "# P\n\nx",
            "en/a/old.rst": "x",
            "node_modules/x/readme.md": "# N\n\nx",
            "build/index.html": "<p>",
            "build/a.md": "# B\n\nx",
            "LICENSE.md": "# L\n\nx",
            "README.md": "# R\n\nx",
        },
    )
    assert {article.title for article in articles.values()} == {"One", "Two", "Three"}
    said = " ".join(problem.message for problem in problems if problem.code == "not-read")
    assert all(part in said for part in ("1 .rst", "1 _partials/", "1 node_modules/", "1 build/"))
    assert "1 _*.md" in said and "LICENSE.md" in said


def test_a_folder_named_like_build_output_is_a_section_without_a_web_page(tmp_path: Path) -> None:
    assert "en/build/a.md" in collected(tmp_path, {"en/build/a.md": "# A\n\nx"})[0]


@pytest.mark.parametrize("folder", ["faq", "api", "vpn", "hr"])
def test_a_section_is_no_language(tmp_path: Path, folder: str) -> None:
    articles, _, _ = collected(
        tmp_path, {f"{folder}/a.md": "# How do I do it\n\nLike this.", "other/b.md": "# B\n\nx"}
    )
    article = articles[f"{folder}/a.md"]
    assert (article.lang, article.section) == ("en", folder)


def test_a_repository_of_docusaurus(tmp_path: Path) -> None:
    inside = "i18n/ja/docusaurus-plugin-content-docs/current"
    articles, problems, sections = collected(
        tmp_path,
        {
            "docusaurus.config.js": "module.exports = {}",
            "docs/android/overview.md": "---\nid: overview\ntitle: Overview\n---\nx",
            "docs/ios/overview.md": "---\nid: overview\ntitle: On iOS\n---\nx",
            "docs/android/_category_.json": '{"label": "AdBlock for Android", "position": 2}',
            f"{inside}/android/overview.md": "---\nid: overview\ntitle: 概要\n---\n本文",
            "README.md": "# About the repository\n\nx",
            "src/pages/other.md": "# Other\n\nx",
        },
    )
    assert len(articles) == 3 and codes(problems) == {"not-read"}
    english = articles["docs/android/overview.md"]
    japanese = articles[f"{inside}/android/overview.md"]
    assert (english.lang, english.section) == ("en", "android")
    assert (japanese.lang, japanese.translation_of) == ("ja", english.id)
    assert sections["android"].title["en"] == "AdBlock for Android"
    assert sections["android"].order == 2


def test_a_repository_of_mkdocs(tmp_path: Path) -> None:
    nav = "nav:\n  - Start: index.md\n  - Guides:\n    - guides/second.md\n    - A: guides/a.md\n"
    articles, _, _ = collected(
        tmp_path,
        {
            "mkdocs.yml": f"site_name: X\ntheme: !!python/name:x.y\nplugins: !ENV [A]\n{nav}",
            "docs/index.md": "# Home\n\nx",
            "docs/guides/a.md": "# A\n\nx",
            "docs/guides/second.md": "# Second\n\nx",
            "README.md": "# R\n\nx",
        },
    )
    order = sorted(articles.values(), key=lambda article: article.order or 0)
    assert [article.title for article in order] == ["Home", "Second", "A"]
    assert articles["docs/guides/a.md"].section == "guides"


def test_a_repository_of_gitbook(tmp_path: Path) -> None:
    articles, _, _ = collected(
        tmp_path,
        {
            "SUMMARY.md": "* [Intro](README.md)\n  * [B](part/b.md)\n  * [A](part/a.md)\n",
            "README.md": "# Welcome\n\nx",
            "part/a.md": "# A\n\nx",
            "part/b.md": "# B\n\nx",
        },
    )
    order = sorted(articles.values(), key=lambda article: article.order or 0)
    assert [article.title for article in order] == ["Welcome", "B", "A"]


def test_a_repository_of_jekyll(tmp_path: Path) -> None:
    articles, _, _ = collected(
        tmp_path,
        {
            "_config.yml": "collections:\n  kb:\n    output: true\n",
            "_kb/returns/how.md": "---\ntitle: How\npermalink: /kb/how/\n---\nx",
            "_posts/2026-01-05-news.md": "# News\n\nx",
            "_includes/part.md": "x",
            "_site/index.html": "x",
            "_site/how.md": "x",
        },
    )
    assert set(articles) == {"_kb/returns/how.md", "_posts/2026-01-05-news.md"}
    assert articles["_kb/returns/how.md"].addresses == ("/kb/how", "/returns/how")
    assert articles["_kb/returns/how.md"].section == "returns"


def test_pages_that_only_lead_on_are_addresses(tmp_path: Path) -> None:
    articles, problems, _ = collected(
        tmp_path,
        {
            "en/a/new.md": "# New\n\nx",
            "en/a/old.md": "---\nredirect: /en/a/new\n---\n",
            "en/a/away.md": "---\nredirect: https://example.com/\n---\n",
        },
    )
    assert list(articles) == ["en/a/new.md"]
    assert articles["en/a/new.md"].addresses == ("/en/a/new", "/en/a/old")
    assert codes(problems) == {"redirect", "empty"}


def test_a_repository_with_one_folder_of_content(tmp_path: Path) -> None:
    articles, _, _ = collected(
        tmp_path,
        {
            "content/Store Support/a.md": "---\nid: 4412955149586\ntitle: A\n---\nx",
            "README.md": "# R\n\nx",
            "scripts/tool.py": "x",
        },
    )
    assert [(one.id, one.section) for one in articles.values()] == [
        ("4412955149586", "store-support")
    ]


def test_sidebars_are_read_where_they_are_data(tmp_path: Path) -> None:
    items = "['b', {type: 'category', label: 'C', items: ['a'],}]"
    sidebar = f"module.exports = {{\n  // order\n  docs: {items},\n}};\n"
    contents = {"docusaurus.config.ts": "", "docs/a.md": "# A\n\nx", "docs/b.md": "# B\n\nx"}
    articles, problems, _ = collected(tmp_path, {**contents, "sidebars.js": sidebar})
    assert [articles[name].order for name in ("docs/b.md", "docs/a.md")] == [0.0, 1.0]
    _, problems, _ = collected(tmp_path, {"sidebars.js": "module.exports = make(require('x'));"})
    assert "navigation" in codes(problems)


@pytest.mark.parametrize(
    ("original", "translation"),
    [
        ("en/a/setup.md", "ja/a/setup.md"),
        ("a/setup.md", "a/setup.ja.md"),
        ("a/setup.en.md", "a/setup.ja.md"),
        ("content/en/a/setup.md", "content/ja/a/setup.md"),
    ],
)
def test_translations_are_paired_by_path(tmp_path: Path, original: str, translation: str) -> None:
    articles, problems, _ = collected(
        tmp_path,
        {
            original: "# How do I set it up\n\nLike this.",
            translation: "# 設定の方法\n\n本文",
            original.replace("setup", "other"): "# Another\n\nOnly in English.",
        },
    )
    assert articles[translation].lang == "ja"
    assert articles[translation].translation_of == articles[original].id
    assert articles[original].slug == articles[translation].slug == "setup"
    assert codes(problems) == set()


def test_one_id_in_two_languages_is_a_translation(tmp_path: Path) -> None:
    articles, problems, _ = collected(
        tmp_path,
        {
            "en/a/x.md": "---\nid: 42\ntitle: X\n---\nx",
            "en/a/z.md": "---\nid: 43\ntitle: Z\n---\nx",
            "ja/a/y.md": "---\nid: 42\ntitle: ワイ\n---\n本文",
        },
    )
    assert (articles["ja/a/y.md"].id, articles["ja/a/y.md"].translation_of) == ("42.ja", "42")
    assert "duplicate-id" not in codes(problems)


def test_the_report_sums_up_and_speaks_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from indexer.__main__ import main

    contents = {f"en/a/{n}.md": f"---\nid: i{n}\ntitle: T{n}\nlayout: x\n---\nx" for n in range(9)}
    write(
        tmp_path,
        {
            **contents,
            "en/a/bad.md": "---\ntitle: 'x\n---\n",
            "en/a/d.md": "---\nid: d\ntitle: D\ndraft: true\n---\nx",
        },
    )
    assert main(["check", "--articles", str(tmp_path)]) == 1
    shown = capsys.readouterr().out
    assert "warning: in 9 files: unknown key layout; it is ignored." in shown
    assert shown.count("layout") == 1 and "en/a/bad.md:2: error" in shown
    assert "10 articles (1 of them not public), 1 errors" in shown
    main(["check", "--all", "--articles", str(tmp_path)])
    assert capsys.readouterr().out.count("unknown key layout") == 9
    main(["check", "--json", "--articles", str(tmp_path)])
    report = json.loads(capsys.readouterr().out)
    assert (report["articles"], report["public"], report["errors"]) == (10, 9, 1)
    kinds = {kind["message"]: kind["files"] for kind in report["kinds"]}
    assert kinds["unknown key layout; it is ignored."] == 9


@pytest.mark.parametrize(
    ("path", "served"),
    [
        ("_config.yml _articles/security.md", True),
        ("docusaurus.config.js docs/support.md", True),
        ("mkdocs.yml docs/README.md", True),
        ("mkdocs.yml docs/404.md", False),
        ("security.md", True),
        ("SECURITY.md", False),
        ("readme.md", False),
        ("サポート.md", True),
    ],
)
def test_only_files_about_the_repository_are_no_articles(
    tmp_path: Path, path: str, served: bool
) -> None:
    *configs, article = path.split()
    texts = {"mkdocs.yml": "site_name: x", "_config.yml": "title: x"}
    contents = {name: texts.get(name, "") for name in configs} | {article: "# A\n\nx"}
    articles, _, _ = collected(tmp_path, contents | {"en/other.md": "# B\n\nx"})
    assert (article in articles) is served


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("5.client-not-working", "Client not working"),
        ("01-入門", "入門"),
        ("02_setup", "Setup"),
        ("24-7-support", "24 7 support"),
        ("v1.2", "V1.2"),
        ("3 ways to pay", "3 ways to pay"),
        ("2026", "2026"),
    ],
)
def test_a_number_that_orders_files_is_not_in_the_title(
    tmp_path: Path, name: str, title: str
) -> None:
    articles, _, _ = collected(tmp_path, {f"en/a/{name}.md": "Text."})
    assert articles[f"en/a/{name}.md"].title == title


def test_a_question_of_another_faq_is_the_title(tmp_path: Path) -> None:
    header = "---\nquestion: ログインできません\n---\n"
    articles, problems, _ = collected(tmp_path, {"ja/a/5.login.md": header + "文です。"})
    assert articles["ja/a/5.login.md"].title == "ログインできません"
    assert codes(problems) == {"foreign-key"}
