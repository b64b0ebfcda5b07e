"""Markdown as other tools write it: rendered as they show it, and nothing lost without a word."""

from __future__ import annotations

import re

import pytest

from indexer.model import Article, Problem
from indexer.reading.article import read_article_text


def rendered(body: str, name: str = "en/general/a.md", front: str = "") -> Article:
    return both(body, name, front)[0]


def both(
    body: str, name: str = "en/general/a.md", front: str = ""
) -> tuple[Article, list[Problem]]:
    article, problems = read_article_text(name, f"---\nid: a\ntitle: t\n{front}---\n{body}")
    assert article is not None, problems
    return article, problems


def shape(html: str) -> str:
    """The tags without attributes, and the text."""
    return re.sub(r"\s*\n\s*", "", re.sub(r"<(/?[a-z0-9]+)[^>]*>", r"<\1>", html))


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("Do this:\n- unplug\n- wait", "<p>Do this:</p><ul><li>unplug</li><li>wait</li></ul>"),
        ("1. a\n\n   p\n\n2. b", "<ol><li><p>a</p><p>p</p></li><li><p>b</p></li></ol>"),
        ("1. a\n   - b\n2. c", "<ol><li>a<ul><li>b</li></ul></li><li>c</li></ol>"),
        ("1) one\n2) two", "<ol><li>one</li><li>two</li></ol>"),
        ("a\\\nb", "<p>a<br>b</p>"),
        ("<details>\n<summary>S</summary>\n\n**b**\n\n</details>", "<strong>b</strong>"),
        ("文\n```\ncode\n```", "<p>文</p><div><pre><code>code</code></pre></div>"),
    ],
)
def test_lists_and_blocks_are_those_of_commonmark(body: str, wanted: str) -> None:
    assert wanted in shape(rendered(body).html)


def test_a_table_may_follow_a_paragraph() -> None:
    assert "<th>a</th>" in rendered("Text\n| a | b |\n|---|---|\n| 1 | 2 |").html


def test_a_list_that_begins_with_another_number_keeps_it() -> None:
    assert '<ol start="4">' in rendered("4. four\n5. five").html


@pytest.mark.parametrize(
    ("body", "kind", "title", "text"),
    [
        ("> [!WARNING]\n> Hot.", "warning", "Warning", "Hot."),
        ("> [!tip] Try this\n> Well.", "tip", "Try this", "Well."),
        (":::note\nText.\n:::", "note", "Note", "Text."),
        ("::: tip Own title\nText.\n:::", "tip", "Own title", "Text."),
        (":::caution[Own title]\nText.\n:::", "warning", "Own title", "Text."),
        (":::tip{label='Own title'}\nText.\n:::", "tip", "Own title", "Text."),
        (':::tip{.x title="Own title"}\nText.\n:::', "tip", "Own title", "Text."),
        (":::tip{label=前提}\nText.\n:::", "tip", "前提", "Text."),
        ('!!! danger "Own title"\n    Text.', "danger", "Own title", "Text."),
        ("!!! note\n    Text.", "note", "Note", "Text."),
    ],
)
def test_admonitions_of_all_tools_look_alike(body: str, kind: str, title: str, text: str) -> None:
    html = rendered(body).html
    assert re.search(rf'<div class="admonition {kind}[^"]*">', html)
    assert f'<p class="admonition-title">{title}</p>' in html and f"<p>{text}</p>" in html
    assert ":::" not in html and "[!" not in html and "!!!" not in html


def test_their_titles_are_in_the_language_of_the_article() -> None:
    assert ">警告</p>" in rendered("> [!WARNING]\n> 熱い。", "ja/general/a.md").html
    assert ">ヒント</p>" in rendered(":::tip\n本文\n:::", "ja/general/a.md").html


@pytest.mark.parametrize(
    "body",
    ['??? note "More"\n    Text.', "::: details More\nText.\n:::", "> [!note]- More\n> Text."],
)
def test_folded_blocks_become_details(body: str) -> None:
    assert re.search(
        r"<details[^>]*><summary>More</summary><p>Text.</p></details>",
        rendered(body).html.replace("\n", ""),
    )


def test_an_unfolded_block_is_open() -> None:
    assert '<details class="admonition note" open="">' in rendered('???+ note "A"\n    b').html


