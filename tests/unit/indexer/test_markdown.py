"""Markdown rendering: extensions, sanitised HTML, sections with their breadcrumb."""

import pytest

from indexer.model import Article, Problem
from indexer.reading.files import resolve
from indexer.reading.front_matter import Parsed, parse
from indexer.reading.markdown.commonmark import to_html
from indexer.reading.markdown.render import render


def rendered(body: str, lang: str = "ja") -> tuple[Article, list[Problem]]:
    parsed = parse(f"{lang}/orders/a.md", f"---\nid: a\ntitle: t\n---\n{body}")
    assert isinstance(parsed, Parsed)
    return render(parsed)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("| a | b |\n|---|--:|\n| 1 | 2 |", '<td align="right">2</td>'),
        ("本文[^1]\n\n[^1]: 注", 'class="footnote"'),
        ("用語\n:   説明", "<dt>用語</dt>"),
        ('!!! warning "注意"\n    本文', 'class="admonition warning"'),
        ('=== "一"\n    甲\n\n=== "二"\n    乙', 'class="tabbed-labels"'),
        ("- [x] 済んだ\n- [ ] まだ", "task-done"),
        ("文\n{.note #here}", 'id="here"'),
        ("```python\nprint('a')\n```", 'class="highlight"'),
        ("## 見出し {#card}\n\n文", '<h2 id="card">'),
        ("## 返品の手順\n\n文", '<h2 id="返品の手順">'),
        ("~~古い~~", "<del>古い</del>"),
        ("https://example.com/a", 'href="https://example.com/a"'),
    ],
)
def test_the_markdown_extensions_render(body: str, wanted: str) -> None:
    assert wanted in rendered(body)[0].html


@pytest.mark.parametrize(
    "body",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[a](javascript:alert(1))",
        "<a href='JaVaScRiPt:alert(1)'>a</a>",
        "<iframe srcdoc='<script>x</script>'></iframe>",
        "<div style='position:fixed'>a</div>",
        "<svg onload=alert(1)>",
        "![a](data:text/html;base64,PHNjcmlwdD4=)",
        "<form action='https://example.com'><input name=q></form>",
        "<a href='kb:other'>a</a>",
        "<math><mi xlink:href='data:x,<script>'>",
    ],
)
def test_active_content_is_removed(body: str) -> None:
    html = rendered(body)[0].html.lower()
    assert not any(
        bad in html
        for bad in (
            "<script",
            "onerror",
            "javascript:",
            "srcdoc",
            "style=",
            "onload",
            "data:",
            "<form",
            "kb:",
            "<math",
        )
    )


@pytest.mark.parametrize("body", ["[a](javascript:alert(1))", "文\n\n<script>x</script>"])
def test_removed_content_is_reported(body: str) -> None:
    problems = rendered(body)[1]
    assert [problem.code[:6] for problem in problems if problem.code.startswith("unsafe")] == [
        "unsafe"
    ]


def test_code_blocks_may_show_unsafe_html() -> None:
    assert not [
        problem
        for problem in rendered("`<script>` と\n\n```html\n<script>\n```\n")[1]
        if problem.code.startswith("unsafe")
    ]


def test_raw_html_tables_are_kept_and_sanitised() -> None:
    html = rendered("<table onclick='x()'><tr><td colspan='2'>a</td></tr></table>")[0].html
    assert '<td colspan="2">a</td>' in html and "onclick" not in html


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            "| 支払い方法 | 返金先 |\n|---|---|\n| カード | 同じカード |\n| PayPay | |",
            "支払い方法: カード / 返金先: 同じカード\n支払い方法: PayPay",
        ),
        (
            "前。\n\n| | 送料： |\n|---|---|\n| 離島 | 900円 |\n\n後。",
            "前。\n離島 / 送料: 900円\n後。",
        ),
        ("| a | b |\n|---|---|", "a / b"),
        ("<table><tr><td>a<br>b</td><td>c</td></tr></table>", "a b / c"),
        ("<table><tr><th>a</th><td>1</td></tr><tr><td colspan='2'>2</td></tr></table>", "a / 1\n2"),
        ("<table><tr><th>a</th></tr><tr></tr><tr><td>1</td></tr></table>", "a: 1"),
        (
            "<table><tr><th>a</th><th>b</th></tr><tr><td colspan='2'>wide</td></tr></table>",
            "wide\na / b",
        ),
        (
            (
                "<table><tr><th>a</th></tr><tr><td>x "
                "<table><tr><td>in</td><td>ner</td></tr></table></td></tr></table>"
            ),
            "a: x in ner",
        ),
    ],
)
def test_table_rows_are_indexed_with_their_headers(body: str, text: str) -> None:
    assert [section.text for section in rendered(body)[0].sections] == [text]


def test_lines_of_a_japanese_sentence_join_without_a_space() -> None:
    assert (
        "<p>日本語の文を改行しても、続きます。</p>"
        in rendered("日本語の文を\n改行しても、続きます。")[0].html
    )
    assert "two\nlines" in rendered("two\nlines", "en")[0].html


def test_sections_have_their_breadcrumb() -> None:
    article, _ = rendered(
        "はじめ\n\n## 返金 {#refund}\n\n文\n\n### カード {#card}\n\n- 甲\n- 乙\n\n## 次\n\n終わり"
    )
    assert [(section.heading, section.anchor, section.text) for section in article.sections] == [
        ("", "", "はじめ"),
        ("返金", "refund", "文"),
        ("返金 > カード", "card", "甲\n乙"),
        ("次", "次", "終わり"),
    ]
    assert [(entry.anchor, entry.level) for entry in article.toc] == [
        ("refund", 2),
        ("card", 3),
        ("次", 2),
    ]


def test_links_between_articles_are_collected_with_their_line() -> None:
    article, _ = rendered(
        "文\n\n[返金](../returns/refund.md#card) と ![図](a%20b.svg) と [外](https://example.com)"
    )
    assert [(link.target, link.anchor, link.line, link.image) for link in article.links] == [
        ("ja/returns/refund.md", "card", 7, False),
        ("ja/orders/a b.svg", "", 7, True),
    ]


def test_paths_resolve_inside_the_folder_or_show_that_they_leave_it() -> None:
    assert resolve("ja/orders/a.md", "../returns/b.md") == "ja/returns/b.md"
    assert resolve("ja/a.md", "../../../etc/passwd").startswith("..")


def test_images_without_alt_text_are_warnings() -> None:
    assert "alt" in [problem.code for problem in rendered("![](a.png)")[1]]


def test_every_wrapped_table_is_closed() -> None:
    html = rendered("<table class='x'><tr><td>a</td></tr></table>\n\n| a |\n|---|\n| b |")[0].html
    assert html.count("<div") == html.count("</div>") == 2


def test_task_boxes_have_a_name() -> None:
    assert "済み" in rendered("- [x] a")[0].html and "<input" not in rendered("- [x] a")[0].html


@pytest.mark.parametrize(
    ("body", "inline"),
    [
        ("歯車 ![歯車](a.png) を押します。", True),
        ("- Press ![gear](a.png).", True),
        ("`Ctrl` ![gear](a.png)", True),
        ('Press <img src="a.png" alt="gear"> twice.', True),
        ("![the screen](a.png)", False),
        ("![the screen](a.png){ width=620 }", False),
        ("1. Press OK:\n   ![the screen](a.png)\n   Then wait.", False),
        ("[![the screen](a.png)](https://example.com)", False),
    ],
)
def test_a_picture_in_a_line_of_text_stays_in_it(body: str, inline: bool) -> None:
    html = to_html(body, "ja").html
    assert ('class="inline"' in html) is inline