def test_containers_nest_and_may_stand_in_lists() -> None:
    html = shape(rendered("::::note\n:::tip\nin\n:::\nout\n::::\nafter").html)
    assert html.endswith("<p>in</p></div><p>out</p></div><p>after</p>")
    html = shape(rendered("1. a\n\n   :::tip\n   in\n   :::\n\n2. b").html)
    assert html.count("<ol>") == 1 and "<p>in</p></div></li>" in html


def test_a_container_in_a_list_may_be_closed_at_the_margin() -> None:
    html = shape(rendered("1. a\n\n    :::tip\n\n    in\n\n:::\n\n    more\n\n1. b\n\nend").html)
    assert html.count("<ol>") == 1 and "more" in html and html.endswith("<p>end</p>")


@pytest.mark.parametrize("body", ["1. a\n   :::tip\n   in\n\nafter", ":::note\nin\n\nafter"])
def test_a_container_that_is_not_closed_loses_nothing(body: str) -> None:
    article, problems = both(body)
    assert "after" in article.html and [problem.code for problem in problems] == ["unclosed"]


def test_an_unknown_container_shows_its_text_and_is_reported() -> None:
    article, problems = both("Text.\n\n:::spoiler Title\nin\n:::")
    assert "Title" in article.html and "<p>in</p>" in article.html
    assert [(problem.code, problem.line) for problem in problems] == [("unknown-container", 7)]


def test_exclamation_and_question_marks_are_text() -> None:
    assert "!!! wow" in rendered("!!! wow").html and "??? what" in rendered("??? what").html


def test_a_code_group_is_a_set_of_tabs() -> None:
    html = rendered("::: code-group\n\n```sh [npm]\na\n```\n\n```sh [yarn]\nb\n```\n\n:::").html
    assert ">npm</label>" in html and ">yarn</label>" in html and html.count("tabbed-block") == 2


def test_tabs_hold_lists_and_admonitions() -> None:
    html = rendered('=== "A"\n    1. x\n\n        !!! note\n            y\n\n=== "B"\n    z').html
    assert html.count("tabbed-block") == 2 and "<ol>" in html and "admonition" in html


# --- HTML in Markdown ---


def test_text_in_angle_brackets_is_shown() -> None:
    article, problems = both("Type <user-name> and <SSID>.\n\n<port>\n\nhttp://<store>.example.com")
    text = article.sections[0].text
    assert "Type <user-name> and <SSID>." in text and "<port>" in text and "<store>" in text
    assert problems == []


@pytest.mark.parametrize("tag", ["button", "center", "font", "object", "form", "textarea"])
def test_markup_that_is_removed_is_reported_with_its_line(tag: str) -> None:
    article, problems = both(f"Text.\n\nMore <{tag}>inside</{tag}>.")
    assert "inside" in article.html
    assert [(problem.line, problem.code) for problem in problems] == [(7, "unsafe-html")]
    assert f"<{tag}>" in problems[0].message


def test_a_removed_attribute_is_reported() -> None:
    _, problems = both('<p style="color:red">x</p>\n\n<div onclick="x()">y</div>')
    assert [(problem.code, problem.line) for problem in problems] == [
        ("removed-attribute", 5),
        ("removed-attribute", 7),
    ]


def test_a_comment_that_is_not_closed_is_reported() -> None:
    assert [problem.code for problem in both("a\n\n<!-- b\n\nc")[1]] == ["unclosed"]


def test_markdown_inside_html_by_attribute() -> None:
    assert "<strong>b</strong>" in rendered('<div class="x" markdown="1">\n**b**\n</div>').html


# --- what templates would have filled in ---


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("a\n\n{% include note.html %}\n", [7]),
        ("a {{ site.title }} b", [5]),
        ("{{< youtube id >}}", [5]),
        ("{{% notice %}}\nx\n{{% /notice %}}", [5, 7]),
        ("import X from './x'\n\ntext", [5]),
        ("[TOC]\n\ntext", [5]),
        ("* toc\n{:toc}\n\ntext", [6]),
        ("a %%note to self%% b", [5]),
    ],
)
def test_leftovers_are_reported_instead_of_shown(body: str, lines: list[int]) -> None:
    article, problems = both(body)
    assert not re.search(r"[{}]|%%|import X|TOC", article.html)
    found = [problem.line for problem in problems if problem.code in ("leftover", "comment")]
    assert found == lines


def test_code_keeps_what_looks_like_a_template() -> None:
    body = "`{{ a.b }}` and\n\n```\n{% x %}\n```\n\n``{{ `c.d` }}``"
    article, problems = both(body)
    assert all(part in article.html for part in ("{{ a.b }}", "{% x %}", "{{ `c.d` }}"))
    assert problems == []


def test_a_placeholder_of_one_word_is_shown_and_reported() -> None:
    article, problems = both("Use {{name}} in mails.")
    assert "{{name}}" in article.html and [problem.code for problem in problems] == ["leftover"]


def test_links_by_liquid_are_links() -> None:
    html = rendered("[a]({{ site.baseurl }}/help/) [b]({% link _docs/x.md %})").html
    assert 'href="/help/"' in html and 'href="/_docs/x.md"' in html


def test_components_of_mdx_are_removed_and_their_text_stays() -> None:
    article, problems = both("<Tabs>\n\nText\n\n</Tabs>\n\n{/* c */}", "en/general/a.mdx")
    assert "Text" in article.html and "Tabs" not in article.html and "/*" not in article.html
    assert [problem.code for problem in problems] == ["leftover"]


@pytest.mark.parametrize(
    "component",
    [
        '<MkIndex :sort="(a, b) => b.name - a.name"></MkIndex>',
        "<MkIndex />",
        "<Callout kind='tip'>",
        "文の<Badge text='新'/>中",
        "<Tabs>\n\n文\n\n</Tabs>",
    ],
)
def test_components_in_plain_markdown_are_reported_and_not_shown(component: str) -> None:
    article, problems = both(f"前\n\n{component}\n\n後")
    assert "&lt;" not in article.html and "後" in article.html
    assert {(problem.code, problem.line) for problem in problems} == {("leftover", 7)}


def test_a_name_in_angles_is_no_component() -> None:
    article, problems = both("Enter <Name> and <Serial Number>, or <Your Mail> ...")
    assert "&lt;Name&gt;" in article.html and "&lt;Serial Number&gt;" in article.html
    assert problems == []


# --- Obsidian ---


def test_marks_and_image_sizes() -> None:
    article = rendered("==marked== a == b\n\n![alt|300](a.png)")
    assert "<mark>marked</mark> a == b" in article.html
    assert 'alt="alt"' in article.html and 'width="300"' in article.html


# --- Japanese ---


def test_emphasis_beside_japanese_brackets_and_stops() -> None:
    html = rendered("**「返品」**は**重要。**次です。~~古い。~~新しい", "ja/general/a.md").html
    assert "<strong>「返品」</strong>は<strong>重要。</strong>次" in html
    assert "<del>古い。</del>新しい" in html


def test_a_url_ends_at_a_japanese_stop() -> None:
    html = rendered("詳細は https://example.com/a。次に", "ja/general/a.md").html
    assert '<a href="https://example.com/a">https://example.com/a</a>。次に' in html


# --- anchors and attributes ---


def test_anchors_of_all_kinds_are_kept() -> None:
    article = rendered('<a name="one"></a>\n\n## Second{#two}\n\n## <a id="three"></a>Third\n\nx')
    assert {"one", "two", "three", "third"} <= set(article.anchors)
    assert [entry.title for entry in article.toc] == ["Second", "Third"]


@pytest.mark.parametrize(
    "attributes",
    [
        '{:target="_blank"}',
        '{:target="_blank"}{:rel="noopener noreferrer"}',
        '{:target="\\_blank"}',
        '{: target="_blank" .button }',
        "{target=_blank rel='noopener'}",
    ],
)
def test_attributes_of_a_link_are_not_shown(attributes: str) -> None:
    article, _ = both(f"see [YubiKey](https://example.com){attributes} for *more* _words_.")
    assert article.sections[0].text == "see YubiKey for more words."


def test_braces_that_are_no_attributes_are_text() -> None:
    assert "{name}" in rendered("## Hello {name}\n\n`a`{b} c {d}").html


# --- the older dialect ---


def test_an_article_may_ask_for_the_older_dialect() -> None:
    body = "Do this:\n- a"
    assert "<ul>" in rendered(body).html
    assert "<ul>" not in rendered(body, front="markdown: classic\n").html


# --- the text that is indexed and quoted says what the page says ---


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("within 30[^1] days\n\n[^1]: Or more.", "within 30 days"),
        ("costs ~~500 yen~~ 700 yen", "costs 700 yen"),
        ("10<sup>2</sup> metres", "10² metres"),
        ("10<sup>-21</sup>", "10⁻²¹"),
        ("H<sub>2</sub>O", "H₂O"),
        ("the 1<sup>st</sup> of May", "the 1st of May"),
        ("<ruby>弁済<rp>(</rp><rt>べんさい</rt><rp>)</rp></ruby>の期限", "弁済の期限"),
        ("Press <kbd>Ctrl</kbd>+<kbd>C</kbd>", "Press Ctrl+C"),
        ("a<br>b", "a\nb"),
        ("> [!NOTE]\n> x", "Note\nx"),
        ("- [x] done\n- [ ] open", "done\nopen"),
        ("Term\n: Meaning", "Term\nMeaning"),
        ("<label>One</label><label>Two</label>", "One Two"),
        ("a\n\n---\n\nb", "a\nb"),
    ],
)
def test_text_taken_from_html_keeps_its_meaning(body: str, text: str) -> None:
    assert rendered(body).sections[0].text.startswith(text)


def test_each_tab_is_read_with_its_label() -> None:
    inner = '    === "Left"\n        Pull.\n\n    === "Right"\n        Push.\n'
    body = f'=== "Model A"\n    Hold it.\n\n=== "Model B"\n{inner}\n=== "Model C"\n    Leave it.'
    assert rendered(body).sections[0].text.split("\n") == [
        *("Model A", "Hold it.", "Model B", "Left", "Pull.", "Right", "Push."),
        *("Model C", "Leave it."),
    ]


@pytest.mark.parametrize(
    "tag",
    [
        '<p style="display:none;">',
        "<p style='color: red; DISPLAY : none'>",
        "<p hidden>",
        '<div style="visibility: hidden">',
    ],
)
def test_hidden_text_is_found_and_neither_shown_nor_quoted(tag: str) -> None:
    name = tag[1:].split(maxsplit=1)[0]
    article, problems = both(f"隠れていない文。\n\n{tag}\n  秘密の言葉\n</{name}>\n")
    assert re.search(rf"<{name} [^>]*hidden", article.html), article.html
    [section] = article.sections
    lines = section.text.split("\n")
    hidden = [block.kind for block in section.blocks if "秘密" in lines[block.first]]
    assert hidden == ["label"]
    assert [problem.code for problem in problems] == ["hidden-text"]


@pytest.mark.parametrize(
    ("body", "title", "left"),
    [
        ("返品する方法\n=====\n\n本文", "返品する方法", "<p>本文</p>"),
        ("Return it\n---------\ntext", "Return it", "<p>text</p>"),
        ('<h1 align="center">Return &amp; refund</h1>\n\ntext', "Return & refund", "<p>text</p>"),
        ("text first\n\nReturn it\n===\nmore", "Return it", "Return it</h1>"),
        ("# Return it #\ntext", "Return it", "<p>text</p>"),
        ("- a list\n---\ntext", "A", "a list"),
        ("```\nno title\n===\n```\ntext", "A", "no title"),
        ("|a|b|\n|---|---|\n|c|d|", "A", "<td>c</td>"),
    ],
)
def test_a_title_is_any_first_heading(body: str, title: str, left: str) -> None:
    article, _ = read_article_text("en/general/a.md", f"---\nid: a\n---\n{body}")
    assert article is not None
    assert (article.title, left in article.html) == (title, True), article.html
    assert article.html.count(title) == left.count(title)


@pytest.mark.parametrize("levels", [15, 40])
def test_text_after_deep_lists_is_shown(levels: int) -> None:
    deep = "".join(f"{'  ' * level}- a\n" for level in range(levels))
    article, problems = both(f"{deep}\nLAST")
    assert "LAST" in article.html and problems == []


def test_what_is_nested_too_deeply_is_named() -> None:
    _, problems = both("Words.\n\n" + "> " * 150 + "- " * 50 + "x")
    assert [problem.code for problem in problems] == ["too-deep"]
